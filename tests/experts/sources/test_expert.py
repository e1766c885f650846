"""An expert that was found: whether it is pinned, how it plays, which frames of Atari it is shown."""

import dataclasses
from types import SimpleNamespace

import pytest
from configured import loaded

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ExpertError
from builder.experts.sources.expert import NOT_PINNED, Expert

TRAINED = AtariPreprocessing(frame_skip=2)


def expert(**parts):
    return Expert("mine", loaded("random").policy, {"version": "1"}, **parts)


def test_an_expert_is_pinned_by_its_version():
    assert expert().pinned
    assert not dataclasses.replace(expert(), identity={"version": NOT_PINNED}).pinned


def test_an_expert_that_has_nothing_that_plays_is_an_error():
    with pytest.raises(ExpertError, match="the expert 'mine' has nothing that plays"):
        expert().player(None, env_id="CartPole-v1", max_episode_steps=500)


@pytest.mark.parametrize(
    ("trained", "wanted", "given"),
    [
        (None, None, None),
        (None, "atari", AtariPreprocessing()),
        (None, "raw", None),
        (TRAINED, None, TRAINED),
        (TRAINED, "atari", TRAINED),
        (TRAINED, "raw", None),
    ],
)
def test_frames_are_those_of_training_unless_others_are_wanted(trained, wanted, given):
    behind = expert(trained=SimpleNamespace(preprocessing=trained) if trained else None)
    assert behind.preprocessing(wanted) == given
