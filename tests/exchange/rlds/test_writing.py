"""A folder that TensorFlow Datasets' own reader opens."""

import json
import subprocess
import sys

import extras
import kinds
import numpy as np
import pytest
from folders import files
from sweeps import sweep

from builder import load
from builder.errors import ConfigError
from builder.exchange.export import ExportRequest, export
from builder.exchange.rlds import FORMAT, writing

tfds = extras.rlds()


def exported(folder, path):
    return export(folder, ExportRequest("rlds", path))


def opened(path):
    """All episodes as the peer's reader gives them: train, then test."""
    builder = tfds.builder_from_directory(str(path))
    for split in ("train", "test"):
        source = builder.as_data_source(split=split)
        for number in range(len(source)):
            episode = source[number]
            yield split, episode, list(episode["steps"])


def part(value, path):
    for word in path:
        value = value[int(word) if isinstance(value, tuple) else word]
    return np.asarray(value)


def paths(value):
    """The paths of the arrays in what a step observed."""
    if not isinstance(value, dict):
        return [()]
    return [(name, *path) for name, inner in value.items() for path in paths(inner)]


@sweep("kind", kinds.KINDS, quick=3)
def test_its_own_reader_finds_what_the_environment_gives(kind, dataset_of, tmp_path):
    path = exported(dataset_of(kind), tmp_path / "x").path
    recorded = [*load(dataset_of(kind)), *load(dataset_of(kind), split="test")]
    found = list(opened(path))
    assert [split for split, *_ in found] == ["train"] * 6 + ["test"] * 2
    for ours, (_, episode, steps) in zip(recorded, found, strict=True):
        assert (int(episode["seed"]), episode["policy"]) == (ours.seed, b"random")
        acted = np.array([step["action"] for step in steps[:-1]])
        assert acted.dtype == ours.actions.dtype
        np.testing.assert_array_equal(acted, ours.actions)
        assert not np.any(steps[-1]["action"])
        observed, rewards, ends = kinds.restep(kind, int(episode["seed"]), acted)
        assert len(steps) == len(observed)
        names = paths(steps[0]["observation"])
        assert len(names) == len(kinds.OBSERVED[kind].spaces) if kind in {"dict", "tuple"} else names == [()]
        for name in names:
            for step, seen in zip(steps, observed, strict=True):
                theirs, wanted = part(step["observation"], name), part(seen, name)
                assert theirs.dtype == wanted.dtype
                np.testing.assert_array_equal(theirs.reshape(wanted.shape), wanted)
        given = np.array([step["reward"] for step in steps])
        assert given.dtype == np.float64
        np.testing.assert_array_equal(given, [*rewards, 0])
        flags = {
            name: [bool(step[name]) for step in steps] for name in ("is_first", "is_last", "is_terminal")
        }
        rest = [False] * len(rewards)
        assert flags == {"is_first": [True, *rest], "is_last": [*rest, True], "is_terminal": [*rest, ends[0]]}
        assert [float(step["discount"]) for step in steps] == [*[1.0] * len(rewards), 0.0]


def test_the_same_dataset_gives_the_same_bytes(dataset_of, tmp_path):
    for name in ("a", "b"):
        exported(dataset_of("dict"), tmp_path / name)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_long_split_is_several_files(dataset_of, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "SHARD_BYTES", 1)
    path = exported(dataset_of("vector"), tmp_path / "x").path
    assert len(list(path.glob("*-train.array_record-*"))) == 6
    assert len(list(opened(path))) == 8
    assert len(list(FORMAT.read(path, {}).trajectories())) == 8


def test_metadata_say_what_it_is_and_no_path(dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x").path
    info = json.loads((path / "dataset_info.json").read_text())
    assert (info["fileFormat"], info["version"], info["name"]) == ("array_record", "1.0.0", "random")
    assert "8 episodes of random" in info["description"]
    assert str(tmp_path) not in (path / "dataset_info.json").read_text()


@pytest.mark.slow
def test_tensorflow_is_not_imported(dataset_of, tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from builder.exchange.export import ExportRequest, export\n"
        "from builder.exchange.rlds import FORMAT\n"
        "path = export(Path(sys.argv[1]), ExportRequest('rlds', Path(sys.argv[2]))).path\n"
        "print(len(list(FORMAT.read(path, {}).trajectories())), 'tensorflow' in sys.modules)"
    )
    words = [sys.executable, "-c", program, dataset_of("vector"), tmp_path / "x"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "False"]


def test_an_episode_too_large_for_a_record_is_refused(dataset_of, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "RLDS_RECORD_BYTES", 10)
    with pytest.raises(ConfigError, match=r"episode 0 takes .* at most 10"):
        exported(dataset_of("vector"), tmp_path / "x")
    assert not (tmp_path / "x").exists()
