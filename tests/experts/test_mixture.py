"""Several experts that take turns, an attempt each."""

import dataclasses

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.experts.actor import RandomPlayer, told
from builder.experts.mixture import MixturePlayer, who_played, without_sampling

SPACES = gym.spaces.Box(-1, 1, (1,), np.float32), gym.spaces.Box(-1, 1, (1,), np.float32)


@dataclasses.dataclass
class Member:
    """Adds its number to what it sees, and keeps what it is told."""

    number: int
    deterministic: bool = True
    alone = False
    masked = False

    def __post_init__(self):
        self.heard = []

    def actor(self, *spaces):
        return self

    def begin(self, lane, context):
        self.last = context.index

    def memory(self, lane):
        return self.number

    def act(self, observations, lanes, masks=None):
        return [observations[0] + self.number]

    def told(self, actions, lanes):
        self.heard.append((actions[0].ravel().tolist(), list(lanes)))


def test_each_attempt_is_played_by_its_member_on_whatever_lane():
    members = (Member(10), Member(20), Member(30))
    actor = MixturePlayer(members).actor(*SPACES)
    for lane, attempt in enumerate([4, 0, 2, 3]):
        actor.begin(lane, Context(attempt))
    seen = [np.array([[0.1], [0.2], [0.3], [0.4]], np.float32)]
    (actions,) = actor.act(seen, [0, 1, 2, 3])
    np.testing.assert_allclose(actions.ravel(), [20.1, 10.2, 30.3, 10.4], rtol=1e-6)
    assert actions.dtype == np.float32
    assert [actor.memory(lane) for lane in range(4)] == [20, 10, 30, 10]
    told(actor, [np.array([[1.0], [2.0], [3.0], [4.0]])], [0, 1, 2, 3])
    assert [member.heard for member in members] == [[([2.0, 4.0], [1, 3])], [([1.0], [0])], [([3.0], [2])]]


def test_the_names_follow_the_attempts():
    identity = {"members": [{"name": "a"}, {"name": "b"}]}
    assert who_played(identity, np.array([0, 1, 4, 7]), "x").tolist() == ["a", "b", "a", "b"]
    assert who_played({}, np.array([0, 1]), "x").tolist() == ["x", "x"]


def test_without_sampling_no_member_samples():
    mixture = MixturePlayer((Member(1, deterministic=False), Member(2)))
    assert not mixture.deterministic
    assert without_sampling(mixture).deterministic
    assert without_sampling(player := RandomPlayer()) is player
