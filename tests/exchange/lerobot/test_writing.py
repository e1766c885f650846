"""A dataset of LeRobot's as its own reader finds it."""

import json

import kinds
import numpy as np
import pyarrow.parquet as pq
import pytest

from builder.errors import ConfigError
from builder.storage.tree import files_in


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_in(folder)}


def test_info_names_what_lies_where(exported):
    path = exported("dict").path
    info = json.loads((path / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["splits"] == {"train": "0:6", "test": "6:8"}
    assert info["features"]["observation.images.eye"] == {
        "dtype": "image",
        "shape": [32, 32, 1],
        "names": ["height", "width", "channels"],
    }
    assert info["features"]["next.reward"] == {"dtype": "float64", "shape": [1], "names": None}
    assert (path / info["data_path"].format(chunk_index=0, file_index=0)).is_file()
    rows = pq.read_table(path / "data").num_rows
    assert rows == info["total_frames"]
    tasks = pq.read_table(path / "meta/tasks.parquet")
    assert tasks.to_pandas().index.tolist() == ["Kind-v0"]


def test_the_environment_stepped_again_gives_the_rows(exported):
    path = exported("vector").path
    steps = pq.read_table(path / "data").to_pydict()
    rows = {name: np.array(values) for name, values in steps.items()}
    for line in pq.read_table(path / "meta/episodes").to_pylist():
        where = slice(line["dataset_from_index"], line["dataset_to_index"])
        actions = rows["action"][where].astype(np.float32)
        observed, rewards, ends = kinds.restep("vector", line["seed"], actions)
        np.testing.assert_array_equal(rows["observation.state"][where], np.array(observed[:-1]))
        np.testing.assert_array_equal(rows["next.reward"][where], rewards)
        np.testing.assert_array_equal(line["final_observation/observation.state"], observed[-1])
        assert (rows["next.terminated"][where][-1], rows["next.truncated"][where][-1]) == ends
        assert rows["next.done"][where].tolist() == [False] * (line["length"] - 1) + [True]
        assert rows["frame_index"][where].tolist() == list(range(line["length"]))
        np.testing.assert_array_equal(
            rows["timestamp"][where], (np.arange(line["length"]) / 30).astype(np.float32)
        )


def test_every_number_has_figures_to_normalise_by(exported):
    path = exported("dict").path
    info, stats = (json.loads((path / f"meta/{name}.json").read_text()) for name in ("info", "stats"))
    assert stats.keys() == info["features"].keys()
    assert np.shape(stats["observation.images.eye"]["q99"]) == (1, 1, 1)
    assert np.shape(stats["observation.position"]["std"]) == (3,)


def test_the_same_dataset_gives_the_same_bytes(exported):
    first, second = (content(exported("image", name=name).path) for name in "ab")
    assert first == second


def test_options_are_heard_and_checked(exported):
    path = exported("vector", options={"fps": 4, "task": "Balance."}).path
    assert pq.read_table(path / "meta/tasks.parquet")["task"].to_pylist() == ["Balance."]
    assert pq.read_table(path / "data")["timestamp"].to_pylist()[:2] in ([0.0, 0.25], [0.0, 0.0])
    with pytest.raises(ConfigError, match="the option fps of lerobot"):
        exported("vector", name="other", options={"fps": 0})


def test_what_its_readers_do_not_give_is_said(exported):
    assert [loss.what for loss in exported("float64").losses] == ["final observation", "dtypes", "time"]
