"""The lockstep engine: same bytes whatever the lanes, and what it refuses."""

import numpy as np
import pytest

from builder.environments.environment import check_reuse, make, resolve
from builder.environments.pool import EnvironmentPool
from builder.episodes.context import Context
from builder.episodes.recording import flat
from builder.episodes.seeding import attempt_seed
from builder.errors import EnvironmentError_, ExpertError, RolloutError, SpaceError
from builder.experts.actor import PredictActor, RandomPlayer
from builder.rollout.engine import Interrupted, Lockstep


def spec_of(env_id, **limits):
    return check_reuse(resolve(env_id, {}, **{"max_episode_steps": None, "max_steps": None, **limits}))


def play(env_id, attempts, *, lanes=4, spec=None, actor=None, cancelled=bool):
    spec = spec or spec_of(env_id)
    environment = make(spec)
    actor = actor or RandomPlayer().actor(environment.observation_space, environment.action_space)
    pool = EnvironmentPool(spec)
    return Lockstep(pool, actor, root_seed=0, lanes=lanes, cancelled=cancelled).play(attempts)


def assert_equal(left, right):
    one, other = flat(left), flat(right)
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize(
    "env_id", ["Corridor-v0", "Remembering-v0", "Nested-v0", "CartPole-v1", "Pendulum-v1"]
)
@pytest.mark.parametrize("lanes", [3, 64])
def test_a_recording_does_not_depend_on_the_lanes(env_id, lanes):
    assert_equal(play(env_id, range(20), lanes=1), play(env_id, range(20), lanes=lanes))


def test_a_recording_of_a_range_is_that_part_of_a_longer_one():
    whole, part = play("Corridor-v0", range(20)), play("Corridor-v0", range(7, 13))
    assert_equal(part, whole.select((whole.attempts >= 7) & (whole.attempts < 13)))


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"])
def test_every_step_is_what_the_environment_gives_for_the_seed_and_the_actions(env_id):
    import gymnasium as gym

    recording = play(env_id, range(5))
    environment = gym.make(env_id)
    for index, start in enumerate(recording.starts):
        observation, _ = environment.reset(seed=attempt_seed(0, index))
        total = 0.0
        for row in range(start, start + recording.lengths[index]):
            np.testing.assert_array_equal(observation, recording.observations[0][row])
            observation, reward, terminated, truncated, _ = environment.step(recording.actions[0][row])
            assert float(reward) == recording.rewards[row]
            total += float(reward)
        assert (terminated, truncated) == (recording.terminated[index], recording.truncated[index])
        assert total == recording.returns[index]
        np.testing.assert_array_equal(observation, recording.finals[0][index])


def test_an_attempt_is_truncated_at_the_limit():
    recording = play("", range(3), spec=spec_of("Endless-v0", max_steps=12))
    assert recording.lengths.tolist() == [12, 12, 12]
    assert recording.truncated.all()
    assert not recording.terminated.any()


def test_an_attempt_that_ends_at_its_limit_is_both_terminated_and_truncated():
    spec = spec_of("Corridor-v0", max_episode_steps=5)
    recording = play("", range(40), spec=spec)
    at_limit = recording.observations[0][recording.starts, 1] == 5
    assert at_limit.any()
    assert (recording.terminated & recording.truncated).tolist() == at_limit.tolist()


def test_a_nested_observation_is_recorded_leaf_by_leaf():
    recording = play("Nested-v0", range(4))
    assert [leaf.dtype for leaf in recording.observations] == [np.int64, np.uint8]
    assert recording.observations[1].shape[1:] == (4, 5, 3)
    assert [leaf.shape[1:] for leaf in recording.actions] == [(), (2,)]


class Fixed:
    """A policy that always answers the same."""

    def __init__(self, action):
        self.action = action

    def predict(self, obs, state=None, deterministic=True):
        return self.action, state


def predict_actor(policy, env_id, **options):
    environment = make(spec_of(env_id))
    return PredictActor(policy, environment.observation_space, environment.action_space, **options)


def test_an_action_that_is_not_a_number_is_refused():
    actor = predict_actor(Fixed(np.array([np.nan], np.float32)), "Pendulum-v1")
    with pytest.raises(ExpertError, match="action in attempt 0 is not a number"):
        play("Pendulum-v1", range(3), actor=actor)


def test_an_action_of_another_shape_is_refused():
    actor = predict_actor(Fixed(np.zeros(2, np.float32)), "Pendulum-v1")
    with pytest.raises(SpaceError, match=r"expected float32\[1\]; got float32\[2\]"):
        play("Pendulum-v1", range(3), actor=actor)


def test_an_action_outside_a_discrete_space_is_refused():
    with pytest.raises(SpaceError, match="expected 0 to 1; got 2"):
        play("CartPole-v1", range(3), actor=predict_actor(Fixed(2), "CartPole-v1"))


def test_an_observation_that_is_not_a_number_is_refused_with_its_place():
    with pytest.raises(EnvironmentError_, match=r"not a number in attempt \d+, step 3"):
        play("NotANumber-v0", range(20))


def test_an_observation_that_its_dtype_cannot_hold_is_refused():
    with pytest.raises(SpaceError, match=r"expected float32\[2\]; got float64\[2\]"):
        play("Liar-v0", range(3))


def test_what_an_environment_raises_is_chained():
    with pytest.raises(RolloutError, match="the wheel came off") as caught:
        play("Broken-v0", range(20))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_play_stops_when_it_is_cancelled():
    with pytest.raises(Interrupted):
        play("Corridor-v0", range(3), cancelled=lambda: True)


class Counting:
    """A recurrent policy: its state counts the steps of the episode."""

    def predict(self, obs, state=None, deterministic=True):
        state = 0 if state is None else state + 1
        assert state == obs[0], "the state is of another episode"
        return 1, state


def test_a_foreign_policy_keeps_its_state_per_lane_and_loses_it_with_the_episode():
    play("Corridor-v0", range(30), lanes=3, actor=predict_actor(Counting(), "Corridor-v0"))


class Batched:
    """Takes all observations at once."""

    rows = 0

    def predict(self, obs, state=None, deterministic=True):
        self.rows = max(self.rows, len(obs))
        return (obs[:, 0] % 2).astype(np.int64), None


def test_a_batched_foreign_policy_is_asked_once_a_step():
    policy = Batched()
    play("Corridor-v0", range(30), lanes=8, actor=predict_actor(policy, "Corridor-v0", batched=True))
    assert policy.rows == 8


class Widths(Batched):
    """Notes how many observations it is given at a time."""

    def __init__(self):
        self.widths = []

    def predict(self, obs, state=None, deterministic=True):
        self.widths.append(len(obs))
        return super().predict(obs)


@pytest.mark.parametrize(
    ("attempts", "lanes", "widths"), [(8, 4, {4}), (9, 4, {3}), (3, 64, {3}), (10, 4, {4, 2}), (1, 1, {1})]
)
def test_attempts_of_equal_length_keep_the_lanes_equally_busy(attempts, lanes, widths):
    policy = Widths()
    actor = predict_actor(policy, "Corridor-v0", batched=True)
    play("", range(attempts), lanes=lanes, spec=spec_of("Endless-v0", max_steps=5), actor=actor)
    assert set(policy.widths) == widths


def test_an_attempt_is_reset_with_its_own_seed():
    assert play("Corridor-v0", range(4)).seeds.tolist() == [Context(i, 0).seed for i in range(4)]
