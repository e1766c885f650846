"""A dataset of two episodes, for tests that copy it before they change anything."""

import pytest

from builder import Controller


@pytest.fixture(scope="session")
def two_episodes(tmp_path_factory):
    out = tmp_path_factory.mktemp("two_episodes") / "x"
    Controller().start(["expert=random", "env.id=CartPole-v1", "episodes=2", f"out={out}"])
    return out
