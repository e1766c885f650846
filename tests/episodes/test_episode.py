"""One episode: what fits together, its return, and the file that the built-in collate reads."""

import json

import gymnasium as gym
import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import spaces

from builder.dataset.collation import Collation, collation_of
from builder.dataset.folder import write_dataset
from builder.episodes.episode import Episode, arrays_of, names_of
from builder.episodes.recording_file import read_recording
from builder.episodes.spaces import assemble, leaves
from builder.errors import DatasetError


def episode(steps=3, **changes):
    ends = np.arange(steps) == steps - 1
    columns = {
        "observations": np.arange(2 * (steps + 1), dtype=np.float32).reshape(-1, 2),
        "actions": np.arange(steps) % 2,
        "rewards": np.ones(steps),
        "terminations": ends,
        "truncations": np.zeros(steps, bool),
    }
    return Episode(**columns | changes)


def test_the_length_of_an_episode_is_its_number_of_steps():
    assert len(episode(steps=3)) == 3


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e9, 1e9)))
def test_the_return_is_the_sum_of_the_rewards_in_order(rewards):
    total = 0.0
    for reward in rewards.tolist():
        total += reward
    assert episode(len(rewards), rewards=rewards).episode_return == total


def test_the_return_of_narrow_rewards_is_summed_in_float64():
    assert episode(2, rewards=np.array([2**24, 1], np.float32)).episode_return == 2.0**24 + 1


def test_an_episode_without_steps_is_refused():
    with pytest.raises(DatasetError, match="an episode has at least one step"):
        Episode(np.zeros((1, 2)), np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("observations", 3, 4),
        ("observations", 5, 4),
        ("actions", 4, 3),
        ("terminations", 2, 3),
        ("truncations", 4, 3),
    ],
)
def test_a_column_of_another_length_is_refused(name, rows, expected):
    with pytest.raises(DatasetError) as caught:
        episode(3, **{name: np.zeros(rows, bool)})
    assert str(caught.value) == f"the {name} of an episode of 3 rewards; expected {expected} rows; got {rows}"


def test_a_part_of_a_dict_of_another_length_is_refused():
    parts = {"a": np.zeros(4), "b": (np.zeros(4), np.zeros(3))}
    with pytest.raises(
        DatasetError, match="the observations of an episode of 3 rewards; expected 4 rows; got 3"
    ):
        episode(3, observations=parts)


def test_a_single_number_is_no_column():
    with pytest.raises(
        DatasetError, match="the actions of an episode of 3 rewards; expected 3 rows; got a single"
    ):
        episode(3, actions=1.0)


@pytest.mark.parametrize("name", ["rewards", "terminations", "truncations"])
def test_more_than_one_number_per_step_is_refused_where_there_is_one(name):
    with pytest.raises(DatasetError, match=rf"the {name} of an episode; expected one per step; got \(3, 1\)"):
        episode(3, **{name: np.zeros((3, 1))})


@pytest.mark.parametrize(
    ("actions", "found"),
    [(["left"] * 3, "<U4"), ([{"x": 1}] * 3, "object"), (np.zeros(3, complex), "complex128")],
)
def test_what_is_no_number_is_refused(actions, found):
    with pytest.raises(DatasetError) as caught:
        episode(3, actions=actions)
    assert str(caught.value) == (
        f"the actions of an episode; expected an array of numbers, or a dict or a tuple of them; got {found}"
    )


def test_steps_that_differ_in_shape_are_refused():
    with pytest.raises(DatasetError, match="the actions of an episode differ in shape"):
        episode(3, actions=[[1], [1, 2], [1]])


@pytest.mark.parametrize("name", ["terminations", "truncations"])
def test_an_end_before_the_last_step_is_refused(name):
    with pytest.raises(DatasetError, match="an episode goes on after its end"):
        episode(3, **{name: np.array([False, True, True])})


def test_lists_are_taken_as_arrays():
    assert (
        len(episode(2, observations=[[0], [1], [2]], actions=[0, 1], rewards=[1, 2], terminations=[0, 1]))
        == 2
    )


@given(spaces)
def test_the_arrays_and_names_of_a_value_are_those_of_the_leaves_of_its_space(space):
    found = leaves(space)
    values = [np.full(leaf.shape, 1, leaf.dtype) for leaf in found]
    value = assemble(space, values)
    assert all(one is other for one, other in zip(arrays_of(value), values, strict=True))
    assert names_of(value) == tuple(leaf.name for leaf in found)


def test_a_saved_episode_is_one_attempt_of_a_recording(tmp_path):
    episode(3, rewards=[1, 2, 4], seed=7, index=5, policy="mine").save(str(tmp_path / "attempt"))
    recording, header = read_recording(tmp_path / "attempt")
    assert (header.identity, header.start, header.stop, header.policy) == ("", 5, 6, "mine")
    assert (recording.attempts.tolist(), recording.seeds.tolist(), recording.lengths.tolist()) == (
        [5],
        [7],
        [3],
    )
    assert (recording.returns.tolist(), recording.rewards.tolist()) == ([7.0], [1.0, 2.0, 4.0])
    assert (recording.terminated.tolist(), recording.truncated.tolist()) == ([True], [False])
    assert recording.actions[0].tolist() == [0, 1, 0]
    assert recording.observations[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert recording.finals[0].tolist() == [[6, 7]]
    assert recording.observations[0].dtype == recording.finals[0].dtype == np.float32


def test_the_ends_of_an_episode_are_recorded_apart(tmp_path):
    episode(2, terminations=[0, 0], truncations=[0, 1]).save(tmp_path / "attempt")
    recording, _ = read_recording(tmp_path / "attempt")
    assert (recording.terminated.tolist(), recording.truncated.tolist()) == ([False], [True])


PLACES = gym.spaces.Dict([("near", gym.spaces.Box(-9, 9, (1,))), ("far", gym.spaces.Box(-9, 9, (1,)))])


def beside(folder, observation_space):
    """What a build leaves for the built-in collate."""
    collation = Collation({}, "mine", observation_space, gym.spaces.Discrete(2))
    (folder / "build.json").write_text(json.dumps(collation.to_json(), sort_keys=True))


def test_observations_are_collated_by_their_names_whatever_the_order_of_the_dict(tmp_path):
    beside(tmp_path, PLACES)
    numbers = {name: np.full((4, 1), value, np.float32) for name, value in (("far", 1), ("near", 2))}
    for index, order in enumerate([("far", "near"), ("near", "far")]):
        parts = {name: numbers[name] for name in order}
        episode(3, observations=parts, index=index).save(tmp_path / f"attempt-{index}")
    write_dataset(tmp_path / "out", sorted(tmp_path.glob("attempt-*")))
    table = pq.read_table(tmp_path / "out" / "data").to_pylist()
    assert [row["observation"] for row in table] == [{"near": [2.0], "far": [1.0]}] * 6
    finals = pq.read_table(tmp_path / "out" / "episodes").to_pylist()
    assert [row["final_observation"] for row in finals] == [{"near": [2.0], "far": [1.0]}] * 2


def test_an_episode_of_other_spaces_is_not_collated(tmp_path):
    beside(tmp_path, PLACES)
    episode(3, observations={"near": np.zeros((4, 1)), "left": np.zeros((4, 1))}).save(tmp_path / "attempt")
    with pytest.raises(
        DatasetError, match="was not recorded in these spaces; expected near, far; got near, left"
    ):
        write_dataset(tmp_path / "out", [tmp_path / "attempt"])


def test_the_names_of_an_episode_become_its_columns_where_nothing_else_is_known(tmp_path):
    parts = {"b": np.zeros((4, 2), np.float32), "a": np.zeros((4, 3))}
    episode(3, observations=parts).save(tmp_path / "attempt")
    plan = collation_of([tmp_path / "attempt"])
    found = [(leaf.name, leaf.shape, leaf.dtype.name) for leaf in leaves(plan.observation_space)]
    assert found == [("b", (2,), "float32"), ("a", (3,), "float64")]
    assert [leaf.name for leaf in leaves(plan.action_space)] == [""]
