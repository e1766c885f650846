"""A policy is called stateless only where asking it and looking into it have shown so."""

import copy
import random

import gymnasium as gym
import numpy as np
import pytest
import torch

from builder.experts.stateless import digest, examine, sampled, stateless

OBSERVATIONS = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
ACTIONS = gym.spaces.Box(-2, 2, (1,), np.float32)
SEEN = sampled(OBSERVATIONS, 0)
COUNTED = {"answers": 0}


class Linear:
    def predict(self, obs, state=None, deterministic=True):
        return np.clip(obs[:1], -2, 2), None


class Network:
    def __init__(self):
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

    def predict(self, obs, state=None, deterministic=True):
        with torch.no_grad():
            return self.layers(torch.as_tensor(obs)).clamp(-2, 2).numpy(), None


class Recurrent:
    """Hands its state on, as the contract says, and keeps none."""

    def predict(self, obs, state=None, deterministic=True):
        hidden = obs[:1] if state is None else 0.5 * state + obs[:1]
        return np.tanh(hidden), hidden


class InPlace:
    """Hands its state on, and writes into the one that it is given."""

    def predict(self, obs, state=None, deterministic=True):
        state = np.zeros(1, np.float32) if state is None else state
        state += obs[:1]
        return np.tanh(state), state


class Constant:
    action = np.full(1, 0.5, np.float32)

    def predict(self, obs, state=None, deterministic=True):
        return self.action, None


class Lazy(Linear):
    """Makes something at its first call that never changes again."""

    scale = None

    def predict(self, obs, state=None, deterministic=True):
        if self.scale is None:
            self.scale = np.ones(1, np.float32)
        return np.clip(self.scale * obs[:1], -2, 2), None


@pytest.mark.parametrize("kind", [Linear, Network, Recurrent, InPlace, Constant, Lazy])
def test_a_function_of_what_it_is_given_is_stateless(kind):
    policy = kind()
    assert stateless(policy, OBSERVATIONS, ACTIONS)


class Plans:
    def __init__(self):
        self.plan = []

    def predict(self, obs, state=None, deterministic=True):
        self.plan = self.plan or [obs[:1], -obs[:1], obs[:1], obs[:1]]
        return np.clip(self.plan.pop(0), -2, 2), None


class Filters:
    """Smooths in the very array that it answers with."""

    def __init__(self):
        self.out = np.zeros(1, np.float32)

    def predict(self, obs, state=None, deterministic=True):
        self.out *= 0.9
        self.out += 0.1 * np.tanh(obs[:1])
        return self.out, None


class Starts:
    """Remembers where its first episode began."""

    start = None

    def predict(self, obs, state=None, deterministic=True):
        self.start = obs if self.start is None else self.start
        return np.clip(obs[:1] - self.start[:1], -2, 2), None


class Draws:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def predict(self, obs, state=None, deterministic=True):
        return self.rng.uniform(-2, 2, 1).astype(np.float32), None


class Rarely(Linear):
    """Remembers what its answers never show here."""

    mode = 0

    def predict(self, obs, state=None, deterministic=True):
        self.mode += bool(obs[0] > 1)
        return super().predict(obs)


class InItsClass(Linear):
    seen = []  # noqa: RUF012  (the fault that is looked for)

    def predict(self, obs, state=None, deterministic=True):
        self.seen.append(obs)
        return super().predict(obs)


def count():
    COUNTED["answers"] += 1


class InItsModule(Linear):
    def predict(self, obs, state=None, deterministic=True):
        count()
        return super().predict(obs)


class Closed(Linear):
    """Holds what cannot be looked into."""

    def __init__(self):
        self.lines = (line for line in ())

    def __deepcopy__(self, memo):
        return Closed()


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (Plans, "it answers otherwise in a later episode than in its first"),
        (Filters, "it answers otherwise in a later episode than in its first"),
        (Starts, "it answers otherwise in a later episode than in its first"),
        (Draws, "it answers otherwise in a later episode than in its first"),
        (Rarely, "what it holds changes with its answers"),
        (InItsClass, "what its class or its module holds changes with its answers, and copies share that"),
        (InItsModule, "what its class or its module holds changes with its answers, and copies share that"),
        (Closed, ""),
    ],
)
def test_whatever_remembers_or_cannot_be_looked_into_is_not(kind, how):
    policy = kind()
    found = examine(lambda: copy.deepcopy(policy), SEEN, ACTIONS)
    assert (found.stateless, found.remembers) == (False, how)


class Buffer:
    def __init__(self):
        self.out = np.zeros((2, 1), np.float32)

    def predict(self, obs, state=None, deterministic=True):
        self.out[0] = np.tanh(obs[:1])
        return self.out[0], None


def test_an_answer_in_a_reused_array_is_told_from_memory():
    found = examine(Buffer, SEEN, ACTIONS)
    assert (found.reuses_buffer, found.remembers, found.stateless) == (True, "", False)
    assert not examine(Linear, SEEN, ACTIONS).reuses_buffer


def legacy_draw():
    return np.random.uniform(-2, 2, 1)  # noqa: NPY002  (the fault that is looked for)


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (legacy_draw, "numpy.random"),
        (lambda: np.array([random.uniform(-2, 2)]), "random"),
        (lambda: torch.rand(1).numpy(), "torch"),
    ],
)
def test_a_draw_from_a_generator_of_the_process_is_named_and_undone(draw, name):
    class Noisy:
        def predict(self, obs, state=None, deterministic=True):
            return draw().astype(np.float32), None

    torch.manual_seed(1)
    before = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()  # noqa: NPY002
    found = examine(Noisy, SEEN, ACTIONS)
    assert (found.global_generators, found.stateless) == ((name,), False)
    after = np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before


def test_what_a_policy_raises_is_kept_and_proves_nothing():
    class Choosy:
        def predict(self, obs, state=None, deterministic=True):
            raise ValueError("not such an observation")

    found = examine(Choosy, SEEN, ACTIONS)
    assert (found.raised, found.stateless) == ("ValueError: not such an observation", False)


def test_the_programs_own_object_is_never_asked():
    policy = Plans()
    stateless(policy, OBSERVATIONS, ACTIONS)
    assert policy.plan == []


def test_a_model_of_stable_baselines3_is_stateless():
    from stable_baselines3 import SAC

    model = SAC("MlpPolicy", "Pendulum-v1", buffer_size=10, policy_kwargs={"net_arch": [8]})
    assert stateless(model, model.observation_space, model.action_space)


def test_a_digest_is_that_of_the_content_not_of_the_copy():
    network = Network()
    assert digest(network) == digest(copy.deepcopy(network)) != digest(Network())
