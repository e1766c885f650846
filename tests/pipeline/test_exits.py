"""Code of the user's own that leaves the program is an error: nothing was built, so nothing ends with 0."""

import gymnasium as gym
import pytest

from builder import Controller, Experts, Policy, build
from builder.cli.main import main
from builder.errors import BuilderError

LEFT = r"SystemExit|asked this program to exit"


def leave(*_, **__):
    raise SystemExit(0)


class Leaving:
    """An expert whose part leaves the program, as a script does that was never meant to be imported."""

    def __init__(self, where="predict"):
        if where == "init":
            leave()

    def predict(self, obs, state=None, deterministic=True):
        leave()


class LeavingEnvironment(gym.Env):
    observation_space = action_space = gym.spaces.Discrete(2)

    def __init__(self, at="step"):
        self.leaves_at = at
        if at == "init":
            leave()

    def reset(self, *, seed=None, options=None):
        if self.leaves_at == "reset":
            leave()
        return 0, {}

    def step(self, action):
        leave()


gym.register("Leaving-v0", entry_point=LeavingEnvironment, max_episode_steps=5)


@pytest.mark.parametrize(
    "factory", [leave, Leaving, lambda: Leaving("init")], ids=["factory", "predict", "init"]
)
@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_an_expert_that_exits_is_an_error(tmp_path, factory, backend):
    Experts.register("leaving", Policy("CartPole-v1", policy=factory))
    with pytest.raises(BuilderError, match=LEFT):
        build("leaving", episodes=1, out=tmp_path / "x", parallel={"backend": backend, "n_jobs": 2})
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("at", ["init", "reset", "step"])
def test_an_environment_that_exits_is_an_error(tmp_path, at):
    with pytest.raises(BuilderError, match=LEFT):
        build("random", episodes=1, env={"id": "Leaving-v0", "kwargs": {"at": at}}, out=tmp_path / "x")


def test_a_collate_or_an_enjoy_that_exits_is_an_error(tmp_path):
    for controller in (Controller(enjoy=leave), Controller(collate=leave)):
        with pytest.raises(BuilderError, match=LEFT):
            controller.start(["expert=random", "env.id=Corridor-v0", "episodes=1", f"out={tmp_path / 'x'}"])


def test_a_module_that_exits_when_it_is_imported_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaving_module.py").write_text("import sys\nsys.exit(0)\n")
    assert main(["build", "expert=python", "expert.target=leaving_module:make", "env.id=CartPole-v1"]) == 1
    assert main(["build", "expert=random", "env.id=leaving_module:CartPole-v1"]) == 1
