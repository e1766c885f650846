"""Noise, from the command line to its proof."""

import dataclasses

import numpy as np
import pytest
from folders import files
from verification import check

from builder import Controller, build, load
from builder.composition import build_config
from builder.errors import ConfigError
from builder.loading.open import open_folder
from builder.manifest.manifest import read_manifest

NOISY = {
    "expert": "pendulum",
    "rollout.noise": "gaussian",
    "rollout.noise.std": 0.5,
    "episodes": 6,
    "env.max_episode_steps": 30,
}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    out = tmp_path_factory.mktemp("noisy") / "x"
    Controller().start({**NOISY, "out": str(out)})
    return out


def test_what_was_done_and_what_the_expert_would_have_done_stand_side_by_side(noisy):
    arrays = open_folder(noisy).arrays()
    offset = arrays["action"] - arrays["expert_action"]
    assert arrays["expert_action"].dtype == arrays["action"].dtype
    assert 0.3 < offset.std() < 0.6
    assert np.abs(arrays["action"]).max() <= 2


def test_the_label_is_the_experts_own_answer_to_what_it_saw(noisy, tmp_path):
    arrays = open_folder(noisy).arrays()
    alone = build("pendulum", episodes=6, out=str(tmp_path / "y"), threshold=float("-inf")).arrays()
    first = arrays["step_index"] == 0
    np.testing.assert_array_equal(arrays["expert_action"][first], alone["action"][alone["step_index"] == 0])


@pytest.mark.parametrize(
    "settings",
    [
        {"rollout.lanes": 1},
        {"rollout.lanes": 64},
        {"rollout.lanes": 7, "parallel.n_jobs": 2},
        pytest.param({"parallel": "loky", "parallel.n_jobs": 2}, marks=pytest.mark.slow),
    ],
    ids=["1", "64", "7x2", "loky"],
)
def test_lanes_and_jobs_change_no_byte(noisy, settings, tmp_path):
    Controller().start({**NOISY, **settings, "out": str(tmp_path / "x")})
    assert read_manifest(tmp_path / "x").fingerprint == read_manifest(noisy).fingerprint


def test_growth_gives_what_a_fresh_build_gives(noisy, tmp_path):
    for episodes in (2, 6):
        Controller().start({**NOISY, "episodes": episodes, "out": str(tmp_path / "x")})
    assert files(tmp_path / "x" / "data") == files(noisy / "data")


def test_it_is_stepped_and_played_again(noisy):
    for level in ("replay", "rebuild"):
        check(noisy, level).raise_for_difference()


def test_every_episode_counts_unless_a_threshold_is_given(tmp_path):
    plain = build_config(["expert=cartpole"])
    asked = ["expert=cartpole", "rollout.noise=epsilon", "rollout.noise.epsilon=0.5"]
    assert plain.acceptance.low > 0
    assert build_config(asked).acceptance.low == -np.inf
    assert build_config([*asked, "threshold=9"]).acceptance.low == 9
    out = tmp_path / "x"
    Controller().start([*asked, "episodes=3", f"out={out}"])
    assert read_manifest(out).attempts == 3


def test_a_threshold_that_is_the_experts_own_is_kept_by_a_rebuild(tmp_path):
    own = build_config(["expert=cartpole"]).acceptance.low
    given = {"expert": "cartpole", "rollout.noise": {"kind": "sticky", "probability": 0.1}, "episodes": 2}
    Controller().start({**given, "threshold": own, "out": str(tmp_path / "x")})
    check(tmp_path / "x", "rebuild").raise_for_difference()


def test_where_the_expert_samples_the_label_is_its_best_action(tmp_path):
    given = {**NOISY, "rollout.deterministic": False, "out": str(tmp_path / "x")}
    arrays = load(Controller().start(given).out).arrays()
    again = {**given, "rollout.noise.std": 0, "out": str(tmp_path / "y")}
    silent = load(Controller().start(again).out).arrays()
    assert (silent["action"] != silent["expert_action"]).any()
    first = arrays["step_index"] == 0
    np.testing.assert_array_equal(arrays["expert_action"][first], silent["expert_action"][first])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"expert": "random", "env.id": "Pendulum-v1"}, "random actions are nobody's choice"),
        ({"expert": "cartpole"}, "is for continuous actions"),
    ],
    ids=["random", "discrete"],
)
def test_what_cannot_be_disturbed_is_refused_in_a_line(given, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        Controller().start({**NOISY, **given, "out": str(tmp_path / "x")})
    assert not (tmp_path / "x").exists()


def test_a_function_of_the_users_own_has_noise_of_its_own(tmp_path):
    def enjoy(path, context, expert):
        raise AssertionError("it is not called")

    with pytest.raises(ConfigError, match=r"rollout\.noise is recorded by the built-in enjoy alone"):
        Controller(enjoy).start({**NOISY, "out": str(tmp_path / "x")})


def test_the_card_says_so(noisy):
    card = (noisy / "README.md").read_text()
    assert "noisy trajectories of `pendulum`" in card
    assert "with normal noise on each of them, of the standard deviation 0.5" in card
    assert "`expert_action` is the label for imitation" in card
    assert "One deterministic policy visits few states" not in card


def test_it_is_written_without_the_key_where_there_is_none():
    config = build_config(["expert=pendulum"])
    assert dataclasses.asdict(config.rollout)["noise"] is None
