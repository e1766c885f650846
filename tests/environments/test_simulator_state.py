"""The whole state of an environment, and the way back into it."""

import dataclasses
from contextlib import closing

import gymnasium as gym
import numpy as np
import pytest

from builder.environments import simulator_state
from builder.environments.environment import make, resolve
from builder.environments.simulator_state import (
    FINAL,
    MUJOCO,
    STATE,
    KeptState,
    kept_state,
    restore,
    state_in,
    state_of,
)
from builder.environments.wrappers import wrapper_specs
from builder.episodes.declared import TEXT, Declared
from builder.episodes.episode import arrays_of
from builder.errors import ConfigError, DatasetError, EnvironmentError_

CLASSIC = ("CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1")
SLOW = ("HalfCheetah-v5", "Ant-v5", "Humanoid-v5", "Pusher-v5", "FetchPush-v4", "AdroitHandDoor-v1")


class Noisy(gym.Wrapper):
    """Adds what no state holds."""

    def step(self, action):
        observation, *rest = self.env.step(action)
        return observation + self.unwrapped.np_random.normal(), *rest


class Counting(gym.Wrapper):
    """Leaves a number in the environment that counts its episodes, and one that counts its steps."""

    def reset(self, **kwargs):
        self.unwrapped.episodes = getattr(self.unwrapped, "episodes", 0) + 1
        self.unwrapped.clock = 0
        return self.env.reset(**kwargs)

    def step(self, action):
        self.unwrapped.clock += 1
        return self.env.step(action)


class Leaving(gym.Wrapper):
    """Leaves the last controls of an episode in the state of the next one."""

    def reset(self, **kwargs):
        kept = np.array(self.unwrapped.data.ctrl)
        answer = self.env.reset(**kwargs)
        self.unwrapped.data.ctrl[:] = kept
        return answer


def spec_of(name, *wrappers):
    spec = resolve(name, {}, max_episode_steps=None, max_steps=1000)
    paths = [f"{__name__}:{wrapper.__name__}" for wrapper in wrappers]
    return dataclasses.replace(spec, wrappers=wrapper_specs(paths)) if paths else spec


def bits(answer):
    observation, reward, terminated, truncated, _ = answer
    return [*(array.tobytes() for array in arrays_of(observation)), float(reward), terminated, truncated]


def played(environment, parts, steps):
    """The actions of an episode, what they gave, and the states before each."""
    environment.reset(seed=11)
    environment.action_space.seed(12)
    found = []
    for _ in range(steps):
        state, action = state_of(environment, parts), environment.action_space.sample()
        found.append((state, action, bits(environment.step(action))))
        if found[-1][2][-2]:
            break
    return found


@pytest.mark.parametrize(
    "name", [*CLASSIC, "Hopper-v5", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_an_environment_goes_on_bit_for_bit_from_any_step(name):
    spec = spec_of(name)
    parts = tuple(kept_state(spec).columns[0].kind)
    with closing(make(spec)) as environment, closing(make(spec)) as other:
        steps = played(environment, parts, 60)
        other.reset(seed=5)
        for start, (state, *_) in enumerate(steps):
            restore(other, state)
            for _, action, given in steps[start : start + 4]:
                assert bits(other.step(action)) == given, start
        restore(other, steps[len(steps) // 2][0])
        assert [bits(other.step(action)) for _, action, _ in steps[len(steps) // 2 :]] == [
            given for *_, given in steps[len(steps) // 2 :]
        ]


def test_a_state_that_is_not_all_that_is_kept_is_found():
    """The reward of an ant is of places that MuJoCo computed before the last substep."""
    spec = spec_of("Ant-v5")
    found = simulator_state._where_it_goes_astray(spec, [MUJOCO])
    assert found.startswith("restored at step 1 of an episode, it gives something else")
    assert not simulator_state._where_it_goes_astray(spec, [MUJOCO, "xpos"])


def test_a_goal_is_part_of_the_state():
    parts = kept_state(spec_of("Reacher-v5")).columns[0].kind
    assert {"goal", MUJOCO, "xpos"} <= {*parts}


def test_what_a_restored_environment_has_terminated_is_over():
    with closing(make(spec_of("CartPole-v1"))) as environment:
        steps = played(environment, ("state", "single_precision"), 200)
        assert steps[-1][2][-2]
        restore(environment, steps[0][0])
        assert bits(environment.step(steps[0][1])) == steps[0][2]


def test_a_time_limit_begins_to_count_anew():
    environment = gym.make("Pendulum-v1", max_episode_steps=3)
    environment.reset(seed=0)
    state = state_of(environment, ("state", "single_precision"))
    for _ in range(2):
        restore(environment, state)
        assert [environment.step(np.zeros(1, np.float32))[3] for _ in range(3)] == [False, False, True]


def test_the_columns_are_before_each_action_and_after_the_last():
    kept = kept_state(spec_of("CartPole-v1"))
    annotator = kept.annotator(None, ())
    with closing(make(spec_of("CartPole-v1"))) as one, closing(make(spec_of("CartPole-v1"))) as other:
        one.reset(seed=0)
        other.reset(seed=1)
        said = annotator.before([0, 1], [one, other])
        assert said["simulator_state.state"].tolist() == [[*one.unwrapped.state], [*other.unwrapped.state]]
        assert said["simulator_state.single_precision"].tolist() == [False, False]
        assert annotator.ended(1, other)["final_simulator_state.state"].tolist() == [*other.unwrapped.state]
    assert [(column.name, column.table) for column in kept.columns] == [
        (STATE, "transitions"),
        (FINAL, "episodes"),
    ]


def test_numbers_that_count_episodes_are_no_part_and_those_that_count_steps_are():
    parts = kept_state(spec_of("InvertedPendulum-v5", Counting)).columns[0].kind
    assert "clock" in {*parts}
    assert "episodes" not in {*parts}


def test_where_reset_leaves_something_in_the_state_each_episode_needs_a_fresh_instance():
    assert kept_state(spec_of("InvertedPendulum-v5", Leaving)).fresh
    assert not kept_state(spec_of("InvertedPendulum-v5")).fresh


def test_what_a_wrapper_draws_is_in_no_state():
    with pytest.raises(ConfigError, match="cannot be kept of InvertedPendulum-v5: restored at step 0"):
        kept_state(spec_of("InvertedPendulum-v5", Noisy))


def test_other_environments_are_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"not known of FrozenLake-v1; expected environments of MuJoCo"):
        kept_state(spec_of("FrozenLake-v1"))


@pytest.mark.parametrize(
    "state",
    [
        {"state": [0.0], "single_precision": False, "step": 1},
        {"nothing": [0.0]},
        {"spec": 1},
    ],
)
def test_what_is_no_state_of_an_environment_is_refused(state):
    with (
        closing(make(spec_of("CartPole-v1"))) as environment,
        pytest.raises(EnvironmentError_, match="this is no state of this environment"),
    ):
        restore(environment, state)


def test_a_state_of_another_model_is_refused():
    with closing(make(spec_of("Hopper-v5"))) as one, closing(make(spec_of("HalfCheetah-v5"))) as other:
        one.reset(seed=0)
        with pytest.raises(EnvironmentError_, match="58 numbers of MuJoCo's, not 91"):
            restore(other, state_of(one, [MUJOCO]))


def test_a_row_of_arrays_is_a_state():
    columns = {
        f"{STATE}.a": np.arange(4).reshape(2, 2),
        f"{STATE}.b": np.array([5, 6]),
        "reward": np.zeros(2),
    }
    found = state_in(columns, 1)
    assert {name: value.tolist() for name, value in found.items()} == {"a": [2, 3], "b": 6}


def test_a_manifest_cannot_declare_states_that_are_none():
    with pytest.raises(DatasetError, match="the column simulator_state holds no states"):
        KeptState((Declared(STATE, TEXT),)).annotator(None, ())


@pytest.mark.parametrize(
    ("name", "forged"),
    [
        ("Hopper-v5", {"frame_skip": 10**6}),
        ("Hopper-v5", {"width": 1}),
        ("Hopper-v5", {"_forward_reward_weight": 9.0}),
        ("Hopper-v5", {"init_qpos": [0.0]}),
        ("Hopper-v5", {"xpos": ["a"]}),
        ("CartPole-v1", {"theta_threshold_radians": 99.0}),
        ("CartPole-v1", {"state": [1.0]}),
        ("CartPole-v1", {"single_precision": float("inf")}),
    ],
    ids=range(8),
)
def test_what_is_no_part_of_the_state_is_refused(name, forged):
    parts = (MUJOCO,) if name == "Hopper-v5" else ("state", "single_precision")
    with closing(make(spec_of(name))) as environment:
        environment.reset(seed=0)
        state = state_of(environment, parts)
        restore(environment, state)
        with pytest.raises(EnvironmentError_, match="no state of this environment"):
            restore(environment, {**state, **forged})
