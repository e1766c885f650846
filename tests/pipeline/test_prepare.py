"""What a build refuses says what is the matter, and not what follows from it."""

import pytest
from corridor import start

from builder import build
from builder.cli.main import main
from builder.errors import EnvironmentError_, MissingExtraError


@pytest.mark.usefixtures("old_mujoco")
def test_an_environment_that_cannot_be_made_says_so_before_its_missing_limit():
    with pytest.raises(MissingExtraError, match="play its newest version"):
        build("random", env={"id": "Swimmer-v3"}, episodes=1)


def test_attempts_beyond_those_that_are_needed_are_explained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["expert=random", "env.id=CartPole-v1", "episodes=3", "max_return=30", "rollout.lanes=64"]
    assert main([*words, "out=x"]) == 0
    assert main([*words, "out=x", "episodes=20"]) == 0
    assert "more were played, and none of them is needed)" in capsys.readouterr().out


def test_an_environment_without_a_limit_needs_one(tmp_path):
    with pytest.raises(EnvironmentError_, match=r"no time limit.*env\.max_episode_steps="):
        start(tmp_path / "x", **{"env.id": "Endless-v0"})
    assert list(tmp_path.iterdir()) == []
