"""A policy sees what Stable-Baselines3's own wrappers would have shown it, on every lane."""

import gymnasium as gym
import numpy as np
from sb3_models import box
from sights import TORQUE, Pictures, Recorder, check_same_sight, play

from builder.episodes.context import Context
from builder.experts.actor import told
from builder.experts.observations.frame_stack import History
from builder.experts.observations.images import BrighterOfTwo
from builder.experts.observations.wrapped_policy import Opening, PolicyView, WrappedActor


def test_atari_decides_as_behind_sb3s_wrappers():
    from stable_baselines3.common.atari_wrappers import FireResetEnv, MaxAndSkipEnv

    view = PolicyView(every_step=(BrighterOfTwo(),), repeat=4, opening=Opening(0, fire=4))
    check_same_sight(view, Pictures, lambda: FireResetEnv(MaxAndSkipEnv(Pictures(), 4)), steps=30)


def test_atari_without_fire_first_sees_the_frame_after_its_noops():
    from stable_baselines3.common.atari_wrappers import MaxAndSkipEnv

    class Waits(gym.Wrapper):
        """As `NoopResetEnv`, with the number of no-ops that lane 0 draws."""

        def reset(self, **settings):
            self.env.reset(**settings)
            noops, _ = Opening(30, 0).actions(Context(settings["seed"]).rng)
            for _ in range(noops):
                observation, *_ = self.env.step(0)
            return observation, {}

    view = PolicyView(every_step=(BrighterOfTwo(),), repeat=4, opening=Opening(30, fire=0))
    check_same_sight(view, Pictures, lambda: MaxAndSkipEnv(Waits(Pictures()), 4), steps=60)


def test_opening_and_repeated_actions_are_played_on_the_true_environment():
    view = PolicyView(repeat=3, opening=Opening(5, fire=2))
    _, played = play(view, Pictures, lanes=1, steps=20)
    noops = int(Context(0).rng.integers(1, 6))
    opening, rest = played[0][: noops + 4], played[0][noops + 4 :]
    assert [int(action) for action in opening] == [0] * noops + [1, 1, 2, 2]
    assert all(len(set(map(int, rest[at : at + 3]))) == 1 for at in range(0, len(rest), 3))


def test_a_history_shows_what_was_done_in_the_place_of_what_was_chosen():
    spaces = box(3), TORQUE
    recorder = Recorder(TORQUE)
    actor = WrappedActor(recorder, PolicyView(decisions=(History(2),)), *spaces)
    actor.begin(0, Context(0))
    seen = [np.zeros((1, 3), np.float32)]
    actor.act(seen, [0])
    told(actor, [np.array([[1.5]], np.float32)], [0])
    actor.act(seen, [0])
    assert recorder.seen[0][1][0][6:].tolist() == [0, 1.5]
    told(actor, [np.array([[-0.5]], np.float32)], [0])
    actor.act(seen, [0])
    assert recorder.seen[0][2][0][6:].tolist() == [1.5, -0.5]


def test_a_history_of_decisions_is_told_of_the_steps_on_which_the_policy_decided():
    spaces = box(3), TORQUE
    recorder = Recorder(TORQUE)
    actor = WrappedActor(recorder, PolicyView(decisions=(History(2),), repeat=2), *spaces)
    actor.begin(0, Context(0))
    for done in (0.25, 0.5, 0.75):
        actor.act([np.zeros((1, 3), np.float32)], [0])
        told(actor, [np.array([[done]], np.float32)], [0])
    assert recorder.seen[0][1][0][6:].tolist() == [0, 0.25]
