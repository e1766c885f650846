"""`builder.testing`: the contracts that others run on their own parts; `il-builder check` prints the same."""

import gymnasium as gym
import numpy as np
import pytest
import unruly
from sweeps import sweep

from builder.cli.main import main
from builder.errors import CheckError
from builder.testing import check_enjoy, check_environment, check_policy


@pytest.fixture(autouse=True)
def _unruly():
    unruly.register()
    yield
    unruly.forget()


def codes(findings):
    return [item.code for item in findings]


@sweep(
    ("env_id", "expected"),
    [
        ("CartPole-v1", []),
        ("unruly/Calm-v0", []),
        ("unruly/Same-v0", ["ignores-seed"]),
        ("unruly/Drifts-v0", ["remembers-past"]),
        ("unruly/Windy-v0", ["global-random"]),
        ("unruly/Shared-v0", ["shared-simulator"]),
        ("unruly/OnlyOne-v0", ["single-instance"]),
        ("unruly/Keeps-v0", ["keeps-observation"]),
        ("unruly/Edits-v0", ["edits-action"]),
        ("unruly/Beyond-v0", ["outside-bounds"]),
    ],
    quick=5,
)
def test_what_a_build_handles_by_itself_is_returned(env_id, expected):
    assert codes(check_environment(env_id)) == expected


@pytest.mark.parametrize(
    ("env_id", "code"),
    [
        ("unruly/Unseeded-v0", "ignores-seed"),
        ("unruly/Untrue-v0", "undeclared-observation"),
        ("unruly/Nan-v0", "not-a-number"),
        ("unruly/Infinite-v0", "infinite"),
        ("unruly/Raises-v0", "raises"),
    ],
)
def test_what_would_make_a_dataset_wrong_is_raised(env_id, code):
    with pytest.raises(CheckError, match=f"^{code}: ") as caught:
        check_environment(env_id)
    assert code in codes(caught.value.findings)


def test_a_space_without_columns_is_raised():
    class Words(unruly.Calm):
        observation_space = gym.spaces.Text(5)

    gym.register("unruly/Words-v0", Words, max_episode_steps=50)
    try:
        with pytest.raises(CheckError, match=r"^no-columns: .* is a Text space"):
            check_environment("unruly/Words-v0")
    finally:
        gym.registry.pop("unruly/Words-v0")


def test_the_environment_is_made_with_what_is_given():
    with pytest.raises(Exception, match="cannot be made with kwargs"):
        check_environment("CartPole-v1", gravity=1)


@pytest.mark.slow
def test_bipedal_walker_remembers_its_past():
    pytest.importorskip("Box2D")
    assert codes(check_environment("BipedalWalker-v3")) == ["remembers-past"]


class Still:
    def predict(self, obs, state=None, deterministic=True):
        return np.zeros(2, np.float32), state


class Counts(Still):
    def __init__(self):
        self.count = np.float32(0)

    def predict(self, obs, state=None, deterministic=True):
        self.count += 1
        return np.full(2, 1 / self.count, np.float32), None


def test_a_policy_is_checked_as_object_factory_policy_and_name():
    assert codes(check_policy(Still(), "unruly/Calm-v0")) == []
    assert codes(check_policy(Counts, "unruly/Calm-v0")) == ["hidden-state"]
    assert codes(check_policy("cartpole", "CartPole-v1")) == []


def test_a_policy_that_does_not_fit_is_raised():
    with pytest.raises(CheckError, match=r"^undeclared-action: Still: ") as caught:
        check_policy(Still(), "CartPole-v1")
    assert "raises" not in codes(caught.value.findings)


def test_a_policy_that_raises_is_named_by_what_it_raises():
    class Fails:
        def predict(self, obs, state=None, deterministic=True):
            raise KeyError("weights")

    with pytest.raises(CheckError, match=r"raised KeyError: 'weights'"):
        check_policy(Fails(), "unruly/Calm-v0")


@pytest.mark.slow
def test_difficulty_that_grows_with_the_experts_success_is_found():
    assert codes(check_environment("unruly/Harder-v0")) == []
    assert codes(check_policy(unruly.GoesDown, "unruly/Harder-v0")) == ["remembers-past"]


def test_an_enjoy_is_checked():
    def silent(path, context, expert):
        return True

    with pytest.raises(CheckError, match=r"^records-nothing: .*silent returns True"):
        check_enjoy(silent)


def test_the_command_prints_a_line_for_each_finding(capsys):
    assert main(["check", "env.id=unruly/OnlyOne-v0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines[:-1]] == [["note", "single-instance"], ["note", "speed"]]
    assert lines[-1] == "unruly/OnlyOne-v0, played by random: fit for a build"


def test_the_command_ends_with_1_where_a_dataset_would_be_wrong(capsys):
    assert main(["check", "env.id=unruly/Unseeded-v0"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("error: ignores-seed: unruly/Unseeded-v0 gives something else at ")
    last = "il-builder: unruly/Unseeded-v0, played by random: not fit for a build; got ignores-seed\n"
    assert said.err == last


def test_the_command_takes_an_expert_with_its_own_environment(capsys):
    assert main(["check", "expert=pendulum"]) == 0
    assert "Pendulum-v1, played by pendulum: fit for a build" in capsys.readouterr().out


def test_where_one_instance_is_stated_no_second_is_made(capsys):
    assert main(["check", "env.id=unruly/OnlyOne-v0", "env.instances=single"]) == 0
    assert "single-instance" not in capsys.readouterr().out
    assert unruly.OnlyOne.together == 0
