"""How a foreign policy is asked: the fastest way in which it answers as it does alone, or none."""

import os
import random
import types

import gymnasium as gym
import numpy as np
import pytest
import torch
from sweeps import sweep

from builder.environments.environment import resolve
from builder.episodes.recording_file import read_recording
from builder.episodes.seeding import attempt_seed
from builder.errors import ExpertError
from builder.experts.actor import pack
from builder.experts.foreign import TRUSTED, Manner
from builder.experts.sources.python import PythonPlayer
from builder.rollout.manner import find_manner
from builder.rollout.rules import Rules
from builder.rollout.worker import ChunkTask, Setup, play_chunk

SPEC = resolve("Pendulum-v1", {}, max_episode_steps=14, max_steps=None)
SPACE = gym.make("Pendulum-v1").action_space
SHARED = Manner(shared=True, watched=True, alone=False)
OWN = Manner(alone=False, copies="deepcopy")
ALONE = Manner(alone=True, copies="deepcopy")


def clipped(value):
    return np.clip(np.array([value], np.float32), -2, 2)


class Policy:
    def __init__(self):
        self.out = np.zeros(1, np.float32)

    def predict(self, obs, state=None, deterministic=True):
        return clipped(self.act(obs)), state


class Linear(Policy):
    def act(self, obs):
        return 2 * obs[1] + obs[2]


class Plans(Policy):
    """Plans three steps ahead."""

    plan = ()

    def act(self, obs):
        self.plan = self.plan[1:] or (obs[0], obs[1], -obs[0])
        return self.plan[0]


class Filters(Policy):
    """Smooths, in an array of its own that it answers with."""

    def predict(self, obs, state=None, deterministic=True):
        self.out *= 0.5
        self.out += 0.5 * obs[:1]
        return self.out, state


class HandsOn(Policy):
    """Hands its state on in an array that it fills anew."""

    def predict(self, obs, state=None, deterministic=True):
        self.out[:] = obs[0] if state is None else 0.5 * state + obs[0]
        return clipped(self.out[0]), self.out


class Goal(Policy):
    """Draws a goal when it is told that an episode begins, and listens to nothing else."""

    goal = None

    def reset(self):
        self.goal = np.random.default_rng().uniform(-1, 1) if self.goal is None else self.goal / 2

    def act(self, obs):
        return 0.5 * obs[0]


def closure():
    """Keeps its state where no copy of the object reaches."""
    plan = []

    def predict(obs, state=None, deterministic=True):
        if not plan:
            plan.extend([obs[0], -obs[1]])
        return clipped(plan.pop()), state

    return types.SimpleNamespace(predict=predict)


class Noisy(Policy):
    def __init__(self, rng):
        super().__init__()
        self.held = {"noise": [types.SimpleNamespace(rng=rng)]}

    def act(self, obs):
        return self.draw(self.held["noise"][0].rng)


class NumpyNoise(Noisy):
    def draw(self, rng):
        return rng.normal()


class PythonNoise(Noisy):
    def draw(self, rng):
        return rng.gauss(0, 1)


class TorchNoise(Noisy):
    def draw(self, rng):
        return torch.randn(1, generator=rng).item()


class Samples(Noisy):
    def draw(self, space):
        return space.sample()[0]


class GlobalNumpy(Policy):
    def act(self, obs):
        return np.random.normal()  # noqa: NPY002  (the fault that is looked for)


class GlobalPython(Policy):
    def act(self, obs):
        return random.gauss(0, 1)


class GlobalTorch(Policy):
    def act(self, obs):
        return torch.randn(1).item()


class PlansAndDraws(Plans):
    def act(self, obs):
        return super().act(obs) + 0.1 * np.random.normal()  # noqa: NPY002  (as above)


class Weights(Plans):
    """Plans, with much that never changes."""

    def __init__(self):
        super().__init__()
        self.weights = torch.ones(1 << 19)


class Urandom(Policy):
    def act(self, obs):
        return os.urandom(1)[0] / 128 - 1


class Unseeded(Policy):
    """Makes a generator for each answer, which nobody can seed."""

    def act(self, obs):
        return np.random.default_rng().uniform(-1, 1)


class Everybodys(Policy):
    """Keeps its plan in the class, where every copy goes on with it."""

    plan = []  # noqa: RUF012  (the fault that is looked for)

    def act(self, obs):
        if not self.plan:
            self.plan.extend([obs[0], obs[1], -obs[0]])
        return self.plan.pop()


KINDS = {
    "linear": (Linear, SHARED),
    "plans": (Plans, OWN),
    "plans, as an object": (Plans(), OWN),
    "filters": (Filters, OWN),
    "hands on": (HandsOn, OWN),
    "is told": (Goal, OWN),
    "closure": (closure(), Manner(alone=False, copies="pickle")),
    "a factory of closures": (closure, Manner(alone=False, copies="pickle")),
    "Generator": (lambda: NumpyNoise(np.random.default_rng()), OWN),
    "RandomState": (lambda: NumpyNoise(np.random.RandomState()), OWN),
    "Random": (lambda: PythonNoise(random.Random()), OWN),
    "torch.Generator": (lambda: TorchNoise(torch.Generator()), OWN),
    "space": (lambda: Samples(gym.spaces.Box(-2, 2, (1,))), OWN),
    "the space of the environment, as an object": (Samples(SPACE), OWN),
    "numpy.random": (GlobalNumpy, Manner(shared=True, watched=True, alone=True)),
    "random": (GlobalPython, Manner(shared=True, watched=True, alone=True)),
    "torch": (GlobalTorch, Manner(shared=True, watched=True, alone=True)),
    "plans and draws": (PlansAndDraws, ALONE),
    "weights": (Weights, Manner(alone=False, watched=True, copies="lean")),
}
NOISY = [kind for kind in KINDS if kind[0].isupper() or kind in {"space", "numpy.random", "random", "torch"}]


def player_of(kind):
    player = PythonPlayer(KINDS[kind][0])
    return player.asked(find_manner(player, SPEC, 0, Rules()))


def recorded(player, tmp_path, *, lanes, chunks):
    """The actions of attempts [attempts, steps] that were played in chunks."""
    setup = Setup("x", SPEC, pack(player), "mine", 0, lanes)
    parts = []
    for chunk in chunks:
        play_chunk(ChunkTask(setup, chunk.start, chunk.stop, tmp_path / "chunk.safetensors"))
        parts.append(read_recording(tmp_path / "chunk.safetensors")[0].actions[0])
    return np.concatenate(parts).reshape(-1, 14)


@sweep("kind", KINDS, quick=7)
def test_the_fastest_manner_that_changes_no_answer_is_found(kind):
    assert player_of(kind).manner == KINDS[kind][1]


@sweep("kind", KINDS, quick=3)
def test_an_attempt_is_the_same_whatever_lanes_and_chunks_and_as_with_all_care(kind, tmp_path):
    player = player_of(kind)
    careful = recorded(player.careful(), tmp_path, lanes=1, chunks=[range(i, i + 1) for i in range(6)])
    for lanes, chunks in ((1, [range(6)]), (4, [range(6)]), (3, [range(2), range(2, 6)])):
        np.testing.assert_array_equal(recorded(player, tmp_path, lanes=lanes, chunks=chunks), careful)


@sweep("kind", NOISY, quick=3)
def test_noise_differs_between_attempts(kind, tmp_path):
    actions = recorded(player_of(kind), tmp_path, lanes=4, chunks=[range(6)])
    assert len(np.unique(actions[np.abs(actions) < 2])) > 40


@sweep("kind", ["plans", "filters", "hands on", "closure", "weights"], quick=2)
def test_what_is_recorded_is_what_the_policy_does_where_its_author_runs_it_alone(kind, tmp_path):
    actions = recorded(player_of(kind), tmp_path, lanes=4, chunks=[range(5)])
    for index in range(5):
        policy = closure() if kind == "closure" else KINDS[kind][0]()
        environment = gym.make("Pendulum-v1")
        observation, _ = environment.reset(seed=attempt_seed(0, index))
        state = None
        for step in range(14):
            action, state = policy.predict(observation, state)
            assert actions[index, step] == action[0]
            observation = environment.step(action)[0]


@pytest.mark.parametrize("kind", [Urandom, Unseeded, Everybodys])
def test_a_policy_that_nobody_could_repeat_is_refused_by_its_name(kind):
    with pytest.raises(ExpertError, match=f"the expert {kind.__name__} does not repeat itself"):
        find_manner(PythonPlayer(kind), SPEC, 0, Rules())


class Says(Plans):
    stateless = True


class SaysBatched(Policy):
    batched = True

    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:, :1], -2, 2), state


@pytest.mark.parametrize(
    ("policy", "options"), [(Says(), {}), (Says, {}), (SaysBatched(), {}), (Plans(), {"stateless": True})]
)
def test_a_policy_that_says_it_keeps_nothing_is_believed(policy, options):
    player = PythonPlayer(policy, **options)
    assert find_manner(player, SPEC, 0, Rules()) == TRUSTED


class Later(Policy):
    """Keeps nothing, until in some attempt something happens that the first ones did not show."""

    seen = 0

    def act(self, obs):
        self.seen += bool(obs[0] > 0.98)
        return 0.1 * self.seen + obs[1]


def test_a_policy_that_begins_to_keep_something_is_noticed_and_played_with_care(tmp_path):
    player = PythonPlayer(Later, manner=SHARED)
    careful = recorded(player.careful(), tmp_path, lanes=1, chunks=[range(40)])
    assert (careful != recorded(player.asked(TRUSTED), tmp_path, lanes=4, chunks=[range(40)])).any()
    np.testing.assert_array_equal(
        recorded(player, tmp_path, lanes=4, chunks=[range(20), range(20, 40)]), careful
    )


def test_a_model_of_stable_baselines3_is_shared_and_alone_where_it_samples():
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "Pendulum-v1", n_steps=8, batch_size=8, policy_kwargs={"net_arch": [4]})
    assert find_manner(PythonPlayer(model), SPEC, 0, Rules()) == SHARED
    sampling = PythonPlayer(model, deterministic=False)
    assert find_manner(sampling, SPEC, 0, Rules()) == Manner(shared=True, watched=True, alone=True)


def test_the_programs_own_object_and_generators_are_left_alone():
    policy, rng = Plans(), np.random.default_rng(0)
    noisy = NumpyNoise(rng)
    np.random.seed(3)  # noqa: NPY002  (as above)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002  (as above)
    for one in (policy, noisy, GlobalNumpy()):
        find_manner(PythonPlayer(one), SPEC, 0, Rules())
    assert policy.plan == ()
    assert rng.random() == np.random.default_rng(0).random()
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002  (as above)
