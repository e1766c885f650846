"""Sample Factory's checkpoints are read without torch, and act as its own model does.

`tests/factory_files` has a small one that its learner saved (`factory_models.py`); those for screens are made
anew by `tests/peers/test_sample_factory.py`.
"""

import contextlib
import json
import os
import time

import factory_models
import numpy as np
import pytest
import torch
from damaged import NAMED, SECONDS, Mutator, members_of, zipped
from places import ROOT
from sb3_models import start

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.experts.archive.sample_factory import read_checkpoint
from builder.experts.network.forward import Forward
from builder.experts.network.network import DiscreteHead, GruLayer, Linear, Network
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.transforms import Normalisation
from builder.experts.observations.wrapped_policy import PolicyView

FOLDER = ROOT / "tests" / "factory_files" / "vector"
CONTENT = (FOLDER / "checkpoint_p0" / "checkpoint_000000000_0.pth").read_bytes()
SETTINGS = json.loads((FOLDER / "config.json").read_text())


def test_a_thousand_actions_are_those_of_its_own_model():
    agent, statistics = read_checkpoint(CONTENT, SETTINGS, "x")
    player = NetworkPlayer(agent.network, view=PolicyView(decisions=(Normalisation(statistics),)))
    seen = factory_models.observed("vector", 1000)
    space = agent.observation_space
    actions = start(player, space, agent.action_space, lanes=1000).act([seen], range(1000))[0]
    np.testing.assert_array_equal(actions, np.load(FOLDER.with_suffix(".npy")))


def test_a_gru_computes_what_torchs_computes():
    torch.manual_seed(0)
    gru, output = torch.nn.GRU(3, 5), torch.nn.Linear(5, 4)
    weights = [
        value.detach().numpy()
        for value in (gru.weight_ih_l0, gru.bias_ih_l0, gru.weight_hh_l0, gru.bias_hh_l0)
    ]
    layer = GruLayer(Linear(*weights[:2]), Linear(*weights[2:]))
    last = Linear(*(value.detach().numpy() for value in (output.weight, output.bias)))
    agent, _ = read_checkpoint(CONTENT, SETTINGS, "x")
    coders = agent.network.encoders
    spaces = (agent.observation_space, agent.action_space)
    forward = Forward(
        Network(*spaces, coders, (None,), (layer,), (), "ReLU", last, DiscreteHead((4,))), np.float64
    )
    x, memory = torch.randn(7, 2, 3), np.zeros((2, 2, 5))
    expected = output(gru(x)[0]).detach().numpy()
    for step in range(7):
        answer = forward([x[step].numpy()], memory)
        memory = answer.state
        np.testing.assert_allclose(answer.values, expected[step], atol=1e-6)


def changed(**weights):
    path = FOLDER / "checkpoint_p0" / "checkpoint_000000000_0.pth"
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["model"] |= weights
    checkpoint["model"] = {name: value for name, value in checkpoint["model"].items() if value is not None}
    return checkpoint


def saved(checkpoint, tmp_path):
    torch.save(checkpoint, tmp_path / "x.pth")
    return (tmp_path / "x.pth").read_bytes()


class Runs:
    def __reduce__(self):
        return exec, ("raise SystemExit",)


MEAN = "obs_normalizer.running_mean_std.running_mean_std.obs.running_mean"


@pytest.mark.parametrize(
    ("weights", "settings", "error", "said"),
    [
        ({"more.weight": torch.zeros(2)}, {}, UnsupportedExpertError, "one of Sample Factory's own"),
        ({"decoder.mlp.0.bias": torch.zeros(9)}, {}, ArchiveError, "does not fit"),
        ({MEAN: torch.zeros(3, dtype=torch.float64)}, {}, ArchiveError, "statistics do not fit"),
        ({MEAN: None}, {}, ArchiveError, "statistics of observations are missing"),
        ({}, {"nonlinearity": "gelu"}, UnsupportedExpertError, "nonlinearity 'gelu'"),
        ({}, {"actor_critic_share_weights": False}, UnsupportedExpertError, "of weights of their own"),
        ({}, {"obs_scale": 0}, ArchiveError, "impossible"),
        ({}, {"obs_scale": "x"}, ArchiveError, "impossible"),
        (
            {"action_parameterization.learned_stddev": torch.zeros(2)},
            {},
            UnsupportedExpertError,
            "continuous",
        ),
    ],
)
def test_what_does_not_fit_its_settings_is_named(weights, settings, error, said, tmp_path):
    content = saved(changed(**weights), tmp_path) if weights else CONTENT
    with pytest.raises(error, match=said):
        read_checkpoint(content, {**SETTINGS, **settings}, "x")


def test_nothing_of_a_checkpoint_is_run(tmp_path):
    with pytest.raises(UnsafeArchiveError, match="it would import"):
        read_checkpoint(saved({**changed(), "optimizer": Runs()}, tmp_path), SETTINGS, "x")


@pytest.mark.slow
def test_mutated_checkpoints_give_named_errors_only():
    outcomes = {True: 0, False: 0}
    for seed in range(int(os.environ.get("MUTANTS", "300"))):
        mutator = Mutator(seed)
        content = CONTENT
        if seed % 3:
            members = members_of(content)
            name = mutator.random.choice([name for name in members if seed % 2 or name.endswith("data.pkl")])
            content = zipped({**members, name: mutator.bytes(members[name])})
        else:
            content = mutator.bytes(content)
        began, refused = time.process_time(), True
        with contextlib.suppress(*NAMED):
            read_checkpoint(content, SETTINGS, "x")
            refused = False
        assert time.process_time() - began < SECONDS
        outcomes[refused] += 1
    assert min(outcomes.values()) > 0, outcomes
