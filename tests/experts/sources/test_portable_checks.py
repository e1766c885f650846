"""A kept expert that does not hold together is refused with a named error, before anything is done."""

import copy
import json
import random
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from sb3_models import AGENTS, box, make_model
from sweeps import sweep

from builder.composition import build_config
from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.errors import ArchiveError, BuilderError
from builder.experts.policy import BUNDLED
from builder.experts.sources.files import read_archived
from builder.experts.sources.load import load_expert
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS, read_portable, save_portable


def archived(path):
    return read_archived(build_config(["expert=local", f"expert.path='{path}'"]).expert, Path(path))


@pytest.fixture
def kept(tmp_path):
    """A kept expert; `change(*keys, value=)` changes its description."""
    folder = tmp_path / "kept"
    save_portable(archived(BUNDLED / "cartpole.zip").portable(), folder)

    def change(*keys, value):
        content = json.loads((folder / DESCRIPTION).read_text())
        part = content
        for key in keys[:-1]:
            part = part[key]
        assert part[keys[-1]] != value
        part[keys[-1]] = value
        (folder / DESCRIPTION).write_text(json.dumps(content))
        return folder

    return change


NETWORK = ("agent", "fields", "network", "fields")
COMPANIONS = ("companions", "fields")


def published(**fields):
    return {"class": "Published", "fields": fields}


@sweep(
    ("keys", "value", "message"),
    [
        ((*COMPANIONS, "files"), {"tuple": ["../../secret"]}, "impossible companions"),
        ((*COMPANIONS, "frame_stack"), 1 << 40, "impossible companions"),
        ((*COMPANIONS, "files"), {"tuple": ["../mine.pkl"]}, "impossible companions"),
        ((*COMPANIONS, "notes"), {"tuple": ["x" * 501]}, "impossible notes"),
        (("agent", "fields", "notes"), {"tuple": [""]}, "impossible notes"),
        ((*COMPANIONS, "env_id"), 3, r"Companions.env_id; expected str \| None; got int"),
        ((*COMPANIONS, "env_kwargs"), {"mapping": {"x": {"array": "0000"}}}, "Companions.env_kwargs"),
        ((*COMPANIONS, "statistics"), {"class": "Published", "fields": {}}, "is damaged"),
        ((*NETWORK, "activation"), "Dream", "the network cannot act"),
        ((*NETWORK, "hidden"), {"tuple": []}, "the network cannot act"),
        ((*NETWORK, "output", "fields", "weight"), {"array": "0000"}, "does not give its actions"),
        ((*NETWORK, "head", "fields", "counts"), {"tuple": [3]}, "does not give its actions"),
        ((*NETWORK, "head", "fields", "sampling"), "magic", "does not give its actions"),
        ((*NETWORK, "encoders"), {"tuple": []}, "does not take its observation space"),
        (("agent", "fields", "exploration_rate"), "much", "Agent.exploration_rate"),
        (("published",), published(mean={"float": "nan"}, std=0), "an impossible published return"),
        (("published",), published(mean=10**400, std=0), "is damaged"),
        (("origin",), {"mapping": {"x": {"array": "0000"}}}, "PortableExpert.origin"),
        (("agent",), {}, "is damaged|holds something"),
    ],
    quick=14,
)
def test_description_that_does_not_hold_together_is_refused(kept, keys, value, message):
    with pytest.raises(ArchiveError, match=message):
        read_portable(kept(*keys, value=value))


def test_space_of_more_numbers_than_memory_holds_is_refused(kept):
    keys = (*NETWORK, "observation_space", "space", "shape")
    with pytest.raises(BuilderError, match="not the description of a space"):
        read_portable(kept(*keys, value=[1 << 20, 1 << 20]))


def test_weights_of_another_type_are_refused(kept, tmp_path):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "kept" / WEIGHTS
    save_file({name: array.astype(np.float64) for name, array in load_file(path).items()}, path)
    with pytest.raises(ArchiveError, match="weights of another type; expected float32"):
        read_portable(path.parent)


VALUES = (None, True, -1, 2**70, 1e308, "", "x", [], {}, {"array": "0001"}, {"float": "nan"}, {"tuple": []})


def places(value, path=()):
    """The keys to every part of a description."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield (*path, key)
        if isinstance(value[key], (dict, list)):
            yield from places(value[key], (*path, key))


def mutated(content, rng):
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 2])):
        *keys, last = rng.choice(list(places(content)))
        part = content
        for key in keys:
            part = part[key]
        if rng.random() < 0.2:
            del part[last]
        elif type(part[last]) is int and rng.random() < 0.5:
            part[last] += rng.choice([-100, -1, 1, 3])
        else:
            part[last] = rng.choice(VALUES)
    return content


def sources(tmp_path):
    model = make_model("SAC", "MlpPolicy", box(3), box(2), policy_kwargs={"net_arch": [4]})
    model.save(tmp_path / "sac.zip")
    normalised = AGENTS / "ppo-MountainCar-v0"
    found = [BUNDLED / "cartpole.zip", tmp_path / "sac.zip"]
    return [*found, normalised] if normalised.is_dir() else found


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_mutated_descriptions_give_named_errors_only(tmp_path, seed):
    rng = random.Random(seed)
    outcomes = {True: 0, False: 0}
    paths = sources(tmp_path)
    original = archived(paths[seed % len(paths)])
    folder = tmp_path / "kept"
    save_portable(original.portable(), folder)
    content = json.loads((folder / DESCRIPTION).read_text())
    config = build_config(["expert=local", f"expert.path={folder}"])
    for _ in range(150):
        (folder / DESCRIPTION).write_text(json.dumps(mutated(content, rng)))
        try:
            play(config, original)
            outcomes[True] += 1
        except BuilderError:
            outcomes[False] += 1
    assert min(outcomes.values()) > 1, outcomes


def play(config, original):
    expert = load_expert(config.expert, config.rollout)
    space = original.agent.observation_space
    player = expert.player(config.rollout, env_id="MountainCar-v0", max_episode_steps=100)
    actor = player.actor(space, original.agent.action_space)
    actor.begin(0, Context(0))
    assert isinstance(space, gym.spaces.Box)
    actor.act([np.zeros((1, *leaf.shape), leaf.dtype) for leaf in leaves(space)], [0])
