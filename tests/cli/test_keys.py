"""The keys of a verb, from its files."""

import pytest

from builder.cli.keys import Key, keys
from builder.cli.verbs import VERBS
from builder.experts.policy import conf_folder

CONF = conf_folder()
SAID = [verb for verb, entry in VERBS.items() if entry.about]


@pytest.mark.parametrize("verb", SAID)
def test_every_key_of_a_verb_says_what_it_means(verb):
    assert [key.name for key in keys(verb, CONF) if not key.about] == []


def test_keys_are_those_of_the_composed_configuration():
    from omegaconf import OmegaConf

    from builder.composition.defaults import composed

    named = {key.name for key in keys("build", CONF) if not key.heads} | {"expert.name", "expert.source"}
    whole = OmegaConf.to_container(composed("build", []))
    nested = {f"{group}.{key}" for group, value in whole.items() if isinstance(value, dict) for key in value}
    assert named == nested | {key for key, value in whole.items() if not isinstance(value, dict)}


def test_a_nested_key_has_its_whole_name(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "defaults:\n  - _self_\nto:\n  name: null  # the format\nsplit: a # part\n"
    )
    assert keys("x", tmp_path) == (Key("to.name", "null", "the format"), Key("split", "a", "part"))


def test_a_group_is_a_heading_and_a_choice_where_there_are_several():
    assert Key("env", "default", "What is played", heads=True).line == "\n  env: What is played"
    assert Key("parallel", "threading", "Threads", heads=True).line.startswith("\n  parallel=threading  ")


def test_a_group_that_must_be_chosen_is_among_the_keys():
    found = {key.name: key.default for key in keys("relabel", CONF)}
    assert found["expert"] == "???"
    assert "expert.path" in found


def test_a_group_with_a_comment_is_among_the_keys_and_what_a_verb_does_not_play_is_not():
    found = {key.name for key in keys("reference", CONF)}
    assert {"expert", "rollout.lanes"} <= found
    assert not {"rollout.noise", "rollout.switch", "rollout.target"} & found
