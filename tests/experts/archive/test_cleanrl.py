"""CleanRL's models are read without torch, and act as its own code does."""

import contextlib
import io
import os
import time

import cleanrl_models
import gymnasium as gym
import numpy as np
import pytest
import torch
from damaged import NAMED, SECONDS, Mutator, members_of, zipped
from sb3_models import start
from sweeps import case

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.cleanrl import read_cleanrl
from builder.experts.network_player import NetworkPlayer

VECTORS = sorted(
    {*cleanrl_models.SPACES} - {"ppo_continuous_action"} - {"dqn_atari", "c51_atari", "ppo_atari"}
)
ALGORITHMS = {"dqn": "DQN", "c51": "C51", "ddpg": "DDPG", "td3": "TD3", "sac": "SAC", "ppo": "PPO"}


def check_same_actions(script, rows):
    acting, content = cleanrl_models.saved(script)
    model = read_cleanrl(content, f"{script}.cleanrl_model")
    space, actions = cleanrl_models.SPACES[script]
    assert model.agent.algorithm == ALGORITHMS[script.partition("_")[0]]
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 256, (rows, *space.shape), np.uint8) if len(space.shape) == 3 else None
    seen = rng.standard_normal((rows, *space.shape), np.float32) if seen is None else seen
    player = NetworkPlayer(model.agent.network)
    ours = start(player, space, actions, lanes=rows).act([seen], range(rows))[0]
    expected = cleanrl_models.inferred(script, acting, seen)
    if isinstance(actions, gym.spaces.Discrete):
        np.testing.assert_array_equal(ours, expected)
        assert len(space.shape) == 3 or len(np.unique(ours)) > 1
        return
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)
    assert (ours.std(axis=0) > 0).all()


@pytest.mark.parametrize("script", VECTORS)
def test_a_thousand_actions_are_those_of_the_script(script):
    check_same_actions(script, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["dqn_atari", "c51_atari", "ppo_atari"])
def test_a_thousand_actions_on_stacks_of_screens_are_those_of_the_script(script):
    check_same_actions(script, 1000)


@pytest.mark.parametrize(("script", "low", "high"), [("td3_continuous_action", [-2, 0], [1, 3])])
def test_the_bounds_of_actions_are_those_that_the_actor_stretches_to(script, low, high):
    space = read_cleanrl(cleanrl_models.saved(script)[1], "x").agent.action_space
    assert (space.low.tolist(), space.high.tolist()) == (low, high)


def test_the_environment_is_that_of_the_scripts_arguments_where_the_file_has_them():
    assert read_cleanrl(cleanrl_models.saved("c51", env_id="Acrobot-v1")[1], "x").env_id == "Acrobot-v1"
    assert read_cleanrl(cleanrl_models.saved("dqn")[1], "x").env_id is None


@pytest.mark.parametrize("script", ["dqn", "c51"])
def test_sampling_explores_as_much_as_cleanrls_evaluation(script):
    agent = read_cleanrl(cleanrl_models.saved(script)[1], "x").agent
    player = NetworkPlayer(agent.network, deterministic=False)
    rows = 4000
    actor = start(player, agent.observation_space, agent.action_space, lanes=rows)
    same = np.zeros((rows, 5), np.float32)
    actions = actor.act([same], range(rows))[0]
    best = np.bincount(actions, minlength=3).max() / rows
    assert abs((1 - best) - 0.05 * 2 / 3) < 0.01


def test_a_policy_that_samples_in_a_way_of_its_own_plays_its_best_actions_only():
    agent = read_cleanrl(cleanrl_models.saved("sac_continuous_action")[1], "x").agent
    with pytest.raises(UnsupportedExpertError, match="which is not supported"):
        start(NetworkPlayer(agent.network, deterministic=False), agent.observation_space, agent.action_space)


def test_ppo_for_continuous_actions_is_refused_since_its_statistics_were_never_saved():
    with pytest.raises(UnsupportedExpertError, match="statistics that its script never saved") as caught:
        read_cleanrl(cleanrl_models.saved("ppo_continuous_action")[1], "x.cleanrl_model")
    assert "425" in str(caught.value)


def torch_file(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def changed(script, **weights):
    state = {**cleanrl_models.saved(script)[0].state_dict(), **weights}
    return torch_file({name: values for name, values in state.items() if values is not None})


class Runs:
    def __reduce__(self):
        return exec, ("raise SystemExit",)


NONE_OF_THEM = [
    (lambda: changed("dqn", extra=torch.zeros(2)), UnsupportedExpertError, "one of CleanRL's own"),
    (lambda: changed("dqn", **{"network.2.weight": None}), ArchiveError, "no known place|missing|fit"),
    (lambda: changed("c51", atoms=torch.zeros(7)), ArchiveError, "a multiple of 7 atoms"),
    (lambda: changed("td3_continuous_action", action_scale=torch.zeros(5)), ArchiveError, "2 numbers"),
    (lambda: changed("td3_continuous_action", action_scale=None), ArchiveError, "2 numbers"),
    (
        lambda: changed("td3_continuous_action", action_scale=-torch.ones(2)),
        ArchiveError,
        "impossible bounds",
    ),
    (lambda: torch_file({"other.weight": torch.zeros(2, 2)}), UnsupportedExpertError, "none of CleanRL"),
    (lambda: torch_file((1, 2)), ArchiveError, "0 tensors"),
    (lambda: torch_file(()), ArchiveError, "0 tensors"),
    (
        lambda: torch_file({"model_weights": {"a": torch.zeros(1)}, "args": Runs()}),
        UnsafeArchiveError,
        "would import '__builtin__.exec'",
    ),
    (lambda: b"PK\x03\x04", ArchiveError, "x"),
    (lambda: b"", ArchiveError, "x"),
]


def test_what_is_none_of_its_models_is_named():
    for content, error, said in NONE_OF_THEM:
        with case(content, error, said):
            made = content()
            with pytest.raises((error, UnsupportedExpertError), match=said) as caught:
                read_cleanrl(made, "x")
            assert "\n" not in str(caught.value)


def mutated(mutator, content):
    choice = mutator.random.random()
    if choice < 0.3:
        return mutator.bytes(content)
    members = members_of(content)
    pickles = [name for name in members if name.endswith("data.pkl")]
    name = mutator.random.choice(pickles if choice < 0.8 else list(members))
    return zipped({**members, name: mutator.bytes(members[name])})


@pytest.mark.slow
def test_mutated_models_give_named_errors_only():
    small = (gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(2))
    contents = [cleanrl_models.saved(script, small)[1] for script in ("dqn", "c51", "ppo")]
    contents.append(cleanrl_models.saved("td3_continuous_action")[1])
    outcomes = {True: 0, False: 0}
    for seed in range(int(os.environ.get("MUTANTS", "300"))):
        spoilt = mutated(Mutator(seed), contents[seed % len(contents)])
        began, refused = time.process_time(), True
        with contextlib.suppress(*NAMED):
            read_cleanrl(spoilt, "x")
            refused = False
        assert time.process_time() - began < SECONDS
        outcomes[refused] += 1
    assert min(outcomes.values()) > 0, outcomes
