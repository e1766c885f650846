"""What a policy of ours sees, and what it would have seen behind Stable-Baselines3's wrappers."""

import gymnasium as gym
import numpy as np
from sb3_models import box

from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.experts.observations.wrapped_policy import WrappedActor

TORQUE = box(1, low=-2, high=2)
LIMIT = 30


class Recorder:
    """An actor that keeps what it sees; it acts on the attempt's own generator."""

    def __init__(self, action_space):
        self.seen = {}
        self.space = action_space
        self.rngs = {}

    def begin(self, lane, context):
        self.rngs[lane] = np.random.default_rng(context.index)
        self.seen[lane] = []

    def act(self, observations, lanes):
        for row, lane in enumerate(lanes):
            self.seen[lane].append([leaf[row].copy() for leaf in observations])
        return [np.stack([self.action(lane) for lane in lanes])]

    def action(self, lane):
        if isinstance(self.space, gym.spaces.Discrete):
            return np.asarray(self.rngs[lane].integers(self.space.n))
        return self.rngs[lane].uniform(-2, 2, self.space.shape).astype(np.float32)


def play(view, make, lanes=2, steps=12):
    """What the policy saw, by lane: lanes start one step after another, so that none is like another."""
    environments = [make() for _ in range(lanes)]
    spaces = environments[0].observation_space, environments[0].action_space
    recorder = Recorder(spaces[1])
    actor = WrappedActor(recorder, view, *spaces)
    observations = [environment.reset(seed=index)[0] for index, environment in enumerate(environments)]
    played = [[] for _ in range(lanes)]
    for lane in range(lanes):
        actor.begin(lane, Context(lane))
    for tick in range(steps + lanes):
        live = [lane for lane in range(lanes) if lane <= tick]
        rows = [np.stack([leaf.pick(observations[lane]) for lane in live]) for leaf in leaves(spaces[0])]
        for lane, action in zip(live, actor.act(rows, live)[0], strict=True):
            observations[lane] = environments[lane].step(action)[0]
            played[lane].append(action)
        for leaf in rows:
            leaf[...] = 77  # what an actor is given is valid during its call only
    return recorder.seen, played


def seen_in_sb3(make, wrap, lane, count):
    """What SB3's vector environment shows to a policy that takes the same actions on one lane."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    environment = make()
    recorder = Recorder(environment.action_space)
    recorder.begin(0, Context(lane))
    vector = wrap(DummyVecEnv([lambda: environment]))
    vector.seed(lane)
    seen = []
    observation = vector.reset()
    for _ in range(count):
        parts = observation.values() if isinstance(observation, dict) else [observation]
        seen.append([part[0].copy() for part in parts])
        action = recorder.action(0)
        observation, _, ended, _ = vector.step([action])
        if ended[0]:
            break
    return seen


def pendulum():
    return gym.make("Pendulum-v1", max_episode_steps=LIMIT)


def check_same_sight(view, make, wrapped, wrap=lambda vector: vector, **settings):
    seen, _ = play(view, make, **settings)
    assert len(seen) > 1
    for lane, observations in seen.items():
        expected = seen_in_sb3(wrapped, wrap, lane, len(observations))
        assert len(expected) == len(observations)
        for ours, theirs in zip(observations, expected, strict=True):
            for part, other in zip(ours, theirs, strict=True):
                assert part.dtype == other.dtype
                np.testing.assert_array_equal(part, other)


class Pictures(gym.Env):
    """Random pictures; the seed is the game. Action meanings as in Atari."""

    def __init__(self, shape=(12, 10, 3), discrete=4):
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_space = gym.spaces.Discrete(discrete)
        self.actions = []

    def get_action_meanings(self):
        return ["NOOP", "FIRE", "RIGHT", "LEFT"]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(), {}

    def step(self, action):
        self.actions.append(int(action))
        return self.observe(), 1.0, False, False, {"lives": 1}

    def observe(self):
        return self.np_random.integers(0, 256, self.observation_space.shape, dtype=np.uint8)
