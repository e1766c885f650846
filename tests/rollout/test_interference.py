"""What is done, what is labelled, and what the expert is told of it."""

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.noise import Noise
from builder.rollout.interference import ExpertLabels, Interference

SPACES = gym.spaces.Box(-1, 1, (1,), np.float32), gym.spaces.Box(-1, 1, (1,), np.float32)
NOISE = Noise.of({"kind": "gaussian", "std": 0.1})


class Constant:
    """Chooses a number, and keeps what it is told."""

    def __init__(self, value):
        self.value, self.heard, self.begun = value, [], []

    def actor(self, *spaces):
        return self

    def begin(self, lane, context):
        self.begun.append((lane, context.index))

    def act(self, observations, lanes, masks=None):
        return [np.full((len(lanes), 1), self.value, np.float32)]

    def told(self, actions, lanes):
        self.heard.append((actions[0].copy(), list(lanes)))

    def end(self):
        self.begun.append("end")


def decide(recipe, actor, steps=1):
    interfering = recipe.of(actor, SPACES)
    for lane in (0, 1):
        interfering.begin(lane, Context(lane))
    seen = [np.zeros((2, 1), np.float32)]
    found = [
        interfering.decided(lambda actions: actions, seen, [0, 1], actor.act(seen, [0, 1]))
        for _ in range(steps)
    ]
    interfering.end()
    return found


def test_the_label_is_the_experts_choice_and_the_action_what_was_done():
    (decided,) = decide(Interference(NOISE), Constant(0.5))
    assert (decided.expert_actions[0] == 0.5).all()
    assert (decided.actions[0] != 0.5).all()


def test_the_expert_is_told_what_was_done():
    actor = Constant(0.5)
    (decided,) = decide(Interference(NOISE), actor)
    ((heard, lanes),) = actor.heard
    np.testing.assert_array_equal(heard, decided.actions[0])
    assert lanes == [0, 1]


def test_where_the_expert_samples_the_label_is_what_it_would_do_without_sampling():
    best = Constant(-0.5)
    (decided,) = decide(Interference(None, labeller=best), Constant(0.5))
    assert (decided.expert_actions[0] == -0.5).all()
    assert (decided.actions[0] == 0.5).all()
    assert best.begun == [(0, 0), (1, 1), "end"]
    assert (best.heard[0][0] == 0.5).all()


def test_labels_are_a_column_of_the_action_space():
    annotation = ExpertLabels(SPACES[1])
    (column,) = annotation.columns
    assert (column.name, column.kind, column.table) == ("expert_action", SPACES[1], "transitions")
    (decided,) = decide(Interference(NOISE), Constant(0.5))
    said = annotation.annotator(None, SPACES).acted(decided)
    np.testing.assert_array_equal(said["expert_action"], decided.expert_actions[0])
