import { expect, test } from "vitest";
import { checked, encoded, named, shards } from "../src/source";

const query = (text: string) => new URLSearchParams(text);

test("a repository is named in the address, else by the page's configuration", () => {
  expect(named({ repo: "a/b", revision: "v1" }, query(""))).toEqual({ repo: "a/b", revision: "v1" });
  expect(named({ repo: "a/b", revision: "v1" }, query("repo=c/d"))).toEqual({ repo: "c/d", revision: "main" });
  expect(named({}, query("repo=c/d&revision=refs/pr/1"))).toEqual({ repo: "c/d", revision: "refs/pr/1" });
});

test.each(["", "repo=a", "repo=a/b/c", "repo=../b", "repo=a/..", "repo=//evil.example/x", "repo=a/b%3Fx", "repo=a/b&revision=../..", "repo=a/b&revision=%20"])(
  "%s names no repository",
  (text) => {
    expect(() => named({}, query(text))).toThrow();
  },
);

test.each(["../x", "/etc/passwd", "a//b", "a/./b", "a\\..\\b", ""])("%s is no file of a dataset", (path) => {
  expect(() => encoded(path)).toThrow(/no file of a dataset/);
});

test("a path is escaped, part by part", () => {
  expect(encoded("data/a b?#.parquet")).toBe("data/a%20b%3F%23.parquet");
});

test("shards are those of the folder and split, in order", () => {
  const files = Object.fromEntries(
    ["data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet", "data/test-00000-of-00001.parquet", "episodes/train-00000-of-00001.parquet", "data/x.parquet"].map((path) => [path, { sha256: "", size: 1 }]),
  );
  const manifest = checked({ files, splits: { train: { episodes: 1, rows: 1 } }, inputs: {} });
  expect(shards(manifest, "data", "train").map(({ path }) => path)).toEqual(["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]);
});

test.each([null, [], {}, { files: {}, splits: {}, inputs: {} }, { files: {}, splits: { a: { episodes: "1", rows: 1 } }, inputs: {} }])("%j is no manifest", (content) => {
  expect(() => checked(content)).toThrow();
});
