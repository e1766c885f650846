import { expect, test } from "vitest";
import { copiesAmong, Episodes, summary } from "../src/episodes";

function episodes(): Episodes {
  return new Episodes({
    episode_index: [0n, 1n, 4n],
    attempt_index: [0n, 2n, 5n],
    seed: [18446744073709551615n, 3n, 7n],
    policy: ["a", "b", "a"],
    length: [10n, 20n, 10n],
    episode_return: [1, 3, 2],
    terminated: [true, false, false],
    truncated: [false, true, false],
    row_start: [0n, 10n, 30n],
    row_end: [10n, 30n, 40n],
  });
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
  const imported = new Episodes({ row_start: [0n, 5n], row_end: [5n, 12n] });
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
