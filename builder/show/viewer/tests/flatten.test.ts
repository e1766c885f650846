import { expect, test } from "vitest";
import { at, isPicture, leaves, MOST, numberAt, pictureOf, weight } from "../src/flatten";

const labels = (value: unknown) => leaves(value, null).found.map((leaf) => leaf.label);

test("a vector has a leaf for each component", () => {
  expect(labels([1, 2, 3])).toEqual(["[0]", "[1]", "[2]"]);
});

test("structs of lists are named along their way", () => {
  expect(labels({ position: [1, 2], "0": { deep: true } })).toEqual(["0.deep", "position[0]", "position[1]"]);
});

test("a number alone has one leaf without a name", () => {
  expect(labels(3n)).toEqual([""]);
});

test("a leaf finds its number in another row, and none where there is none", () => {
  const leaf = leaves({ position: [1, 2] }, null).found[1]!;
  expect(numberAt({ position: [5, 7] }, leaf)).toBe(7);
  expect(numberAt({ position: [5] }, leaf)).toBeNaN();
  expect(numberAt(null, leaf)).toBeNaN();
  expect(at({ position: [5, 7n] }, leaf)).toBe(7n);
});

test("components beyond the most are counted, not shown", () => {
  const { found, total } = leaves([new Array(50).fill(0), new Array(90_000).fill(0)], null);
  expect(found.length).toBe(MOST);
  expect(total).toBe(90_050);
});

test("pictures are told from other structs, and bytes that are none are left out", () => {
  const picture = { bytes: new Uint8Array([1]), path: null };
  expect(pictureOf(picture)).toBe(picture.bytes);
  expect(pictureOf({ bytes: "text", path: null })).toBeNull();
  expect(leaves({ view: picture, raw: new Uint8Array(3) }, null).found.map((leaf) => leaf.kind)).toEqual(["picture"]);
  expect(isPicture({ _type: "Image" })).toBe(true);
});

test("integers and truth values are drawn in steps, floats are not", () => {
  const feature = { _type: "Sequence", length: 2, feature: { _type: "Value", dtype: "int32" } };
  expect(leaves([1, 2], feature).found.map((leaf) => leaf.stepped)).toEqual([true, true]);
  expect(leaves(true, null).found[0]!.stepped).toBe(true);
  expect(leaves(1.5, { _type: "Value", dtype: "float32" }).found[0]!.stepped).toBe(false);
});

test("a row weighs as many values as its features say", () => {
  expect(weight({ _type: "Value", dtype: "float32" })).toBe(1);
  expect(weight({ _type: "Array3D", shape: [84, 84, 4] })).toBe(84 * 84 * 4);
  expect(weight({ a: { _type: "Sequence", length: 3, feature: { _type: "Value" } }, b: { _type: "Value" } })).toBe(4);
});
