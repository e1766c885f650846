"""The typed configuration refuses what cannot be built, with one readable line."""

import dataclasses
import math

import pytest
from sweeps import case

from builder.composition import build_config
from builder.config import USUAL_LANES, default_budget
from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError

CARTPOLE = build_config([])


def changed(**values):
    """The default build, with keys changed; a group's by a mapping."""
    groups = {
        key: dataclasses.replace(getattr(CARTPOLE, key), **value)
        for key, value in values.items()
        if isinstance(value, dict)
    }
    return dataclasses.replace(CARTPOLE, **values | groups)


OUT_OF_RANGE = [
    ({"episodes": 0}, "episodes is out of range; expected at least 1; got 0"),
    ({"episodes": -3}, "episodes is out of range; expected at least 1; got -3"),
    ({"seed": -1}, "seed is out of range; expected at least 0; got -1"),
    ({"max_attempts": 0}, "max_attempts is out of range; expected at least 1; got 0"),
    ({"rollout": {"lanes": 0}}, "rollout.lanes is out of range; expected at least 1; got 0"),
    ({"rollout": {"max_steps": 0}}, "rollout.max_steps is out of range; expected at least 1; got 0"),
    (
        {"env": {"max_episode_steps": 0}},
        "env.max_episode_steps is out of range; expected at least 1; got 0",
    ),
    ({"dataset": {"shard_mb": 0}}, "dataset.shard_mb is out of range; expected at least 1; got 0"),
    (
        {"parallel": {"n_jobs": 0}},
        "parallel.n_jobs is 0; expected a number of workers, or -1 for all cores",
    ),
    (
        {"dataset": {"test_fraction": 0.51}},
        "dataset.test_fraction is out of range; expected 0, or 1e-09 to 0.5; got 0.51",
    ),
    (
        {"dataset": {"test_fraction": -0.1}},
        "dataset.test_fraction is out of range; expected 0, or 1e-09 to 0.5; got -0.1",
    ),
    (
        {"dataset": {"test_fraction": math.nan}},
        "dataset.test_fraction is out of range; expected 0, or 1e-09 to 0.5; got nan",
    ),
    (
        {"dataset": {"test_fraction": 5e-324}},
        "dataset.test_fraction is out of range; expected 0, or 1e-09 to 0.5; got 5e-324",
    ),
    ({"episodes": 10**12}, "episodes is out of range; expected at most 1000000000; got 1000000000000"),
    (
        {"episodes": 10**4200},
        "episodes is out of range; expected at most 1000000000; got a number of many digits",
    ),
    (
        {"max_attempts": 10**11},
        "max_attempts is out of range; expected at most 10000000000; got 100000000000",
    ),
    (
        {"rollout": {"lanes": "many"}},
        "rollout.lanes is unknown; expected auto or a number up to 65536; got 'many'",
    ),
    (
        {"rollout": {"lanes": 10**9}},
        "rollout.lanes is out of range; expected at most 65536; got 1000000000",
    ),
    (
        {"parallel": {"n_jobs": 10**12}},
        "parallel.n_jobs is out of range; expected at most 4096; got 1000000000000",
    ),
    (
        {"parallel": {"n_jobs": -(10**12)}},
        "parallel.n_jobs is out of range; expected at most 4096; got -1000000000000",
    ),
    ({"mode": "plays"}, "mode is unknown; expected all or play or collate; got 'plays'"),
    (
        {"parallel": {"backend": "dusk"}},
        "parallel.backend is unknown; expected auto or threading or loky or dask or ray; got 'dusk'",
    ),
    (
        {"rollout": {"precision": "half"}},
        "rollout.precision is unknown; expected float64 or float32; got 'half'",
    ),
    (
        {"max_return": 499.5},
        "no return can be accepted; expected threshold <= max_return; got 500.0 and 499.5",
    ),
    (
        {"threshold": math.nan},
        "no return can be accepted; expected threshold <= max_return; got nan and inf",
    ),
    (
        {"max_return": math.nan},
        "no return can be accepted; expected threshold <= max_return; got 500.0 and nan",
    ),
]


def test_a_value_out_of_range_is_refused():
    for values, message in OUT_OF_RANGE:
        with case(values, message):
            with pytest.raises(ConfigError) as caught:
                changed(**values)
            assert str(caught.value) == message


AT_THE_EDGE = [
    {"seed": 0},
    {"episodes": 1},
    {"max_attempts": 1},
    {"rollout": {"lanes": 1, "max_steps": 1}},
    {"parallel": {"n_jobs": -1}},
    {"dataset": {"test_fraction": 0.5}},
    {"dataset": {"test_fraction": 0.0}},
    {"threshold": 500.0, "max_return": 500.0},
]


def test_a_value_at_the_edge_of_its_range_is_taken():
    for values in AT_THE_EDGE:
        with case(values):
            config = changed(**values)
            for key, value in values.items():
                found = getattr(config, key)
                assert (
                    (dataclasses.asdict(found) | value == dataclasses.asdict(found))
                    if isinstance(value, dict)
                    else found == value
                )


def test_the_experts_threshold_holds_unless_the_user_gives_one():
    assert CARTPOLE.acceptance == Acceptance(500.0, math.inf)
    assert changed(threshold=0.0, max_return=100.0).acceptance == Acceptance(0.0, 100.0)


@pytest.mark.parametrize(("episodes", "budget"), [(1, 100), (10, 100), (11, 110), (1000, 10000)])
def test_the_budget_is_ten_attempts_per_episode_and_100_at_the_least(episodes, budget):
    assert default_budget(episodes) == budget
    assert changed(episodes=episodes).budget == budget


def test_the_users_budget_holds():
    assert changed(episodes=1000, max_attempts=7).budget == 7


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hub.push=true"], "hub.push=true needs hub.repo_id; add hub.repo_id=user/name"),
        (["hub.push=true", "hub.repo_id=user/name", "mode=play"], "mode=play makes no dataset to push"),
        (["hub.token=hf_mine"], "there is no key 'hub.token'"),
    ],
)
def test_what_cannot_be_pushed_is_refused(overrides, message):
    with pytest.raises(ConfigError) as caught:
        build_config(overrides)
    assert message in str(caught.value)
    assert "hf_mine" not in str(caught.value)


def test_nothing_is_pushed_unless_that_is_asked_for():
    hub = build_config([]).hub
    assert (hub.push, hub.repo_id, hub.private, hub.tag, hub.revision) == (False, None, None, None, None)


def test_lanes_that_came_as_a_text_are_the_number_that_it_spells():
    rollout = build_config(["rollout.lanes='7'"]).rollout
    assert (rollout.lanes, rollout.most_lanes) == (7, 7)


def test_work_is_cut_for_the_usual_lanes_where_their_number_is_found_out():
    assert build_config(["rollout.lanes=auto"]).rollout.most_lanes == USUAL_LANES
