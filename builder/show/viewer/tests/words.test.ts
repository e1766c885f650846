import { expect, test } from "vitest";
import { parsePlace, placeText } from "../src/address";
import { counted, measure } from "../src/format";
import { fullLabel, grouped } from "../src/groups";
import { histogram } from "../src/histogram";
import { keyName } from "../src/keys";

test.each([
  [500, "500"],
  [-0.01943, "−0.0194"],
  [12345.678, "12345.7"],
  [1.23456, "1.235"],
  [NaN, "NaN"],
  [-Infinity, "−∞"],
  [0, "0"],
  [1e9, "1.00e9"],
])("%d reads %s", (value, text) => {
  expect(measure(value)).toBe(text);
});

test("one is not many", () => {
  expect([counted(1, "step"), counted(2000, "step")]).toEqual(["1 step", "2,000 steps"]);
});

test("an address tells what is shown, and back", () => {
  for (const text of ["#train/12", "#train/12+3", "#test/0+3@40", "#train/7@1"]) expect(placeText(parsePlace(text))).toBe(text);
  expect(parsePlace("#<script>")).toEqual({ split: null, episode: null, beside: null, step: 0 });
});

test("a constant value is one bin, whole numbers have bins of their own, and nothing is lost", () => {
  expect(histogram([5, 5, 5])).toEqual({ low: 5, width: 1, counts: [3] });
  expect(histogram([1, 2, 2, 4])).toEqual({ low: 0.5, width: 1, counts: [1, 2, 0, 1] });
  const bins = histogram(Array.from({ length: 1000 }, (_, index) => index / 7));
  expect(bins.counts.reduce((sum, held) => sum + held)).toBe(1000);
  expect(histogram([NaN, Infinity]).counts).toEqual([]);
});

test("shift changes what arrows do, and no other key", () => {
  expect(keyName({ key: "ArrowLeft", shiftKey: true })).toBe("Shift+ArrowLeft");
  expect(keyName({ key: "?", shiftKey: true })).toBe("?");
});

test("components stand under their column, and those alone in theirs together before them", () => {
  const of = (group: string, label: string) => ({ group, label });
  const signals = [of("reward", ""), of("action", "[0]"), of("observation", "[0]"), of("observation", "[1]"), of("teacher", "value")];
  const found = grouped(signals).map(([group, mine]) => [group, ...mine.map((signal) => fullLabel(signal, group === null))]);
  expect(found).toEqual([
    [null, "reward", "action[0]", "teacher: value"],
    ["observation", "[0]", "[1]"],
  ]);
});
