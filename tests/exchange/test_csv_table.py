"""CSV for people and spreadsheets, and back."""

import csv

import kinds
import numpy as np
import pytest
from sweeps import case, sweep

from builder import load
from builder.episodes.spaces import leaves
from builder.errors import ConfigError, DatasetError
from builder.exchange.csv_table import FORMAT
from builder.exchange.export import ExportRequest, export

HELD = [kind for kind in kinds.KINDS if kind not in ("image", "dict")]
TEXT = (
    "split,episode,step,observation.0,action,reward\n"
    "train,0,0,0.5,1,2\ntrain,0,1,0.25,,\ntrain,1,0,1,2,3\ntrain,1,1,0,,\n"
)


@pytest.fixture
def exported(dataset_of, tmp_path):
    return lambda kind: export(dataset_of(kind), ExportRequest("csv", tmp_path / "x.csv")).path


@sweep("kind", HELD, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, exported):
    came = list(FORMAT.read(exported(kind), {}).trajectories())
    for split in ("train", "test"):
        recorded = load(dataset_of(kind), split=split)
        found = leaves(recorded.manifest.spaces.observation)
        for episode, back in zip(recorded, [one for one in came if one.split == split], strict=True):
            for leaf, values in zip(found, back.all_observations(), strict=True):
                assert values.dtype == leaf.dtype
                np.testing.assert_array_equal(values, leaf.pick(episode.observations))
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            np.testing.assert_array_equal(back.rewards, episode.rewards)
            assert (back.terminated, back.truncated) == (episode.terminations[-1], episode.truncations[-1])
            assert back.seed == episode.seed


def test_whoever_reads_the_numbers_has_them_exactly(dataset_of, exported):
    with exported("vector").open(newline="") as file:
        rows = list(csv.DictReader(file))
    first = load(dataset_of("vector"))[0]
    seen = [[float(row[f"observation.{place}"]) for place in range(3)] for row in rows[: len(first) + 1]]
    assert seen == first.observations.astype(np.float64).tolist()
    assert [row["reward"] for row in rows[: len(first) + 1]] == [*map(repr, first.rewards.tolist()), ""]


def test_nested_observations_have_their_keys_in_the_names(exported):
    header = exported("tuple").read_text().partition("\n")[0].split(",")
    assert header[3:10] == [
        *(f"observation.0.{n}" for n in range(3)),
        *(f"observation.1.{n}" for n in ("0.0", "0.1", "1.0", "1.1")),
    ]


@pytest.mark.parametrize("kind", ["image", "dict"])
def test_images_are_refused(kind, exported):
    with pytest.raises(ConfigError, match="at most 1000"):
        exported(kind)


def test_a_file_without_our_note_holds_vectors(tmp_path):
    (tmp_path / "x.csv").write_text(TEXT)
    came = FORMAT.read(tmp_path / "x.csv", {})
    assert came.spaces.observation.shape == came.spaces.action.shape == (1,)
    assert came.unsaid == {"seed", "terminated", "truncated"}
    assert [one.rewards.tolist() for one in came.trajectories()] == [[2.0], [3.0]]


NO_TABLES = [
    "",
    "a,b\n1,2\n",
    TEXT.partition("\n")[0] + "\n",
    TEXT + "train,2\n",
    TEXT + "train,2,1,0,1,2\n",
    TEXT + "train,2,0,x,1,2\n",
    TEXT + "train,2,0,0,,\n",
    TEXT + 'train,2,0,"' + "0" * 200_000 + '",1,2\n',
    TEXT.replace("reward", "action"),
    TEXT.replace("reward", "terminated"),
    "\0",
]


def test_what_is_no_table_of_episodes_is_refused(tmp_path):
    for text in NO_TABLES:
        with case(text):
            (tmp_path / "x.csv").write_text(text)
            with pytest.raises(DatasetError):
                list(FORMAT.read(tmp_path / "x.csv", {}).trajectories())
