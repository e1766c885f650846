"""`expert=python`, and policies of the program itself."""

import dataclasses
import pickle
import sys

import cloudpickle
import pytest
from configured import CHOICE, LINE, Right, first_action, loaded, player_of

from builder.errors import ConfigError, ExpertError
from builder.experts.policy import Policy
from builder.experts.sources.registered import DEFAULT_ROLLOUT, policy_expert


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module into the folder where the command is run; its name is returned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    name = f"expert_{tmp_path.name.replace('-', '_')}"

    def write(text):
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield write
    sys.modules.pop(name, None)


RIGHT = """
class Right:
    def predict(self, obs, state=None, deterministic=True):
        return int(deterministic), state

def make():
    return Right()

ready = Right()
"""


@pytest.mark.parametrize("target", ["Right", "make", "ready"])
def test_a_python_expert_is_a_class_a_factory_or_an_object_of_a_module_beside_the_command(module, target):
    expert = loaded("python", target=f"{module(RIGHT)}:{target}")
    assert first_action(player_of(expert)) == 1


def test_a_python_expert_is_imported_in_the_worker_that_plays(module):
    name = module(RIGHT)
    expert = loaded("python", target=f"{name}:Right")
    packed = pickle.dumps(player_of(expert))
    assert name not in sys.modules
    assert first_action(pickle.loads(packed)) == 1
    assert name in sys.modules


def test_a_python_expert_is_told_whether_to_act_deterministically(module):
    rollout = dataclasses.replace(DEFAULT_ROLLOUT, deterministic=False)
    expert = loaded("python", target=f"{module(RIGHT)}:Right", rollout=rollout)
    assert first_action(player_of(expert, rollout)) == 0


def test_a_python_expert_is_not_pinned_unless_it_has_a_version():
    unpinned = loaded("python", target="mine:make")
    pinned = loaded("python", target="mine:make", version="3", batched=True)
    assert unpinned.identity == {
        "name": "python",
        "source": "python",
        "algo": None,
        "version": "not pinned",
        "target": "mine:make",
        "batched": False,
    }
    assert not unpinned.pinned
    assert pinned.identity == unpinned.identity | {"version": "3", "batched": True}
    assert pinned.pinned


def test_a_python_expert_needs_a_target():
    with pytest.raises(ConfigError) as caught:
        loaded("python")
    assert str(caught.value) == "expert=python needs expert.target; add expert.target=... to the command"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:make", "No module named 'no_such_module'"),
        ("{}:nothing", "module '{}' has no attribute 'nothing'"),
        ("{}", "module '{}' has no attribute ''"),
        (":make", "Empty module name"),
    ],
)
def test_a_target_that_cannot_be_imported_is_refused(module, target, reason):
    name = module(RIGHT)
    target, reason = target.format(name), reason.format(name)
    with pytest.raises(ConfigError) as caught:
        player_of(loaded("python", target=target)).actor(LINE, CHOICE)
    assert str(caught.value) == (
        f"the expert {target!r} cannot be imported: {reason}; expected package.module:factory;"
        " the module must be installed, or lie in the folder where the command is run"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "importing the expert '{}:make' raised ZeroDivisionError: division by zero"),
        (
            "def make():\n    1 / 0",
            (
                "the factory {}:make of the expert raised ZeroDivisionError: division by zero;"
                " expected a factory that is called without arguments"
            ),
        ),
    ],
)
def test_what_an_experts_own_code_raises_is_chained(module, text, message):
    name = module(text)
    with pytest.raises(ExpertError) as caught:
        player_of(loaded("python", target=f"{name}:make")).actor(LINE, CHOICE)
    assert str(caught.value) == message.format(name)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_target_that_is_no_expert_is_refused(module):
    with pytest.raises(ExpertError, match="the expert dict has no predict method"):
        player_of(loaded("python", target=f"{module('make = dict')}:make")).actor(LINE, CHOICE)


def make_right():
    return Right()


@pytest.mark.parametrize("policy", [Right(), Right, make_right], ids=["object", "class", "factory"])
def test_a_policy_of_the_program_plays_in_whatever_worker(policy):
    expert = policy_expert("mine", Policy("CartPole-v1", policy=policy))
    assert first_action(cloudpickle.loads(cloudpickle.dumps(player_of(expert)))) == 1


class Versioned(Right):
    version = 7


@pytest.mark.parametrize(
    ("policy", "version"),
    [
        (Policy("CartPole-v1", policy=Right()), "not pinned"),
        (Policy("CartPole-v1", policy=Right(), version="3"), "3"),
        (Policy("CartPole-v1", policy=Versioned()), "7"),
        (Policy("CartPole-v1", policy=Versioned), "7"),
        (Policy("CartPole-v1", policy=Versioned(), version="3"), "3"),
    ],
)
def test_the_identity_of_a_policy_is_the_version_that_it_gives(policy, version):
    expert = policy_expert("mine", policy)
    assert expert.identity == {
        "name": "mine",
        "source": "python",
        "algo": None,
        "version": version,
        "batched": False,
    }
    assert expert.policy is policy
