"""The column `policy_observation` holds what the policy was shown."""

import gymnasium as gym
import numpy as np
from sb3_models import box
from seeing import built, timed

from builder.episodes.annotations import Decided
from builder.episodes.context import Context
from builder.experts.observations.seen import SeenObservations
from builder.experts.observations.transforms import TimeFeature
from builder.experts.observations.wrapped_policy import Opening, PolicyView, WrappedActor


class Shown:
    """Chooses the number of lanes it is asked about, and keeps nothing."""

    def begin(self, lane, context):
        pass

    def act(self, observations, lanes, masks=None):
        return [np.full(len(lanes), len(lanes))]


class Behind:
    def __init__(self, view):
        self.view = view

    def actor(self, *spaces):
        return WrappedActor(Shown(), self.view, *spaces)


def asked(view, ticks, lanes=2):
    """What an annotator says of some ticks of CartPole-like observations."""
    spaces = box(2), gym.spaces.Discrete(8)
    player = Behind(view)
    recipe = SeenObservations.of(player, *spaces)
    actor = player.actor(*spaces)
    annotator = recipe.annotator(actor, spaces)
    for lane in range(lanes):
        actor.begin(lane, Context(lane))
    said = []
    for tick in range(ticks):
        observations = [np.full((lanes, 2), tick, np.float32)]
        actions = actor.act(observations, range(lanes))
        said.append(annotator.acted(Decided(range(lanes), observations, actions, actions)))
    return recipe.columns, said


def test_what_a_wrapper_adds_is_in_the_column():
    (column,), said = asked(PolicyView(decisions=(TimeFeature(10),)), 3)
    assert column.kind.shape == (3,)
    assert not column.nullable
    np.testing.assert_array_equal(said[2]["policy_observation"], np.float32([[2, 2, 0.8]] * 2))


def test_steps_on_which_the_policy_is_not_asked_have_none():
    (column,), said = asked(PolicyView(repeat=2, opening=Opening(0, 1)), 5)
    assert column.nullable
    valid = [tick["policy_observation.valid"].tolist() for tick in said]
    assert valid == [[False] * 2, [False] * 2, [True] * 2, [False] * 2, [True] * 2]
    assert said[4]["policy_observation"].tolist() == [[4, 4]] * 2
    assert not said[3]["policy_observation"].any()


def test_a_policy_without_wrappers_sees_the_observation():
    recipe = SeenObservations.of(object(), box(2), box(1))
    annotator = recipe.annotator(object(), (box(2), box(1)))
    seen = np.ones((1, 2), np.float32)
    assert annotator.acted(Decided([0], [seen], [], []))["policy_observation"] is seen


def test_a_build_records_it(tmp_path):
    dataset = built(
        timed(tmp_path / "agent"), tmp_path / "out", "dataset.policy_observation=true", "episodes=3"
    )
    found = dataset.arrays()
    np.testing.assert_array_equal(found["policy_observation"][:, :4], found["observation"])
    time = np.float32(1 - found["step_index"] / 500)
    np.testing.assert_array_equal(found["policy_observation"][:, 4], time)
