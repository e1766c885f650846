"""Each attempt seeds the generators that a policy holds, wherever they are, and tells it that it begins."""

import random
import types

import gymnasium as gym
import numpy as np
import pytest
import torch

from builder.episodes.context import Context
from builder.experts.own_noise import begin, generators, is_told, tell

ACTIONS = gym.spaces.Box(-1, 1, (3,))
KINDS = {
    "Generator": (np.random.default_rng, lambda rng: rng.normal(size=3)),
    "another Generator": (lambda: np.random.Generator(np.random.MT19937()), lambda rng: rng.normal(size=3)),
    "RandomState": (np.random.RandomState, lambda rng: rng.normal(size=3)),
    "Random": (random.Random, lambda rng: [rng.gauss(0, 1) for _ in range(3)]),
    "torch.Generator": (torch.Generator, lambda rng: torch.rand(3, generator=rng).tolist()),
    "space": (lambda: gym.spaces.Dict({"a": ACTIONS}), lambda space: space.sample()["a"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_that_of_the_attempt_whatever_was_drawn_before(kind):
    make, draw = KINDS[kind]
    drawn = []
    for index, before in ((0, 0), (0, 3), (1, 1)):
        policy = types.SimpleNamespace(noise=[{"rng": make()}])
        for _ in range(before):
            draw(policy.noise[0]["rng"])
        begin(policy, Context(index))
        drawn.append(np.array(draw(policy.noise[0]["rng"])))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.isin(drawn[0], drawn[2]).any()


def test_two_generators_of_one_policy_draw_different_noise():
    policy = types.SimpleNamespace(a=np.random.default_rng(0), b=np.random.default_rng(0))
    begin(policy, Context(0))
    assert policy.a.random() != policy.b.random()


def test_generators_of_the_process_are_not_taken_for_the_policys_own():
    shared = [np.random.mtrand._rand, random._inst, torch.default_generator]
    assert generators([shared, random.SystemRandom(), random, np.random]) == []


class Told:
    def __init__(self):
        self.heard = []


class Resets(Told):
    def reset(self):
        self.heard.append("reset")


class ResetsWithSeed(Told):
    def reset(self, *, seed=None):
        self.heard.append(("reset", seed))


class SeedsAndResets(Resets):
    def seed(self, seed):
        self.heard.append(("seed", seed))


class Both(ResetsWithSeed):
    def seed(self, seed):
        self.heard.append(("seed", seed))


class OfItsOwn(Told):
    """Methods that mean something else, and a seed that is a number."""

    seed = 3

    def reset(self, observation):
        self.heard.append("reset")


@pytest.mark.parametrize(
    ("kind", "heard", "seeded"),
    [
        (Told, [], False),
        (Resets, ["reset"], False),
        (ResetsWithSeed, [("reset", 7)], True),
        (SeedsAndResets, [("seed", 7), "reset"], True),
        (Both, [("reset", 7)], True),
        (OfItsOwn, [], False),
    ],
)
def test_a_policy_is_told_as_far_as_it_listens(kind, heard, seeded):
    policy = kind()
    assert is_told(policy) is bool(heard)
    assert tell(policy, 7) is seeded
    assert policy.heard == heard


class Renews:
    """Makes its generator when it is reset, and draws from the one it had."""

    def __init__(self):
        self.old = np.random.default_rng()

    def reset(self):
        self.goal = self.old.random()
        self.rng = np.random.default_rng()


def test_what_reset_draws_and_makes_is_the_attempts_own():
    def drawn(index):
        policy = Renews()
        begin(policy, Context(index))
        return policy.goal, policy.rng.random()

    assert drawn(0) == drawn(0)
    assert len({*drawn(0), *drawn(1)}) == 4


class Seeded(Renews):
    def reset(self, seed):
        self.rng = np.random.default_rng(seed)


def test_a_generator_made_from_the_given_seed_is_left_as_it_was_made():
    policy, told = Seeded(), []
    policy.reset = lambda seed: (told.append(seed), Seeded.reset(policy, seed))
    begin(policy, Context(3))
    assert policy.rng.random() == np.random.default_rng(told[0]).random()
