"""What a build refuses says what is the matter, and not what follows from it."""

import sys

import gymnasium as gym
import pytest
from corridor import start

from builder import build
from builder.cli.main import main
from builder.composition import build_config
from builder.errors import EnvironmentError_, MissingExtraError
from builder.pipeline.prepare import prepare


@pytest.mark.usefixtures("old_mujoco")
def test_an_environment_that_cannot_be_made_says_so_before_its_missing_limit():
    with pytest.raises(MissingExtraError, match="play its newest version"):
        build("random", env={"id": "Swimmer-v3"}, episodes=1)


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (["expert=ppo-lunarlander"], "Box2D", "box2d"),
        (["expert=cheetah"], "mujoco", "mujoco"),
        (["expert=ppo-pong"], "ale_py", "atari"),
        (["expert=hub", "expert.repo_id=sb3/ppo-LunarLander-v2"], "Box2D", "box2d"),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_downloaded(monkeypatch, words, package, extra):
    """The tests have no network: whoever asks for it gets another error."""
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in gym.registry if extra == "atari" and "NoFrameskip" in name]:
        monkeypatch.delitem(gym.registry, name)
    with pytest.raises(MissingExtraError, match=f"needs the extra {extra}, which is not installed"):
        prepare(build_config(words))


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
