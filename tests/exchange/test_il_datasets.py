"""IL-Datasets' columns, in each of their files, and back."""

import json

import kinds
import numpy as np
import pyarrow.parquet as pq
import pytest
from sweeps import sweep

from builder import load
from builder.errors import ConfigError, DatasetError
from builder.exchange.export import ExportRequest, export
from builder.exchange.il_datasets import COLUMNS, FORMAT

HELD = {
    "npz": [kind for kind in kinds.KINDS if kind not in ("dict", "tuple", "plane")],
    "huggingface": [kind for kind in kinds.KINDS if kind not in ("dict", "tuple", "plane", "image")],
}
ROWS = {
    "obs": [[0.5, 1.0], [1.5, 2.0], [2.5, 3.0], [3.5, 4.0]],
    "actions": [0, 1, 2, 3],
    "rewards": [1.0, 2.0, 3.0, 4.0],
    "episode_starts": [1.0, 0.0, 1.0, 0.0],
}


@pytest.fixture
def exported(dataset_of, tmp_path):
    return lambda kind, form: (
        export(dataset_of(kind), ExportRequest("il-datasets", tmp_path / "x", options={"form": form})).path
    )


@sweep(("form", "kind"), [(form, kind) for form in HELD for kind in HELD[form]], quick=3)
def test_what_is_read_back_is_what_was_recorded(form, kind, dataset_of, exported):
    came = FORMAT.read(exported(kind, form), {})
    assert came.unsaid == {"terminated", "truncated", "seed"}
    found = list(came.trajectories())
    for split in ("train", "test"):
        episodes = [one for one in found if one.split == split]
        for episode, back in zip(load(dataset_of(kind), split=split), episodes, strict=True):
            (observations,) = back.all_observations()
            assert observations.dtype == episode.observations.dtype
            np.testing.assert_array_equal(observations, episode.observations)
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            np.testing.assert_array_equal(back.rewards, episode.rewards)
            assert (back.ended, back.terminated) == (True, None)


def test_its_readers_leave_out_a_last_row_that_is_no_step(dataset_of, exported):
    first = load(dataset_of("vector"))[0]
    with np.load(exported("vector", "npz") / "train.npz") as file:
        rows = {name: file[name][: len(first) + 1] for name in COLUMNS}
        assert file["episode_returns"][0] == first.rewards.cumsum()[-1]
    np.testing.assert_array_equal(rows["obs"], first.observations)
    assert (rows["actions"][-1], rows["rewards"][-1]) == (0, 0)
    assert rows["episode_starts"].tolist() == [1.0] + [0.0] * len(first)


@pytest.mark.parametrize(
    ("form", "expected"), [("npz", '.npz", source="local"'), ("huggingface", '/x", source="hug')]
)
def test_the_line_that_opens_it_names_what_was_written(form, expected, exported):
    assert expected in FORMAT.opening(exported("vector", form))


@pytest.mark.parametrize("form", HELD)
def test_the_same_dataset_gives_the_same_bytes(form, dataset_of, tmp_path):
    one, other = (
        export(
            dataset_of("vector"), ExportRequest("il-datasets", tmp_path / name, options={"form": form})
        ).path
        for name in "ab"
    )
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


@pytest.mark.parametrize("ending", ["npz", "jsonl"])
def test_files_of_others_end_with_a_step(ending, tmp_path):
    path = tmp_path / f"teacher.{ending}"
    if ending == "npz":
        np.savez(
            path, episode_returns=[3.0, 7.0], **{name: np.array(values) for name, values in ROWS.items()}
        )
    else:
        lines = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for given in (path, tmp_path):
        came = FORMAT.read(given, {})
        assert came.unsaid == {"terminated", "truncated", "seed", "final_observation"}
        found = list(came.trajectories())
        assert [one.rewards.tolist() for one in found] == [[1.0, 2.0], [3.0, 4.0]]
        assert found[1].observations[0].tolist() == [[2.5, 3.0], [3.5, 4.0]]
        assert found[1].actions[0].tolist() == [2, 3]


def test_an_episode_that_is_longer_than_a_piece_stays_one(tmp_path):
    starts = np.zeros(3000)
    starts[[0, 2500]] = 1
    rows = {"obs": np.arange(6000.0).reshape(3000, 2), "actions": np.arange(3000), "rewards": starts}
    np.savez(tmp_path / "x.npz", episode_starts=starts, **rows)
    assert [len(one) for one in FORMAT.read(tmp_path / "x.npz", {}).trajectories()] == [2500, 500]


def test_what_does_not_fit_is_refused_before_anything_is_written(dataset_of, tmp_path):
    for kind, form, match in (
        ("image", "huggingface", "to.form=npz"),
        ("plane", "npz", "vectors as actions"),
        ("vector", "csv", "no such form"),
    ):
        with pytest.raises(ConfigError, match=match):
            export(dataset_of(kind), ExportRequest("il-datasets", tmp_path / "x", options={"form": form}))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        "{}\n",
        "{\n",
        '{"obs": NaN}\n',
        json.dumps(dict.fromkeys(COLUMNS, "a")) + "\n",
        "x" * (2 << 20),
    ],
    ids=["empty", "list", "columns", "json", "nan", "texts", "long"],
)
def test_lines_that_are_no_rows_are_refused(text, tmp_path):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(DatasetError):
        list(FORMAT.read(tmp_path / "x.jsonl", {}).trajectories())


def test_a_cut_parquet_file_is_refused(exported):
    path = exported("vector", "huggingface")
    file = path / "train.parquet"
    assert pq.read_schema(file).names == [*COLUMNS]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="cut short"):
        FORMAT.read(path, {})
