import { expect, test } from "vitest";
import { copiesAmong, Episodes, summary } from "../src/episodes";

function episodes(): Episodes {
  return new Episodes(
  { episode_index: Float64Array.of(0, 1, 4), attempt_index: Float64Array.of(0, 2, 5), length: Float64Array.of(10, 20, 10), episode_return: Float64Array.of(1, 3, 2), row_start: Float64Array.of(0, 10, 30), row_end: Float64Array.of(10, 30, 40) },
  { seed: [18446744073709551615n, 3n, 7n], policy: ["a", "b", "a"], terminated: [true, false, false], truncated: [false, true, false] },
);
}

test("rows are sorted by a column, equal ones in their order", () => {
  const all = () => true;
  expect([...episodes().sorted("return", true, all)]).toEqual([1, 2, 0]);
  expect([...episodes().sorted("length", false, all)]).toEqual([0, 2, 1]);
  expect([...episodes().sorted("ending", false, all)]).toEqual([0, 1, 2]);
});

test("a seed of 64 bits is shown to its last digit", () => {
  expect(episodes().seed(0)).toBe("18446744073709551615");
});

test("an imported dataset may lack columns", () => {
  const imported = new Episodes({ row_start: Float64Array.of(0, 5), row_end: Float64Array.of(5, 12) }, {});
  expect([...imported.length]).toEqual([5, 7]);
  expect(imported.returns).toBeNull();
  expect(imported.ending(0)).toBe("");
  expect(imported.seed(0)).toBe("");
});

test("which episodes are copies is said only where the list can tell", () => {
  const key = (keys: string) => (row: number) => keys[row] ?? "";
  expect(copiesAmong(3, 3, key("aaa"))).toEqual(Int32Array.of(-1, -1, -1));
  expect(copiesAmong(1, 3, key("abc"))).toEqual(Int32Array.of(-1, 0, 0));
  expect(copiesAmong(2, 4, key("abab"))).toEqual(Int32Array.of(-1, -1, 0, 1));
  expect(copiesAmong(3, 4, key("abab"))).toBeNull();
});

test("a summary has mean, deviation and range", () => {
  expect(summary([1, 3])).toEqual({ mean: 2, std: 1, low: 1, high: 3 });
});
