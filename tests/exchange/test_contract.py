"""What formats share: the episodes of a source, and their options."""

import dataclasses

import gymnasium as gym
import pytest

from builder import load
from builder.episodes.declared import Declared, stated
from builder.errors import ConfigError
from builder.exchange.contract import Format, Source
from builder.manifest.manifest import read_manifest

LABEL = Declared("expert_action", gym.spaces.Discrete(2))
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


def labelled(source, acted, lacks=()):
    """The source as if each of its steps had a label, but for episodes of parts that lack it."""
    parts = {"merged": {"optional": [], "unsaid": [], "sources": [{"name": "0", "lacks": [*lacks]}]}}
    inputs = {**(parts if lacks else source.manifest.inputs), **stated([LABEL])}
    manifest = dataclasses.replace(source.manifest, inputs=inputs)
    return _Labelled(source.folder, manifest, source.chosen, acted)


class _Labelled(Source):
    extras = ("expert_action",)
    declared = (LABEL,)


def said(format_, source):
    return [str(loss) for loss in format_.all_losses(source, {})]


def test_what_keeps_one_action_a_step_says_how_to_have_the_labels(source):
    (line,) = said(ANY, labelled(source, "action"))
    assert line == (
        "expert_action: any keeps one action a step; to.action=expert_action gives the labels in its place"
    )


def test_labels_in_the_place_of_actions_are_no_loss_and_rewards_are_not_theirs(source):
    (line,) = said(ANY, labelled(source, "expert_action"))
    assert line.startswith("action: expert_action stands in its place; rewards and next observations are of")
    (line,) = said(dataclasses.replace(ANY, labels=True), labelled(source, "expert_action"))
    assert line == "action: expert_action stands in its place; to.action=action has what was done"


def test_labels_of_some_episodes_are_said_once(source):
    for_imitation = dataclasses.replace(ANY, labels=True)
    (line,) = said(for_imitation, labelled(source, "expert_action", lacks=["expert_action"]))
    assert line.startswith("action: expert_action stands in its place for the episodes that have it;")
