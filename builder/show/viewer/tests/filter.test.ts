import { expect, test } from "vitest";
import { Episodes } from "../src/episodes";
import { parseFilter } from "../src/filter";

const episodes = new Episodes({
  episode_index: [0n, 1n, 4n],
  policy: ["random", "PPO", "ppo"],
  length: [10n, 20n, 10n],
  episode_return: [1, -3, 2.5],
  terminated: [true, false, false],
  truncated: [false, true, false],
  row_start: [0n, 10n, 30n],
  row_end: [10n, 30n, 40n],
});
const accepted = (text: string) => [0, 1, 2].filter(parseFilter(text, episodes).accepts);

test.each([
  ["", [0, 1, 2]],
  ["return>=1", [0, 2]],
  ["return<-2.5", [1]],
  ["length=10 return>2", [2]],
  ["truncated", [1]],
  ["4", [2]],
  ["policy:ppo", [1, 2]],
  ["RETURN>1e0", [2]],
])("the filter %s", (text, rows) => {
  expect(accepted(text)).toEqual(rows);
});

test.each(["retrun>1", "return>", "return>x", "<script>", "seed=1"])("%s says nothing, and is named", (text) => {
  expect(parseFilter(text, episodes).wrong).toBe(text);
});
