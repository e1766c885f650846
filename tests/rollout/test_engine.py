"""The lockstep engine: same bytes whatever the lanes, and what it refuses."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from noting import Noting
from sweeps import sweep

from builder.environments.environment import make, resolve
from builder.environments.pool import EnvironmentPool
from builder.episodes.context import Context
from builder.episodes.recording import flat
from builder.episodes.seeding import attempt_seed
from builder.errors import (
    BuilderError,
    EnvironmentError_,
    ExpertError,
    NotANumberError,
    RolloutError,
    SpaceError,
)
from builder.experts.actor import RandomPlayer
from builder.experts.sources.python import PythonPlayer
from builder.rollout.engine import Interrupted, Lockstep
from builder.rollout.rules import Rules


def spec_of(env_id, **limits):
    found = resolve(env_id, {}, **{"max_episode_steps": None, "max_steps": None, **limits})
    return dataclasses.replace(found, reusable=env_id != "Remembering-v0")


def play(env_id, attempts, *, lanes=4, spec=None, actor=None, cancelled=bool, annotators=(), **rules):
    spec = spec or spec_of(env_id)
    environment = make(spec)
    actor = actor or RandomPlayer().actor(environment.observation_space, environment.action_space)
    pool = EnvironmentPool(spec)
    lockstep = Lockstep(
        pool,
        actor,
        root_seed=0,
        lanes=lanes,
        rules=Rules(**rules),
        annotators=annotators,
        cancelled=cancelled,
    )
    return lockstep.play(attempts)


def assert_equal(left, right):
    one, other = flat(left), flat(right)
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@sweep("env_id", ["Corridor-v0", "Remembering-v0", "Nested-v0", "CartPole-v1", "Pendulum-v1"], quick=2)
@pytest.mark.parametrize("lanes", [3, 64])
def test_a_recording_does_not_depend_on_the_lanes(env_id, lanes):
    assert_equal(play(env_id, range(20), lanes=1), play(env_id, range(20), lanes=lanes))


def test_a_recording_of_a_range_is_that_part_of_a_longer_one():
    whole, part = play("Corridor-v0", range(20)), play("Corridor-v0", range(7, 13))
    assert_equal(part, whole.select((whole.attempts >= 7) & (whole.attempts < 13)))


@sweep("env_id", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"])
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
    player = PythonPlayer(policy, **{"stateless": True, **options})
    return player.actor(environment.observation_space, environment.action_space)


def test_an_action_that_is_not_a_number_is_refused():
    actor = predict_actor(Fixed(np.array([np.nan], np.float32)), "Pendulum-v1")
    with pytest.raises(ExpertError, match=r"action is not a number in attempt 0, step 0 \(seed \d+\)"):
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


@pytest.mark.parametrize("lanes", [1, 4])
def test_what_an_environment_raises_is_chained_and_placed(lanes):
    with pytest.raises(
        RolloutError, match=r"attempt \d+, step 1 \(seed \d+\) .*the wheel came off"
    ) as caught:
        play("Broken-v0", range(20), lanes=lanes)
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


class Shared(gym.Env):
    """All its objects write their observations into one buffer."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    buffer = np.zeros((2, 2))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = self.np_random.normal(size=2)
        return self._observe(), {}

    def step(self, action):
        self.at = self.at + action
        return self._observe(), 0.0, bool(self.np_random.random() < 0.2), False, {}

    def _observe(self):
        self.buffer[0] = self.at
        return self.buffer[0]


class SharedParts(Shared):
    """The same in the parts of a Dict and a Tuple."""

    observation_space = gym.spaces.Dict(
        {
            "pair": gym.spaces.Tuple([gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)]),
            "count": gym.spaces.Box(0, 100, (), np.int64),
        }
    )
    count = np.zeros((), np.int64)

    def _observe(self):
        self.count[...] = abs(self.at[0])
        return {"pair": (super()._observe(),), "count": self.count}


class Kept(Shared):
    """Gives its own state, which it changes in place, and changes what it is given."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.at, {}

    def step(self, action):
        action *= 10
        self.at += action
        return self.at, float(action[0]), bool(self.np_random.random() < 0.2), False, {}


class KeptView(Kept):
    """The same as a view of a larger state."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.whole = np.concatenate([self.at, self.at])
        self.at = self.whole[1:3]
        return self.at, {}


for kind in (Shared, SharedParts, Kept, KeptView):
    gym.register(f"{kind.__name__}-v0", kind, max_episode_steps=30)


@pytest.mark.parametrize("env_id", ["Shared-v0", "SharedParts-v0"])
def test_observations_in_a_buffer_that_lanes_share_are_each_ones_own(env_id):
    spec = resolve(env_id, {}, max_episode_steps=None, max_steps=None)
    alone, many = play("", range(20), spec=spec, lanes=1), play("", range(20), spec=spec, lanes=8)
    assert_equal(alone, many)
    steps = np.diff(alone.observations[-1], axis=0)
    within = np.ones(len(steps), bool)
    within[alone.starts[1:] - 1] = False
    np.testing.assert_allclose(steps[within], alone.actions[0][:-1][within])


@pytest.mark.parametrize("env_id", ["Kept-v0", "KeptView-v0"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_what_an_environment_changes_in_place_was_recorded_before(env_id, lanes):
    spec = resolve(env_id, {}, max_episode_steps=None, max_steps=None)
    recording = play("", range(20), spec=spec, lanes=lanes)
    assert np.abs(recording.actions[0]).max() <= 1
    np.testing.assert_array_equal(recording.rewards, 10 * recording.actions[0][:, 0])
    ends = recording.lengths.cumsum()
    for start, end, final in zip(recording.starts, ends, recording.finals[0], strict=True):
        observed = np.concatenate([recording.observations[0][start:end], final[None]])
        np.testing.assert_allclose(
            np.diff(observed, axis=0), 10 * recording.actions[0][start:end], atol=1e-12
        )


class Exploding(gym.Env):
    """Some attempts blow up, as their seed says: in `reset`, in a step, with NaN also after the last one."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.fate, self.t = int(self.np_random.integers(8)), 0
        if self.fate == 0:
            raise RuntimeError("cannot begin")
        return self._observe(), {}

    def step(self, action):
        self.t += 1
        if self.fate == 1 and self.t == 3:
            raise RuntimeError("unstable")
        reward = np.nan if (self.fate, self.t) == (2, 2) else 1.0
        return self._observe(), reward, self.t == 4 + self.fate, False, {}

    def _observe(self):
        nan = (self.fate, self.t) in {(3, 7), (4, 2)}  # 7 is its last step
        return np.array([np.nan if nan else self.t])


gym.register("Exploding-v0", Exploding, max_episode_steps=30)


class Strict:
    """A policy that raises where it is given NaN."""

    def predict(self, obs, state=None, deterministic=True):
        if np.isnan(obs).any():
            raise ValueError("NaN")
        return 1, state


def exploding(lanes, attempts=range(40), **rules):
    return play("Exploding-v0", attempts, lanes=lanes, actor=predict_actor(Strict(), "Exploding-v0"), **rules)


class Distant(Exploding):
    """Some attempts see something infinitely far away."""

    def reset(self, *, seed=None, options=None):
        gym.Env.reset(self, seed=seed)
        self.fate, self.t = int(self.np_random.integers(8)), 0
        return self._observe(), {}

    def step(self, action):
        self.t += 1
        return self._observe(), 1.0, self.t == 4, False, {}

    def _observe(self):
        return np.array([np.inf if self.fate == 3 and self.t == 2 else self.t])


gym.register("Distant-v0", Distant, max_episode_steps=30)


def test_what_is_infinite_is_refused_rejected_or_recorded():
    seen = np.isin(fates(range(20)), 3)
    first = int(seen.argmax())
    place = rf"in attempt {first}, step 2 \(seed {attempt_seed(0, first)}\); rollout.infinite=record"
    with pytest.raises(NotANumberError, match=f"Distant-v0 gave an infinite observation {place}"):
        play("Distant-v0", range(20), lanes=4)
    assert (play("Distant-v0", range(20), lanes=4, reject=True).lengths == 0).tolist() == seen.tolist()
    recording = play("Distant-v0", range(20), lanes=4, infinite=True)
    assert np.isinf(recording.observations[0]).sum() == seen.sum()


def test_an_expert_that_cannot_bear_infinities_is_blamed_only_where_they_may_be():
    class Bounded:
        def predict(self, obs, state=None, deterministic=True):
            if np.isinf(obs).any():
                raise ValueError("too far")
            return 1, state

    def asked(**rules):
        return play("Distant-v0", range(20), actor=predict_actor(Bounded(), "Distant-v0"), **rules)

    with pytest.raises(NotANumberError, match="Distant-v0 gave an infinite observation in attempt"):
        asked()
    with pytest.raises(RolloutError, match="failed: the expert raised ValueError: too far"):
        asked(infinite=True)


def fates(attempts):
    drawn = []
    for index in attempts:
        environment = gym.make("Exploding-v0").unwrapped
        gym.Env.reset(environment, seed=attempt_seed(0, index))
        drawn.append(int(environment.np_random.integers(8)))
    return np.array(drawn)


@pytest.mark.parametrize("lanes", [1, 3, 64])
def test_attempts_that_fail_are_rejected_and_all_others_are_what_they_are_alone(lanes):
    recording = exploding(lanes, reject=True)
    failed = recording.lengths == 0
    assert failed.tolist() == (fates(range(40)) < 5).tolist()
    assert_equal(recording, exploding(1, reject=True))
    whole = np.flatnonzero(~failed)
    for index in whole[:5]:
        alone = exploding(1, range(index, index + 1))
        np.testing.assert_array_equal(alone.rewards, recording.rewards[: alone.lengths[0]] * 0 + 1.0)
        assert alone.lengths[0] == recording.lengths[index]


@pytest.mark.parametrize("lanes", [1, 8])
@sweep(
    ("fate", "message"),
    [
        (0, r"attempt {0}, step 0 \(seed {1}\) failed: the environment raised RuntimeError: cannot begin"),
        (1, r"attempt {0}, step 2 \(seed {1}\) failed: the environment raised RuntimeError: unstable"),
        (2, r"Exploding-v0 gave a reward that is not a number in attempt {0}, step 1 \(seed {1}\)"),
        (3, r"Exploding-v0 gave an observation that is not a number in attempt {0}, step 7 \(seed {1}\)"),
        (4, r"Exploding-v0 gave an observation that is not a number in attempt {0}, step 2 \(seed {1}\)"),
    ],
    quick=2,
)
def test_one_failing_attempt_is_named_whatever_the_lanes(lanes, fate, message):
    """A range of attempts in which the last is the only one to fail."""
    found = fates(range(300))
    last = next(i for i in range(2, 300) if found[i] == fate and (found[i - 2 : i] > 4).all())
    with pytest.raises(BuilderError, match=message.format(last, attempt_seed(0, last))):
        exploding(lanes, range(last - 2, last + 1))


class Batchless(Strict):
    """Cannot be asked about several observations at a time, though it says so."""

    def predict(self, obs, state=None, deterministic=True):
        if len(obs) > 1:
            raise ValueError("one at a time")
        return np.ones(1, np.int64), state


@pytest.mark.parametrize("reject", [False, True])
def test_an_error_that_no_attempt_has_alone_is_not_blamed_on_one(reject):
    actor = predict_actor(Batchless(), "Corridor-v0", batched=True)
    with pytest.raises(
        RolloutError, match=r"attempts \[0, 1, 2, 3\] in lockstep failed, though none does alone"
    ):
        play("Corridor-v0", range(8), lanes=4, actor=actor, reject=reject)


def test_an_answer_that_fits_no_space_ends_the_build_also_where_failures_are_rejected():
    with pytest.raises(SpaceError, match=r"got float64\[2\]"):
        play("Liar-v0", range(3), reject=True)


class FourValues(Exploding):
    def step(self, action):
        return np.zeros(1), 1.0, True, {}


class Vague(Exploding):
    """Gives flags and rewards in arrays; `kwargs` say which."""

    def __init__(self, terminated=True, reward=1.0):
        self.terminated, self.reward = terminated, reward

    def reset(self, *, seed=None, options=None):
        return np.zeros(1), {}

    def step(self, action):
        return np.zeros(1), self.reward, self.terminated, False, {}


gym.register("FourValues-v0", FourValues, max_episode_steps=30)
gym.register("Vague-v0", Vague, max_episode_steps=3)


def vague(lanes, **kwargs):
    spec = resolve("Vague-v0", kwargs, max_episode_steps=None, max_steps=None)
    return play("", range(4), lanes=lanes, spec=spec)


@pytest.mark.parametrize("lanes", [1, 4])
def test_rewards_and_flags_in_arrays_of_one_element_are_what_they_hold(lanes):
    recording = vague(lanes, terminated=np.array([1]), reward=np.array([np.float32(0.1)]))
    assert recording.terminated.all()
    assert recording.rewards.tolist() == [float(np.float32(0.1))] * 4


@sweep("lanes", [1, 4])
@pytest.mark.parametrize("reward", [None, "0.5", np.zeros(2), [1.0, 2.0]])
def test_a_reward_that_is_no_number_is_refused_with_its_place(lanes, reward):
    with pytest.raises(EnvironmentError_, match=r"reward that is not one number in attempt 0, step 0"):
        vague(lanes, reward=reward)


def test_a_step_of_the_old_interface_is_refused_as_such():
    spec = resolve("FourValues-v0", {}, max_episode_steps=None, max_steps=None)
    with pytest.raises(
        EnvironmentError_, match=r"expected \(observation, reward, terminated, truncated, info\)"
    ):
        play("", range(3), spec=spec)


def test_clipped_actions_are_what_the_environment_is_given_and_what_is_recorded():
    actor = predict_actor(Fixed(np.array([5.0], np.float32)), "Pendulum-v1")
    recording = play("Pendulum-v1", range(2), actor=actor, clip=True)
    assert np.unique(recording.actions[0]).tolist() == [2.0]
    with pytest.raises(SpaceError, match=r"attempt 0, step 0 .*expected -2.0 to 2.0; got 5.0"):
        play("Pendulum-v1", range(2), actor=actor)


@pytest.mark.parametrize("lanes", [1, 3, 64])
def test_what_annotators_say_stands_beside_the_steps_whatever_the_lanes(lanes):
    recording = play("Corridor-v0", range(20), lanes=lanes, annotators=[Noting()])
    steps = np.concatenate([np.arange(length) for length in recording.lengths])
    assert recording.extras["info.count"].tolist() == steps.tolist()
    assert recording.extras["info.word"].tolist() == [f"step {step + 1}" for step in steps]
    assert recording.extras["info.odd.valid"].tolist() == (steps % 2 == 0).tolist()
    assert recording.extras["teacher.chosen"].tolist() == recording.actions[0].astype(float).tolist()
    assert recording.attempt_extras["info.steps"].tolist() == recording.lengths.tolist()


class Failing(Noting):
    """Raises in the third step of an attempt."""

    def after(self, lanes, infos):
        if any(self.counts[lane] == 2 for lane in lanes):
            raise ValueError("no third step")
        return super().after(lanes, infos)


def test_what_an_annotator_raises_names_its_attempt():
    with pytest.raises(RolloutError, match=r"attempt 0, step 2 .* raised ValueError: no third step"):
        play("Endless-v0", range(4), spec=spec_of("Endless-v0", max_steps=5), annotators=[Failing()])


def test_an_attempt_in_which_an_annotator_raises_may_count_as_rejected():
    recording = play("Corridor-v0", range(20), lanes=4, annotators=[Failing()], reject=True)
    assert (recording.lengths == 0).any()
    assert (recording.lengths[recording.lengths > 0] < 3).all()
