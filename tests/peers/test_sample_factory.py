"""Checkpoints that Sample Factory's own learner saved, and its own inference."""

import factory_models
import gymnasium as gym
import numpy as np
import peer
import pytest
from configured import loaded
from sb3_models import start

from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.transforms import Normalisation
from builder.experts.observations.wrapped_policy import PolicyView

pytestmark = peer.needs("sample-factory")
ROWS = 1000
WRITE = """
import factory_models
factory_models.write(*words)
answer()
"""


@pytest.mark.parametrize("kind", [*factory_models.KINDS])
def test_a_thousand_actions_one_after_the_other_are_those_of_its_own_model(kind, tmp_path):
    peer.run("sample-factory", WRITE, kind, ROWS, tmp_path / "x", tmp_path / "x.npy")
    trained = loaded("sample-factory", path=str(tmp_path / "x")).trained
    seen = factory_models.observed(kind, ROWS)
    space = gym.spaces.Box(0, 255, seen.shape[1:], seen.dtype)
    view = PolicyView(decisions=(Normalisation(trained.companions.statistics),))
    actor = start(NetworkPlayer(trained.agent.network, view=view), space, trained.agent.action_space)
    actions = [int(actor.act([one[None]], [0])[0][0]) for one in seen]
    expected = np.load(tmp_path / "x.npy")
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(actions, expected)
