"""A user's own `enjoy` asks the expert with `predict`: the same actions as a build's, on every backend."""

import importlib
import pickle
import re
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from extras import skip_without
from folders import files
from places import ROOT
from sb3_models import make_model
from sweeps import sweep
from verification import check

from builder import Controller, Episode, Policy, load
from builder import enjoy as built_in
from builder.errors import NotANumberError, RolloutError

FOLLOWED = ("data", "episodes")
QUICK = {"episodes": 2, "rollout.lanes": 2}


def played(path, context, expert, *, deterministic=True):
    """As docs/own_functions.md has it."""
    environment = gym.make(expert.name, **expert.env_kwargs)
    observation, _ = environment.reset(seed=context.seed)
    first, steps, state, over = observation, [], None, False
    while not over:
        action, state = expert.predict(observation, state, deterministic)
        observation, reward, terminated, truncated, _ = environment.step(action)
        steps.append((observation, action, reward, terminated, truncated))
        over = terminated or truncated
    after, actions, *ends = zip(*steps, strict=True)
    columns = map(np.array, ((first, *after), actions, *ends))
    Episode(*columns, seed=context.seed, index=context.index).save(path)
    return True


def enjoy(path, context, expert):
    return played(path, context, expert)


def sampling(path, context, expert):
    return played(path, context, expert, deterministic=False)


def calling(path, context, expert):
    """Has the built-in one play."""
    context.add_log("calls it")
    return built_in(path=path, context=context, expert=expert)


def tables(folder):
    return {name: content for name, content in files(folder).items() if name.startswith(FOLLOWED)}


def both(tmp_path, own, config):
    """The tables of a build with the built-in `enjoy`, and with one's own."""
    for name, controller in (("built-in", Controller()), ("own", Controller(own))):
        controller.start({**config, "out": str(tmp_path / name)})
    return tables(tmp_path / "built-in"), tables(tmp_path / "own")


@pytest.mark.slow
@pytest.mark.parametrize(
    "expert", ["cartpole", *(pytest.param(name, marks=pytest.mark.slow) for name in ("pendulum", "acrobot"))]
)
def test_predict_plays_what_a_build_plays(tmp_path, expert):
    ours, theirs = both(tmp_path, enjoy, {"expert": expert, **QUICK})
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("expert", ["pendulum", pytest.param("acrobot", marks=pytest.mark.slow)])
def test_predict_samples_what_a_build_samples(tmp_path, expert):
    config = {"expert": expert, "rollout.deterministic": False, "threshold": -1e9, **QUICK}
    ours, theirs = both(tmp_path, sampling, config)
    assert ours == theirs


@pytest.mark.slow
def test_predict_draws_what_a_random_expert_draws(tmp_path):
    ours, theirs = both(tmp_path, enjoy, {"expert": "random", "env.id": "CartPole-v1", **QUICK})
    assert ours == theirs


class Steady:
    """Counts in the state that it hands on."""

    def predict(self, obs, state=None, deterministic=True):
        state = 0 if state is None else state + 1
        return state % 2, state


def test_predict_hands_a_foreign_policys_own_state_on(tmp_path):
    policy = Policy("CartPole-v1", policy=Steady(), version="1")
    ours, theirs = both(tmp_path, enjoy, {"expert": policy, **QUICK})
    assert ours == theirs


@sweep("own", [enjoy, calling])
@sweep("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_it_plays_the_same_whatever_plays_it(tmp_path, backend, own):
    config = {"expert": "cartpole", **QUICK, "parallel": backend, "parallel.n_jobs": 2}
    ours, theirs = both(tmp_path, own, config)
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("own", [enjoy, calling])
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_it_plays_the_same_on_clusters(tmp_path, backend, own):
    skip_without(backend)
    pickler = importlib.import_module({"dask": "cloudpickle", "ray": "ray.cloudpickle"}[backend])
    config = {"expert": "cartpole", **QUICK, "parallel": backend, "parallel.n_jobs": 2}
    pickler.register_pickle_by_value(sys.modules[__name__])  # workers cannot import it
    try:
        ours, theirs = both(tmp_path, own, config)
    finally:
        pickler.unregister_pickle_by_value(sys.modules[__name__])
    assert ours == theirs


class Pushes:
    """Answers beyond the bounds."""

    def predict(self, obs, state=None, deterministic=True):
        return 9 * obs[1:2], state


class Counts:
    """Keeps a number between its answers."""

    asked = 0

    def predict(self, obs, state=None, deterministic=True):
        self.asked += 1
        return self.asked // 3 % 2, state


class Later(Counts):
    """Keeps nothing, until an attempt leads it far from the middle: the second does, after some time."""

    def predict(self, obs, state=None, deterministic=True):
        self.asked += bool(abs(obs[0]) > 0.5)
        return int(obs[2] + obs[3] > 0) if self.asked < 3 else self.asked % 2, state


BUILDS = {
    "random": {"expert": "random", "env.id": "CartPole-v1"},
    "sampling": {"expert": "acrobot", "rollout.deterministic": False, "threshold": -1e9},
    "clipped": {"expert": Policy("Pendulum-v1", policy=Pushes, version="1"), "rollout.out_of_bounds": "clip"},
    "state of its own": {"expert": Policy("CartPole-v1", policy=Counts, version="1")},
    "state that comes late": {"expert": Policy("CartPole-v1", policy=Later, version="1"), "episodes": 9},
    "thresholds": {"expert": "pendulum", "threshold": -150.0, "max_return": -100.0},
    "wrapped": {"expert": "random", "env.id": "CartPole-v1", "env.wrappers": ["FlattenObservation"]},
}
LONG = {"sampling", "clipped", "state that comes late", "thresholds"}
"""Of these, what `make test` leaves to `make test-slow`."""


@sweep(
    "config",
    [
        pytest.param(config, id=name, marks=[pytest.mark.slow] if name in LONG else [])
        for name, config in BUILDS.items()
    ],
)
def test_the_built_in_one_called_by_ones_own_plays_what_a_build_plays(tmp_path, config):
    ours, theirs = both(tmp_path, calling, {**QUICK, **config})
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Counts, pytest.param(Later, marks=pytest.mark.slow)])
def test_predict_plays_what_a_policy_with_a_state_of_its_own_plays(tmp_path, kind):
    policy = Policy("CartPole-v1", policy=kind, version="1")
    ours, theirs = both(tmp_path, enjoy, {"expert": policy, **QUICK, "episodes": 9})
    assert ours == theirs


def test_whom_an_enjoy_names_is_in_the_dataset_and_on_the_card(tmp_path):
    def naming(path, context, expert):
        environment = expert.get_environment()
        observation, _ = environment.reset()
        action, _ = expert.predict(observation)
        after, reward, terminated, _, _ = environment.step(action)
        columns = (np.stack([observation, after]), *map(np.array, ([action], [reward], [terminated], [True])))
        name = {} if context.index == 2 else {"policy": f"noise {context.index % 2}"}
        Episode(*columns, seed=context.seed, index=context.index, **name).save(path)
        return True

    keys = {"expert": "random", "env.id": "CartPole-v1", "episodes": 4}
    Controller(naming).start({**keys, "out": str(tmp_path / "x")})
    names = ["noise 0", "noise 1", "random", "noise 1"]
    assert [episode.policy for episode in load(tmp_path / "x")] == names
    said = "says who played: `noise 0` (1 episode), `noise 1` (2 episodes), `random` (1 episode)."
    assert said in (tmp_path / "x/README.md").read_text()
    check(tmp_path / "x", "files").raise_for_difference()


def spoilt(value, *, reward):
    """An `enjoy` that records something that is no number in its second attempt."""

    def own(path, context, expert):
        wrong = [value if context.index == 1 else 0.5]
        observations, rewards = np.zeros((2, 4), np.float32), np.zeros(1)
        (rewards if reward else observations[1])[:1] = wrong
        action, ends = np.zeros(1, np.int64), np.array([True])
        Episode(observations, action, rewards, ends, ~ends, seed=1, index=context.index).save(path)
        return True

    return own


@sweep(("value", "what"), [(np.nan, "that is not a number"), (np.inf, "an infinite")])
@sweep("reward", [False, True])
def test_what_is_no_number_is_not_recorded_by_ones_own_either(tmp_path, value, what, reward):
    keys = {"expert": "random", "env.id": "CartPole-v1", "episodes": 3, "verify_sample": 0}
    config, own = {**keys, "out": str(tmp_path / "x")}, spoilt(value, reward=reward)
    with pytest.raises(NotANumberError, match=f"enjoy recorded .*{what}.* in attempt 1, step "):
        Controller(own).start(config)
    Controller(own).start({**config, "rollout.on_error": "reject"})
    assert [episode.index for episode in load(tmp_path / "x")] == [0, 2, 3]


def test_infinities_that_mean_something_are_recorded(tmp_path):
    keys = {"expert": "random", "env.id": "CartPole-v1", "episodes": 3, "verify_sample": 0}
    config = {**keys, "out": str(tmp_path / "x"), "rollout.infinite": "record"}
    Controller(spoilt(np.inf, reward=False)).start(config)
    assert np.isinf(load(tmp_path / "x")[1].observations).sum() == 1


@pytest.mark.slow
def test_an_agent_that_remembers_plays_what_a_build_plays(tmp_path):
    space = gym.spaces.Box(-np.inf, np.inf, (12,), np.float32)
    make_model("RecurrentPPO", "MlpLstmPolicy", space, gym.spaces.Box(-2, 2, (1,), np.float32)).save(
        tmp_path / "agent.zip"
    )
    keys = {"expert.path": str(tmp_path / "agent.zip"), "expert.frame_stack": 4, "env.id": "Pendulum-v1"}
    for own in (enjoy, calling):
        ours, theirs = both(tmp_path / own.__name__, own, {"expert": "local", **keys, "episodes": 2})
        assert ours == theirs


@pytest.mark.slow
def test_the_environment_of_an_expert_of_yesterday_can_be_made(tmp_path):
    box = gym.spaces.Box(-np.inf, np.inf, (8,), np.float32)
    make_model("PPO", "MlpPolicy", box, gym.spaces.Discrete(4)).save(tmp_path / "agent.zip")
    keys = {"expert.path": str(tmp_path / "agent.zip"), "env.id": "LunarLander-v2"}
    for own in (enjoy, calling):
        ours, theirs = both(tmp_path / own.__name__, own, {"expert": "local", **keys, "episodes": 1})
        assert ours == theirs


def test_what_crosses_to_a_worker_is_small_and_is_gone_after_the_build(tmp_path):
    sizes, seen = [], []

    def own(path, context, expert):
        expert.predict(np.zeros(4))
        sizes.append(len(pickle.dumps(expert)))
        seen.extend(Path(path).parent.glob("expert-*"))
        return played(path, context, expert)

    archive = {"expert": "cartpole", "episodes": 1}
    Controller(own).start({**archive, "out": str(tmp_path / "x"), "parallel": "threading"})
    assert max(sizes) < 2000
    assert not seen
    assert not [*tmp_path.rglob("expert-*")]


@pytest.mark.slow
def test_a_large_expert_crosses_to_processes_once(tmp_path):
    class Large(Steady):
        def __init__(self):
            self.weights = np.ones(1 << 20)

        def predict(self, obs, state=None, deterministic=True):
            return int(self.weights[-1]), state

    def own(path, context, expert):
        (file,) = Path(path).parent.glob("expert-*")
        context.add_log(f"{file.stat().st_size >> 20} MiB, {expert.policy.weights.nbytes >> 20} MiB")
        return played(path, context, expert)

    config = {"expert": Policy("CartPole-v1", policy=Large(), version="1"), "episodes": 4}
    out = tmp_path / "x"
    Controller(own).start({**config, "out": str(out), "parallel": "loky", "parallel.n_jobs": 2})
    assert not [*tmp_path.rglob("expert-*")]
    assert len(load(out)) == 4


class GymWrapper:
    """As the seed project has it, of `version="newest"`."""

    def __init__(self, environment, version="newest"):
        self.env, self.version = environment, version
        if not isinstance(environment.reset()[0], np.ndarray):
            raise TypeError("Incopatible environment version and wrapper version.")

    def reset(self):
        return self.env.reset()[0]

    def step(self, action):
        state, reward, terminated, truncated, info = self.env.step(action)
        return state, reward, terminated or truncated, info

    def close(self):
        self.env.close()


def baseline_enjoy(expert, path, context):
    """Enjoy following StableBaseline output. Word for word that of the seed project."""
    done = False
    expert.load()

    env = GymWrapper(expert.get_environment(), version="newest")

    states = []
    actions = []
    rewards = []
    state = env.reset()
    acc_reward = 0

    while not done:
        action, _ = expert.predict(state)
        states.append(state)
        actions.append(action)

        state, reward, done, _ = env.step(action)
        acc_reward += reward
        rewards.append(reward)
    env.close()

    episode_returns = np.array([acc_reward])

    episode = {
        "obs": np.array(states),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
        "episode_returns": episode_returns,
    }
    if acc_reward >= expert.threshold:
        np.savez(f"{path}{context.index}", **episode)
        context.add_log(f"Accumulated reward {acc_reward}")
    return acc_reward >= expert.threshold


def teacher(path, episodes):
    """One file of all, in place of the seed project's `baseline_collate`, which joins names to a folder."""
    found = [dict(np.load(episode)) for episode in episodes]
    np.savez(Path(path) / "teacher", **{key: np.concatenate([e[key] for e in found]) for key in found[0]})
    return True


@sweep("expert", ["cartpole", "remembering"])
def test_an_enjoy_of_the_seed_project_runs_as_it_is_and_plays_what_a_build_plays(tmp_path, expert):
    config = {"expert": expert, "episodes": 2}
    if expert == "remembering":  # which the seed project's policies kept to themselves, too
        space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        model = make_model("RecurrentPPO", "MlpLstmPolicy", space, gym.spaces.Discrete(2))
        model.save(tmp_path / "agent.zip")
        keys = {"expert.path": str(tmp_path / "agent.zip"), "env.id": "CartPole-v1"}
        config = {"expert": "local", **keys, "episodes": 2}
    Controller(baseline_enjoy, teacher).start({**config, "out": str(tmp_path / "theirs")})
    Controller().start({**config, "out": str(tmp_path / "ours")})
    built = load(tmp_path / "ours").arrays()
    with np.load(tmp_path / "theirs/teacher.npz") as recorded:
        for theirs, ours in (("obs", "observation"), ("actions", "action"), ("rewards", "reward")):
            np.testing.assert_array_equal(recorded[theirs], built[ours])


def test_clean_labels_are_had_of_an_expert_that_remembers(tmp_path):
    labels = []

    def noisy(path, context, expert):
        environment = expert.get_environment()
        observation, _ = environment.reset()
        state, over = None, False
        while not over:
            label, state = expert.predict(observation, state)
            noise = context.rng.normal(scale=0.3, size=label.shape).astype(np.float32)
            observation, _, terminated, truncated, _ = environment.step(np.clip(label + noise, -2, 2))
            labels.append(label)
            over = terminated or truncated
        return played(path, context, expert)

    Controller(noisy).start({"expert": "pendulum", "episodes": 1, "out": str(tmp_path / "x")})
    assert len({float(label[0]) for label in labels}) > 100


def test_an_observation_of_another_environment_is_said(tmp_path):
    def own(path, context, expert):
        return expert.predict(np.zeros(3))

    with pytest.raises(RolloutError, match=r"enjoy raised in attempt 0 .*SpaceError: predict was given"):
        Controller(own).start({"expert": "cartpole", "episodes": 1, "out": str(tmp_path / "x")})


@pytest.mark.slow
def test_the_page_on_own_functions_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/own_functions.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"observation": np.zeros(4, np.float32)}
    for block in blocks:
        exec(block, names)
    assert len(load("data/own")) == 10
