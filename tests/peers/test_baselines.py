"""Clones of imitation and d3rlpy: what they learn there plays here as it does there."""

import peer
import pytest

from benchmarks.peer_clones import trained
from builder import Controller
from builder.loading.trajectories import Trajectories


@pytest.mark.parametrize("expert", ["cartpole", "pendulum"])
@pytest.mark.parametrize(
    "library", [pytest.param(name, marks=peer.needs(name)) for name in ("imitation", "d3rlpy")]
)
def test_a_clone_of_a_peer_acts_here_as_it_does_there(tmp_path, library, expert):
    """`trained` compares the actions on a whole episode, and fails where they differ."""
    short = ["env.max_episode_steps=40", "threshold=-inf", "expert.check=off", "verify_sample=0"]
    Controller().start([f"expert={expert}", *short, "episodes=3", f"out={tmp_path / 'x'}"])
    network, versions = trained(library, Trajectories(tmp_path / "x"), 20, 0, {"peers": str(peer.PEERS)})
    assert versions[library]
    assert len(network.hidden) == 2
