"""What formats share: the episodes of a source, and their options."""

import dataclasses

import pytest

from builder import load
from builder.errors import ConfigError
from builder.exchange.contract import Format, Source
from builder.manifest.manifest import read_manifest

ANY = Format("any", "", "", write=None, read=None, options={"fps": 30, "name": None, "share": 0.5})


@pytest.fixture
def source(dataset_of):
    folder = dataset_of("dict")
    return Source(folder, read_manifest(folder), {"train": [1, 3], "test": [0]})


def test_the_episodes_come_split_by_split(source):
    found = list(source.trajectories())
    recorded = [load(source.folder)[1], load(source.folder)[3], load(source.folder, split="test")[0]]
    assert [one.seed for one in found] == [one.seed for one in recorded]
    assert [one.split for one in found] == ["train", "train", "test"]
    assert [len(one) for one in found] == [len(one) for one in recorded]


def test_a_column_that_is_needed_and_not_there_is_named(source):
    inputs = {"imported": {"unsaid": ["reward"]}}
    poor = dataclasses.replace(source, manifest=dataclasses.replace(source.manifest, inputs=inputs))
    with pytest.raises(ConfigError, match="d4rl needs reward"):
        poor.needs("reward", "seed", format_name="d4rl")


def test_options_have_defaults_names_and_types():
    assert ANY.with_defaults({"fps": 10, "share": 1}, ANY.options) == {"fps": 10, "name": None, "share": 1}
    with pytest.raises(ConfigError, match="expected int"):
        ANY.with_defaults({"fps": "fast"}, ANY.options)
    with pytest.raises(ConfigError, match="did you mean 'fps'"):
        ANY.with_defaults({"fpss": 3}, ANY.options)
