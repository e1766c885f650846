"""Who is asked for an action: a policy that knows nothing of lanes, spaces and dtypes."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from sb3_models import make_model
from space_strategies import sampled_spaces
from sweeps import case, sweep

from builder.episodes.context import Context
from builder.episodes.spaces import assemble, leaves
from builder.errors import ExpertError, SpaceError
from builder.experts.sources.python import PythonPlayer

LINE = spaces.Box(-np.inf, np.inf, (2,), np.float32)
ROOM = spaces.Dict({"at": LINE, "door": spaces.Discrete(3)})


class Policy:
    """Answers with what it is told to, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []

    def predict(self, *, obs, state=None, deterministic=True):
        self.asked.append((obs, state, deterministic))
        return self.answers[(len(self.asked) - 1) % len(self.answers)], len(self.asked)


def line(*rows):
    return [np.array(rows, np.float32).reshape(-1, 2)]


def predict_actor(policy, space, action_space, **options):
    player = PythonPlayer(policy, **{"stateless": True, **options})
    return player.actor(space, action_space)


def act(policy, action_space, observations=None, *, lanes=(0,), space=LINE, **options):
    actor = predict_actor(policy, space, action_space, **options)
    return actor.act(observations or line(*[(0, 0)] * len(lanes)), lanes)


def test_a_policy_is_asked_one_observation_at_a_time():
    policy = Policy(1, 0, 1)
    (actions,) = act(policy, spaces.Discrete(2), line((1, 2), (3, 4), (5, 6)), lanes=(0, 1, 2))
    assert (actions.tolist(), actions.dtype) == ([1, 0, 1], np.int64)
    assert [asked[0].tolist() for asked in policy.asked] == [[1, 2], [3, 4], [5, 6]]
    assert all(asked[0].dtype == np.float32 for asked in policy.asked)


def test_what_a_policy_keeps_of_an_observation_stays_as_it_was():
    policy, buffer = Policy(0), line((1, 2))
    act(policy, spaces.Discrete(2), buffer)
    act(policy, spaces.Discrete(2), buffer, batched=True)
    buffer[0][:] = 9
    assert [asked[0].tolist() for asked in policy.asked] == [[1, 2], [[1, 2]]]


def test_a_nested_observation_comes_in_the_structure_of_its_space():
    policy = Policy(0)
    act(policy, spaces.Discrete(2), [*line((1, 2)), np.array([2])], space=ROOM)
    ((observation, _, _),) = policy.asked
    assert list(observation) == ["at", "door"]
    assert (observation["at"].tolist(), observation["door"].tolist()) == ([1, 2], 2)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_policy_is_told_whether_to_act_deterministically(deterministic):
    policy = Policy(0)
    act(policy, spaces.Discrete(2), deterministic=deterministic)
    assert [asked[2] for asked in policy.asked] == [deterministic]


def test_a_policy_gets_its_state_back_lane_by_lane_until_the_attempt_ends():
    policy = Policy(0)
    actor = predict_actor(policy, LINE, spaces.Discrete(2))
    for lane in (0, 1):
        actor.begin(lane, Context(lane))
    actor.act(line((0, 0), (0, 0)), [0, 1])  # asked for the first and the second time
    actor.act(line((0, 0), (0, 0)), [0, 1])
    actor.begin(1, Context(2))
    actor.act(line((0, 0), (0, 0)), [0, 1])
    assert [asked[1] for asked in policy.asked] == [None, None, 1, 2, 3, None]


def test_a_batched_policy_is_asked_once_and_keeps_no_state():
    policy = Policy(np.array([1, 0, 1]))
    actor = predict_actor(policy, LINE, spaces.Discrete(2), batched=True)
    for _ in range(2):
        (actions,) = actor.act(line((1, 2), (3, 4), (5, 6)), [0, 1, 2])
    assert (actions.tolist(), actions.dtype) == ([1, 0, 1], np.int64)
    assert [(asked[0].tolist(), asked[1]) for asked in policy.asked] == [([[1, 2], [3, 4], [5, 6]], None)] * 2


class CallsItObservation:
    """The signature of Stable-Baselines3's models."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return int(observation[0] > 0), state


def test_the_observation_may_be_called_as_stable_baselines3_calls_it():
    (actions,) = act(CallsItObservation(), spaces.Discrete(2), line((1, 0), (-1, 0)), lanes=(0, 1))
    assert actions.tolist() == [1, 0]


@pytest.mark.parametrize("action_space", [spaces.Discrete(3), spaces.Box(-1, 1, (2,))])
@pytest.mark.parametrize("batched", [False, True])
def test_a_model_of_stable_baselines3_plays(action_space, batched):
    model = make_model("PPO", "MlpPolicy", LINE, action_space, policy_kwargs={"net_arch": [4]}, n_steps=8)
    observations = line((1, 2), (-3, 4), (5, -6))
    (actions,) = act(model, action_space, observations, lanes=(0, 1, 2), batched=batched)
    expected, _ = model.predict(observations[0], deterministic=True)
    assert actions.dtype == action_space.dtype
    np.testing.assert_allclose(actions, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("answer", [1, [1, 0], (1,), (1, 0, 0), None])
def test_an_answer_that_is_no_pair_is_refused(answer):
    class Odd:
        def predict(self, obs, state=None, deterministic=True):
            return answer

    with pytest.raises(ExpertError) as caught:
        act(Odd(), spaces.Discrete(2))
    assert str(caught.value) == (
        f"predict of Odd returned {type(answer).__name__}; expected a pair (action, state)"
    )


def test_an_expert_without_predict_is_refused():
    with pytest.raises(ExpertError) as caught:
        predict_actor(object(), LINE, spaces.Discrete(2))
    assert str(caught.value) == (
        "the expert object has no predict method; expected"
        " predict(obs, state=None, deterministic=True) -> (action, state)"
    )


@given(sampled_spaces, st.integers(1, 3), st.booleans())
def test_actions_of_the_space_itself_are_taken_as_they_are(space, rows, batched):
    space.seed(0)
    found, samples = leaves(space), [space.sample() for _ in range(rows)]
    columns = [np.stack([leaf.pick(sample) for sample in samples]) for leaf in found]
    policy = Policy(assemble(space, columns)) if batched else Policy(*samples)
    actions = act(policy, space, lanes=range(rows), batched=batched)
    for leaf, column, action in zip(found, columns, actions, strict=True):
        assert action.dtype == leaf.dtype
        np.testing.assert_array_equal(action, column)


MEANT = [
    (spaces.Discrete(2), np.array([1]), 1),
    (spaces.Discrete(2), np.array([[1]]), 1),
    (spaces.Discrete(2), True, 1),
    (spaces.Discrete(3, start=-1), np.int8(-1), -1),
    (spaces.Discrete(255, dtype=np.uint8), 254, 254),
    (spaces.Discrete(100, start=100, dtype=np.uint8), 199, 199),
    (spaces.MultiDiscrete([3, 4], start=[5, -1]), [7, 2], [7, 2]),
    (spaces.MultiBinary(2), [True, False], [1, 0]),
    (spaces.Box(-1, 1, (1,)), 0.5, [0.5]),
    (spaces.Box(-1, 1, (2,)), [1, 0], [1, 0]),
    (spaces.Box(-1, 1, (2,)), np.array([0.1, 7.0]), np.array([0.1, 7.0], np.float32).tolist()),
    (spaces.Box(0, 9, (2,), np.uint8), np.array([3, 200]), [3, 200]),
]


def test_an_action_that_means_one_of_the_space_becomes_it():
    for space, action, expected in MEANT:
        with case(space, action, expected):
            (found,) = act(Policy(action), space)
            assert (found[0].tolist(), found.dtype) == (expected, space.dtype)


OTHER_SHAPES = [
    (spaces.Discrete(2), 0.5, "int64[]", "float64[]"),
    (spaces.Discrete(2), [0, 1], "int64[]", "int64[2]"),
    (spaces.Discrete(2), "left", "int64[]", "<U4[]"),
    (spaces.Discrete(2), None, "int64[]", "object[]"),
    (spaces.Box(-1, 1, (2,)), 0.5, "float32[2]", "float64[]"),
    (spaces.Box(-1, 1, (2,)), [0.5, 0.5, 0.5], "float32[2]", "float64[3]"),
    (spaces.Box(-1, 1, (2,)), np.zeros(2, complex), "float32[2]", "complex128[2]"),
    (spaces.MultiBinary(2), [0.0, 1.0], "int8[2]", "float64[2]"),
]


def test_an_action_of_another_shape_or_kind_is_refused():
    for space, action, expected, got in OTHER_SHAPES:
        with case(space, action, expected, got):
            with pytest.raises(SpaceError) as caught:
                act(Policy(action), space)
            assert str(caught.value) == (
                f"the expert's action does not fit the action space; expected {expected}; got {got}"
            )


@pytest.mark.parametrize(
    ("space", "action", "expected", "got"),
    [
        (spaces.Discrete(2), 2, "0 to 1", "2"),
        (spaces.Discrete(2), -1, "0 to 1", "-1"),
        (spaces.Discrete(3, start=-1), 2, "-1 to 1", "2"),
        (spaces.Discrete(100, start=100, dtype=np.uint8), 200, "100 to 199", "200"),
        (spaces.MultiDiscrete([3, 4]), [2, 4], "0 to 3", "4"),
        (spaces.MultiDiscrete([3, 4], start=[5, -1]), [4, 0], "5 to 7", "4"),
        (spaces.MultiBinary(2), [1, 2], "0 to 1", "2"),
        (spaces.Box(0, 9, (2,), np.uint8), [3, 300], "0 to 255", "300"),
        (spaces.Box(0, 9, (2,), np.uint8), [-1, 3], "0 to 255", "-1"),
    ],
)
@sweep("batched", [False, True])
def test_an_action_that_the_environment_does_not_have_is_refused(space, action, expected, got, batched):
    """Cast to the dtype of the space, some of them would become another action."""
    with pytest.raises(SpaceError) as caught:
        act(Policy(np.array([action] * 2) if batched else action), space, lanes=(0, 1), batched=batched)
    assert caught.value.what == "the expert chose an action that the environment does not have"
    assert (caught.value.expected, caught.value.got) == (expected, got)
    elsewhere = bool(np.any(getattr(space, "start", 0)))
    assert ("Stable-Baselines3 ignores `start`" in str(caught.value)) == elsewhere


def test_an_action_too_large_for_its_dtype_is_infinite_and_left_to_the_engine():
    assert np.isinf(act(Policy([1e300, 0.0]), spaces.Box(-1, 1, (2,)))[0][0, 0])


def test_ragged_actions_are_refused():
    with pytest.raises(SpaceError, match="does not have the structure of the action space; got list"):
        act(Policy([[1], [1, 2]]), spaces.Box(-1, 1, (2, 2)))


def test_an_action_space_that_cannot_be_recorded_is_refused():
    with pytest.raises(SpaceError, match="the action space is a Text space"):
        predict_actor(Policy(0), LINE, gym.spaces.Text(3))
