import { expect, test } from "vitest";
import { Episodes } from "../src/episodes";
import { parseFilter } from "../src/filter";

const episodes = new Episodes(
  { episode_index: Float64Array.of(0, 1, 4), length: Float64Array.of(10, 20, 10), episode_return: Float64Array.of(1, -3, 2.5), row_start: Float64Array.of(0, 10, 30), row_end: Float64Array.of(10, 30, 40) },
  { policy: ["random", "PPO", "ppo"], terminated: [true, false, false], truncated: [false, true, false] },
);
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
