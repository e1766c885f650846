"""A plain table by a mapping of its columns."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import sweep

from builder import load
from builder.errors import BuilderError, ConfigError, DatasetError
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_

COLUMNS = {"observation": ["x", "v"], "action": "a", "reward": "r", "terminated": "over", "episode": "id"}
ROWS = [
    {"x": 0.25, "v": 1.0, "a": 0, "r": 1.0, "over": False, "id": "one"},
    {"x": 0.5, "v": 2.0, "a": 1, "r": 2.0, "over": True, "id": "one"},
    {"x": 0.75, "v": 3.0, "a": 1, "r": 3.0, "over": False, "id": "two"},
]


def written(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


def imported(path, tmp_path, columns=COLUMNS):
    return import_(ImportRequest("table", path, options={"columns": columns}), tmp_path / "out").out


@sweep("suffix", [".csv", ".parquet", ".jsonl"])
def test_the_columns_are_what_the_mapping_says(suffix, tmp_path):
    dataset = load(imported(written(tmp_path / f"x{suffix}", ROWS), tmp_path))
    arrays = dataset.arrays()
    np.testing.assert_array_equal(arrays["observation"], [[0.25, 1], [0.5, 2], [0.75, 3]])
    np.testing.assert_array_equal(arrays["action"], [0, 1, 1])
    np.testing.assert_array_equal(arrays["reward"], [1, 2, 3])
    np.testing.assert_array_equal(arrays["terminated"], [False, True, False])
    assert [len(episode) for episode in dataset] == [2, 1]
    assert sorted(dataset.manifest.inputs["imported"]["unsaid"]) == ["final_observation", "seed", "truncated"]


def test_lists_are_values_and_the_next_observation_gives_the_final_one(tmp_path):
    rows = [
        {"o": [0.0, 1.0], "n": [2.0, 3.0], "a": [0.5], "id": 0},
        {"o": [2.0, 3.0], "n": [4.0, 5.0], "a": [1.5], "id": 0},
    ]
    columns = {"observation": "o", "next_observation": "n", "action": "a", "episode": "id"}
    episode = load(imported(written(tmp_path / "x.jsonl", rows), tmp_path, columns))[0]
    np.testing.assert_array_equal(episode.observations, [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(episode.actions, [[0.5], [1.5]])


def test_an_episode_goes_on_over_the_borders_of_batches(tmp_path):
    rows = [{**ROWS[0], "x": float(number), "id": number // 9_000} for number in range(20_000)]
    dataset = load(imported(written(tmp_path / "x.parquet", rows), tmp_path))
    assert [len(episode) for episode in dataset] == [9_000, 9_000, 2_000]
    np.testing.assert_array_equal(dataset.arrays()["observation"][:, 0], np.arange(20_000))


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"observation": "x"}, "lacks action, episode"),
        (COLUMNS | {"rewrad": "r"}, "did you mean 'reward'"),
        (COLUMNS | {"action": 3}, "a column's name"),
        (COLUMNS | {"action": "aa"}, "no column 'aa'"),
        (COLUMNS | {"action": "id"}, "expected numbers"),
    ],
    ids=["missing", "unknown", "number", "absent", "text"],
)
def test_a_wrong_mapping_is_named(columns, match, tmp_path):
    with pytest.raises(BuilderError, match=match):
        imported(written(tmp_path / "x.csv", ROWS), tmp_path, columns)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", [b"", b"x,v\n1", b"\xff\xfe,\x00", b"x,v,a,r,over,id\n1,2,3"], ids=range(4)
)
def test_a_damaged_table_is_an_error_of_ours(content, tmp_path):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DatasetError):
        imported(tmp_path / "x.csv", tmp_path)


def test_a_table_is_read_only(dataset_of, tmp_path):
    with pytest.raises(ConfigError, match="read only"):
        export(dataset_of("vector"), ExportRequest("table", tmp_path / "x.csv"))
