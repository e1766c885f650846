"""CleanRL's models of JAX act as its own networks did, in flax.

`tests/flax_files` has small ones that flax saved, with the actions of the scripts' inference
(`flax_models.py`); `tests/peers/test_flax.py` makes them anew, in their full size.
"""

import flax_models
import numpy as np
import pytest
from places import ROOT
from sb3_models import start
from sweeps import case

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.cleanrl import read_cleanrl
from builder.experts.archive.cleanrl_flax import flax_model
from builder.experts.archive.flax_msgpack import read_msgpack
from builder.experts.network.network import ResidualExtractor
from builder.experts.network_player import NetworkPlayer

FILES = ROOT / "tests" / "flax_files"


def content_of(script):
    return (FILES / f"{script}.cleanrl_model").read_bytes()


def acted(content, observations):
    agent = read_cleanrl(content, "x").agent
    rows = range(len(observations))
    actor = start(NetworkPlayer(agent.network), agent.observation_space, agent.action_space, lanes=len(rows))
    return agent, actor.act([observations], rows)[0]


@pytest.mark.parametrize(
    ("script", "algorithm", "rows"),
    [("dqn_jax", "DQN", 1000), ("c51_jax", "C51", 1000), ("cleanba_ppo", "PPO", 100)],
)
def test_actions_are_those_of_its_own_network(script, algorithm, rows):
    agent, actions = acted(content_of(script), flax_models.observed(script, rows))
    expected = np.load(FILES / f"{script}.npy")
    assert agent.algorithm == algorithm
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(actions, expected)


def test_a_player_of_screens_is_impalas_and_its_environment_that_of_the_arguments():
    model = read_cleanrl(content_of("cleanba_ppo"), "x")
    (extractor,) = model.agent.network.extractors
    assert isinstance(extractor, ResidualExtractor)
    assert (len(extractor.stages), extractor.centred, model.env_id) == (5, False, "Breakout-v5")


def changed(script, change):
    value = read_msgpack(content_of(script), "x")
    change(value)
    return value


def drop(value, *names):
    for name in names[:-1]:
        value = value[name]
    del value[names[-1]]


MISFITS = [
    ("dqn_jax", lambda v: drop(v, "params", "Dense_1", "bias"), ArchiveError, "Dense_1"),
    ("dqn_jax", lambda v: drop(v, "params", "Dense_1"), UnsupportedExpertError, "no known place"),
    ("dqn_jax", lambda v: v["params"].update(x=np.zeros(2)), UnsupportedExpertError, "no known place"),
    ("dqn_jax", lambda v: v.update(params=3), ArchiveError, "without parameters"),
    ("dqn_jax", lambda v: v.update({"0": v.pop("params")}), UnsupportedExpertError, "not known"),
    ("c51_jax", lambda v: v["args"].update(n_atoms=7), ArchiveError, "as many outputs"),
    ("c51_jax", lambda v: v["args"].update(v_min="x"), ArchiveError, "impossible atoms"),
    ("c51_jax", lambda v: v["args"].update(n_atoms=1 << 40), ArchiveError, "impossible atoms"),
    ("cleanba_ppo", lambda v: drop(v, "1", "1", "params", "Dense_0"), ArchiveError, "Dense_0"),
    ("cleanba_ppo", lambda v: drop(v, "1", "0", "params", "ConvSequence_4"), ArchiveError, "Dense_0"),
]


def test_what_does_not_fit_together_is_named():
    for script, change, error, said in MISFITS:
        wrong = pytest.raises((error, UnsupportedExpertError), match=said)
        with case(script, said), wrong:
            flax_model(changed(script, change), "x", 0.05)


def test_a_network_wider_than_any_is_refused_before_it_computes():
    def widen(value):
        first = value["1"]["0"]["params"]["ConvSequence_0"]["Conv_0"]
        first.update(kernel=np.zeros((3, 3, 4, 5000), np.float32), bias=np.zeros(5000, np.float32))

    with pytest.raises(ArchiveError, match="Conv_0"):
        flax_model(changed("cleanba_ppo", widen), "x", 0.05)


def test_a_player_of_sticky_games_is_refused():
    content = content_of("cleanba_ppo").replace(b"\xabcleanba_ppo", b"\xabmachado_ppo")
    with pytest.raises(UnsupportedExpertError, match="sticky actions"):
        read_cleanrl(content, "x")
