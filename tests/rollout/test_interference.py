"""What is done, what is labelled, and what the expert is told of it."""

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.noise import Noise
from builder.episodes.switch import Switch
from builder.experts.actor import RandomPlayer
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


def test_the_other_policy_plays_where_it_is_its_turn_and_the_expert_labels_all():
    actor, other = Constant(0.5), Constant(-0.5)
    recipe = Interference(switch=Switch("other", None, 0.5), other=other)
    found = decide(recipe, actor, steps=40)
    for decided in found:
        assert (decided.expert_actions[0] == 0.5).all()
        np.testing.assert_array_equal(decided.actions[0][:, 0], np.where(decided.others, -0.5, 0.5))
    shares = np.mean([decided.others for decided in found])
    assert 0.3 < shares < 0.7
    for one, step in enumerate(found):
        np.testing.assert_array_equal(other.heard[one][0], step.actions[0])
        np.testing.assert_array_equal(actor.heard[one][0], step.actions[0])


def test_noise_is_on_what_is_done_whoever_chose_it():
    recipe = Interference(NOISE, Switch("other", (1, 1)), Constant(-0.5))
    (decided,) = decide(recipe, Constant(0.5))
    assert decided.others.all()
    assert (np.abs(decided.actions[0] + 0.5) < 0.5).all()
    assert (decided.actions[0] != -0.5).all()


def test_random_actions_are_allowed_ones():
    space = gym.spaces.Discrete(4)
    actor = RandomPlayer().actor(SPACES[0], space)
    actor.begin(0, Context(0))
    mask = np.array([[False, True, False, True]])
    seen = [np.zeros((1, 1), np.float32)]
    assert {int(actor.act(seen, [0], mask)[0][0]) for _ in range(40)} == {1, 3}


def test_who_has_chosen_is_a_column_where_somebody_else_plays():
    annotation = ExpertLabels(SPACES[1], switched=True)
    assert [column.name for column in annotation.columns] == ["expert_action", "controller"]
    (decided,) = decide(Interference(switch=Switch("other", (1, 1)), other=Constant(0)), Constant(0.5))
    said = annotation.annotator(None, SPACES).acted(decided)
    assert said["controller"].tolist() == [1, 1]


def test_labels_are_a_column_of_the_action_space():
    annotation = ExpertLabels(SPACES[1])
    (column,) = annotation.columns
    assert (column.name, column.kind, column.table) == ("expert_action", SPACES[1], "transitions")
    (decided,) = decide(Interference(NOISE), Constant(0.5))
    said = annotation.annotator(None, SPACES).acted(decided)
    np.testing.assert_array_equal(said["expert_action"], decided.expert_actions[0])
