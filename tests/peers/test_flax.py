"""CleanRL's models of JAX, saved by flax in their full size, and their own inference."""

import flax_models
import numpy as np
import peer
import pytest
from sb3_models import start

from builder.experts.archive.cleanrl import read_cleanrl
from builder.experts.network_player import NetworkPlayer

pytestmark = peer.needs("flax")
ROWS = 1000
WRITE = """
import flax_models
flax_models.write(*words)
answer()
"""


@pytest.mark.parametrize("script", flax_models.SCRIPTS)
def test_a_thousand_actions_are_those_of_the_script(script, tmp_path):
    peer.run("flax", WRITE, script, ROWS, tmp_path / "x", tmp_path / "x.npy")
    agent = read_cleanrl((tmp_path / "x").read_bytes(), "x").agent
    actor = start(NetworkPlayer(agent.network), agent.observation_space, agent.action_space, lanes=ROWS)
    actions = actor.act([flax_models.observed(script, ROWS)], range(ROWS))[0]
    np.testing.assert_array_equal(actions, np.load(tmp_path / "x.npy"))
