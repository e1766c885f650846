"""What a few first attempts show of `info`."""

import pytest
import telling  # noqa: F401  (registers it)

from builder.composition import build_config
from builder.environments.info import Kind
from builder.experts.sources.load import load_expert
from builder.pipeline.pairing import find
from builder.pipeline.rehearsal import LEAST_ATTEMPTS, STEPS, rehearse_info


def rehearsed(*words):
    config = build_config(["expert=random", "env.id=Telling/All-v0", *words])
    return rehearse_info(config, find(load_expert(config.expert, config.rollout), config))


@pytest.fixture(scope="module")
def shown():
    return rehearsed()


def test_keys_that_come_only_at_an_episodes_end_are_seen(shown):
    assert shown.of_steps["is_success"].kind == Kind("bool")


def test_values_of_several_types_are_widened(shown):
    assert shown.of_steps["mixed"].kind == Kind("float64")
    assert shown.of_steps["sometimes"].kind == Kind("int64")


def test_what_depends_on_more_than_the_attempt_is_no_column(shown):
    assert shown.of_steps["resets"].kind is shown.of_reset["resets"].kind is None
    assert shown.of_reset["length"].kind == Kind("int64")


def test_long_episodes_are_few():
    found = rehearsed("env.id=Pendulum-v1", "env.max_episode_steps=600")
    assert (found.attempts, found.steps) == (LEAST_ATTEMPTS, 1200)
    assert found.steps > STEPS


def test_short_ones_are_many(shown):
    assert shown.attempts == 8


def test_noise_is_part_of_what_is_played():
    still = ["expert=python", "expert.target=telling:Still", "env.id=Telling/Moved-v0"]
    noise = ["rollout.noise=epsilon", "rollout.noise.epsilon=0.5"]
    assert rehearsed(*still).of_steps == {}
    assert rehearsed(*still, *noise).of_steps["moved"].kind == Kind("float64")
