"""What all tests share: environments of ours, and a home for caches that is thrown away."""

import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

# Read when `datasets` is first imported, here or in a process that a test starts.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="il-builder-tests-")
os.environ["IL_BUILDER_PREVIEW"] = "false"  # drawing takes longer than most builds of tests
os.environ["IL_BUILDER_REFERENCES"] = f"{os.environ['HF_DATASETS_CACHE']}/references.json"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are taken: threads would wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

# Processes that tests start, such as ray's workers, import test modules and what these stand on.
os.environ["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(
    ":"
)

import gymnasium as gym
import kinds
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, register
from hypothesis import HealthCheck, settings

gc.set_threshold(200_000, 20, 50)  # what torch and datasets hold is looked through less often

# Whoever runs the tests in the background has them ignore ctrl-C, which their children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no reason to fail: no example has a time limit. The same examples each time, so that
# whoever sees red has caused it; HYPOTHESIS_PROFILE=explore looks for new ones. CI takes more of them.
settings.register_profile(
    "project", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("project"), derandomize=False)
settings.register_profile("quick", settings.get_profile("project"), max_examples=8)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

pytest_plugins = ["bucket_fixtures", "card_folders", "hub_fixtures", "two_episodes"]


def pytest_configure(config):
    config.add_cleanup(lambda: shutil.rmtree(os.environ["HF_DATASETS_CACHE"], ignore_errors=True))


@pytest.fixture(autouse=True)
def _registry():
    """The experts that a test registers are forgotten after it."""
    policy = sys.modules.get("builder.experts.policy")
    before = dict(policy.Experts._registered) if policy else {}
    yield
    if policy := sys.modules.get("builder.experts.policy"):
        policy.Experts._registered.clear()
        policy.Experts._registered.update(before)


@pytest.fixture(autouse=True)
def _log():
    """What a command in this process made of our log is undone for the next test."""
    yield
    log = logging.getLogger("builder")
    if log.handlers or not log.propagate or log.level:
        log.handlers.clear()
        log.propagate = True
        log.setLevel(logging.NOTSET)


@pytest.fixture
def old_mujoco(monkeypatch):
    """Environments of yesterday as Gymnasium has them; importing gymnasium-robotics registers its own."""
    for name in ("Ant-v3", "Swimmer-v3"):
        raises = gym.envs._raise_mujoco_py_error
        monkeypatch.setitem(gym.registry, name, EnvSpec(name, entry_point=raises))


class Corridor(gym.Env):
    """Walk right: an attempt lasts 1 to 9 steps, as its seed says; the reward is the step's number."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal = int(self.np_random.integers(1, 10))
        self.at = 0
        return self._observe(), {}

    def step(self, action):
        self.at += 1
        return self._observe(), float(self.at), self.at == self.goal, False, {}

    def _observe(self):
        return np.array([self.at, self.goal], np.float64)


class Remembering(Corridor):
    """Its episodes depend on how often it was reset: one object must not play two attempts."""

    resets = 0

    def reset(self, *, seed=None, options=None):
        self.resets += 1
        return super().reset(seed=seed)

    def _observe(self):
        return np.array([self.at, self.goal + 100 * self.resets], np.float64)


class Nested(Corridor):
    """Dict observations, Tuple actions."""

    observation_space = gym.spaces.Dict(
        {"at": gym.spaces.Discrete(10), "view": gym.spaces.Box(0, 255, (4, 5, 3), np.uint8)}
    )
    action_space = gym.spaces.Tuple([gym.spaces.Discrete(3, start=-1), gym.spaces.Box(-1, 1, (2,))])

    def _observe(self):
        view = np.full((4, 5, 3), self.at, np.uint8)
        view[0, 0] = self.goal
        return {"at": np.int64(self.at), "view": view}


class Deaf(Corridor):
    """Ignores its seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=1)


class NotANumber(Corridor):
    """Gives NaN on its third step."""

    def _observe(self):
        return np.array([np.nan if self.at == 3 else self.at, self.goal], np.float64)


class Liar(Corridor):
    """Declares float32, gives float64 that float32 cannot hold."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def _observe(self):
        return np.array([self.at + 0.1, self.goal], np.float64)


class Broken(Corridor):
    """Raises on its second step."""

    def step(self, action):
        if self.at == 1:
            raise RuntimeError("the wheel came off")
        return super().step(action)


class Endless(Corridor):
    """Never ends by itself."""

    def step(self, action):
        self.goal = -1
        return super().step(action)


ENVIRONMENTS = [Corridor, Remembering, Nested, Deaf, NotANumber, Liar, Broken, Endless]
for environment in ENVIRONMENTS:
    register(
        f"{environment.__name__}-v0",
        entry_point=environment,
        max_episode_steps=None if environment is Endless else 50,
    )


kinds.register()


@pytest.fixture(scope="session")
def dataset_of(tmp_path_factory):
    """`dataset_of("dict")`: the folder of a dataset of eight episodes, two of them in the split test.

    Made once for all tests of a process; nobody writes into them.
    """
    from builder import Controller

    made = {}

    def folder(kind):
        if kind not in made:
            out = tmp_path_factory.mktemp("kinds") / kind
            what = ["expert=random", "env.id=Kind-v0", f"env.kwargs.kind={kind}", "episodes=8"]
            Controller().start([*what, "dataset.test_fraction=0.25", f"out={out}", "verify_sample=0"])
            made[kind] = out
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def short_cartpole(tmp_path_factory):
    """The folder of a dataset of CartPole: three episodes of 20 steps. Nobody writes into it."""
    from builder import Controller

    out = tmp_path_factory.mktemp("shown") / "cartpole"
    what = ["expert=cartpole", "env.max_episode_steps=20", "threshold=-inf", "episodes=3", "expert.check=off"]
    Controller().start([*what, f"out={out}", "verify_sample=0"])
    return out
