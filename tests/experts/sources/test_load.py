"""From a configured expert to one that can play: python, random, local, bundled and registered ones."""

import dataclasses
import hashlib
import pickle
import shutil
import sys
from functools import cache

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest

from builder.composition import build_config
from builder.episodes.context import Context
from builder.errors import ConfigError, ExpertError
from builder.experts.actor import RandomPlayer
from builder.experts.policy import BUNDLED, Experts, Policy
from builder.experts.sources.load import load_expert
from builder.experts.sources.registered import DEFAULT_ROLLOUT, policy_expert

LINE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
CHOICE = gym.spaces.Discrete(2)
CARTPOLE = BUNDLED / "cartpole.zip"
SHA256 = hashlib.sha256(CARTPOLE.read_bytes()).hexdigest()


class Right:
    """Goes right; left where it may choose."""

    def predict(self, obs, state=None, deterministic=True):
        return int(deterministic), state


@cache
def composed(name):
    return build_config([f"expert={name}", *(["expert.name=mine"] if name == "registered" else [])]).expert


def load(expert, /, *, rollout=DEFAULT_ROLLOUT, **keys):
    return load_expert(dataclasses.replace(composed(expert), **keys), rollout)


def player_of(expert, rollout=DEFAULT_ROLLOUT):
    return expert.player(rollout, env_id="CartPole-v1", max_episode_steps=500)


def first_action(player):
    actor = player.actor(LINE, CHOICE)
    actor.begin(0, Context(0))
    ((action,),) = actor.act([np.array([[0, 0, 1, 1]], np.float32)], [0])
    return int(action)


def test_a_random_expert_needs_nothing():
    expert = load("random")
    assert player_of(expert) == RandomPlayer()
    assert expert.identity == {"name": "random", "source": "random", "algo": None, "version": "random"}
    assert expert.pinned


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
    expert = load("python", target=f"{module(RIGHT)}:{target}")
    assert first_action(player_of(expert)) == 1


def test_a_python_expert_is_imported_in_the_worker_that_plays(module):
    name = module(RIGHT)
    expert = load("python", target=f"{name}:Right")
    packed = pickle.dumps(player_of(expert))
    assert name not in sys.modules
    assert first_action(pickle.loads(packed)) == 1
    assert name in sys.modules


def test_a_python_expert_is_told_whether_to_act_deterministically(module):
    rollout = dataclasses.replace(DEFAULT_ROLLOUT, deterministic=False)
    expert = load("python", target=f"{module(RIGHT)}:Right", rollout=rollout)
    assert first_action(player_of(expert, rollout)) == 0


def test_a_python_expert_is_not_pinned_unless_it_has_a_version():
    unpinned = load("python", target="mine:make")
    pinned = load("python", target="mine:make", version="3", batched=True)
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
        load("python")
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
        player_of(load("python", target=target)).actor(LINE, CHOICE)
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
        player_of(load("python", target=f"{name}:make")).actor(LINE, CHOICE)
    assert str(caught.value) == message.format(name)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_target_that_is_no_expert_is_refused(module):
    with pytest.raises(ExpertError, match="the expert dict has no predict method"):
        player_of(load("python", target=f"{module('make = dict')}:make")).actor(LINE, CHOICE)


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


def test_a_registered_expert_is_the_policy_that_the_program_registered(monkeypatch):
    policy = Policy("CartPole-v1", policy=Right, version="1")
    monkeypatch.setitem(Experts._registered, "mine", policy)
    expert = load("registered")
    assert (expert.name, expert.policy, expert.identity["version"]) == ("mine", policy, "1")


def test_an_expert_that_nobody_registered_is_an_error():
    with pytest.raises(ConfigError, match="there is no expert 'nobodys'"):
        load("registered", name="nobodys")


def test_a_policy_without_any_expert_is_refused():
    with pytest.raises(ConfigError) as caught:
        policy_expert("mine", Policy("CartPole-v1"))
    assert str(caught.value) == "the policy 'mine' names no expert; give repo_id=, path= or policy="


def test_a_bundled_expert_is_named_by_its_archives_sha256():
    expert = load("cartpole")
    assert expert.identity == {
        "name": "cartpole",
        "source": "bundled",
        "algo": "PPO",
        "version": SHA256,
        "sha256": SHA256,
    }
    assert expert.policy.path == str(CARTPOLE)
    assert first_action(player_of(expert)) == 1


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return shutil.copy(CARTPOLE, folder / "agent.zip")


@pytest.mark.parametrize("where", ["file", "folder", "home"])
def test_a_local_expert_is_an_archive_or_the_folder_that_holds_one(copy, monkeypatch, where):
    monkeypatch.setenv("HOME", str(copy.parent))
    path = {"file": copy, "folder": copy.parent, "home": "~/agent.zip"}[where]
    expert = load("local", path=str(path), sha256=SHA256)
    assert (expert.identity["sha256"], expert.identity["algo"]) == (SHA256, "PPO")
    assert expert.policy.path == str(copy)


def test_a_policy_may_name_a_local_archive(copy):
    expert = policy_expert("mine", Policy("CartPole-v1", path=str(copy)))
    assert (expert.name, expert.identity["source"], expert.identity["version"]) == ("mine", "local", SHA256)


def test_where_an_expert_lies_does_not_name_it(copy, tmp_path):
    moved = shutil.copy(copy, tmp_path / "agent.zip")
    assert load("local", path=str(copy)).identity == load("local", path=str(moved)).identity


def test_what_lies_in_the_folder_of_a_log_is_part_of_the_identity(copy):
    beside = copy.with_suffix("") / "config.yml"  # the zoo's logs keep it in a folder of the archive's name
    beside.parent.mkdir()
    beside.write_text("frame_stack: 1")
    digest = hashlib.sha256(b"frame_stack: 1").hexdigest()
    assert load("local", path=str(copy)).identity["beside"] == {"config.yml": digest}


def test_an_archive_of_another_sha256_is_refused(copy):
    with pytest.raises(ExpertError) as caught:
        load("local", path=str(copy), sha256="abc")
    assert str(caught.value) == (
        f"agent.zip is not the expert that was asked for; expected sha256 abc; got {SHA256};"
        " fetch it again, or state its new sha256 in expert.sha256"
    )


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(ExpertError) as caught:
        load("local", path="nothing.zip", name="mine")
    assert str(caught.value) == "there is no file nothing.zip for the expert 'mine'; check expert.path"


@pytest.mark.parametrize("count", [0, 2])
def test_a_folder_with_no_archive_or_several_is_refused(tmp_path, count):
    for number in range(count):
        shutil.copy(CARTPOLE, tmp_path / f"{number}.zip")
    with pytest.raises(ExpertError) as caught:
        load("local", path=str(tmp_path), name="mine")
    assert str(caught.value) == (
        f"the folder {tmp_path} of the expert 'mine'; expected one .zip;"
        f" got {'0.zip, 1.zip' if count else 'none'}; name the archive itself in expert.path"
    )


def test_the_folder_of_a_repository_holds_one_agent_beside_its_metrics(copy):
    shutil.copy(CARTPOLE, copy.with_name("train_eval_metrics.zip"))
    assert load("local", path=str(copy.parent)).policy.path == str(copy)


@pytest.mark.parametrize(("source", "key"), [("local", "path"), ("hub", "repo_id")])
def test_a_source_without_its_key_is_refused(source, key):
    with pytest.raises(ConfigError) as caught:
        load(source)
    assert str(caught.value) == f"expert={source} needs expert.{key}; add expert.{key}=... to the command"
