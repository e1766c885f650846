"""Several datasets as one."""

import pickle

import kinds
import numpy as np
import pytest
import torch
from folders import same
from sweeps import sweep

from builder import build, load
from builder.errors import ConfigError, DatasetError
from builder.loading.batches import MEMORY


@pytest.fixture(scope="module")
def other_of(tmp_path_factory):
    """Folders of three more episodes, by kind."""
    made = {}

    def folder(kind):
        if kind not in made:
            out = tmp_path_factory.mktemp("joined") / kind
            environment = {"id": "Kind-v0", "kwargs": {"kind": kind}}
            build(expert="random", env=environment, episodes=3, seed=9, out=str(out))
            made[kind] = out
        return made[kind]

    return folder


def expected_of(parts):
    """What the arrays of parts are, one after the other, with episodes that count from 0."""
    arrays = [part.arrays() for part in parts]
    joined = {name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]}
    starts = joined["step_index"] == 0
    return joined | {"episode_index": np.cumsum(starts) - 1}


def joined(batches):
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


@sweep("kind", kinds.KINDS)
def test_joined_datasets_hold_the_steps_and_episodes_of_all(dataset_of, other_of, kind):
    one, two = load(dataset_of(kind)), load(other_of(kind))
    both = one.concat(two)
    assert len(both) == 9
    assert same(both.arrays(), expected_of([one, two]))
    table = both.episode_table
    assert table["episode_index"][:] == list(range(9))
    assert table["row_end"][:] == np.cumsum(table["length"]).tolist()
    assert table["row_start"][:] == [0, *table["row_end"][:-1]]
    assert table["seed"][:] == one.episode_table["seed"][:] + two.episode_table["seed"][:]
    assert both.transitions["episode_index"][:] == both["episode_index"].tolist()
    for found, expected in zip(both, [*one, *two], strict=True):
        assert (found.seed, found.episode_return) == (expected.seed, expected.episode_return)
        assert repr(found) == repr(expected)


@sweep("memory", [MEMORY, 200, 1], quick=2)
@pytest.mark.parametrize("seed", [None, 4])
def test_batches_of_joined_views_hold_each_step_once(dataset_of, other_of, seed, memory):
    one, two = load(dataset_of("dict")), load(other_of("dict"))
    both = one[4:1:-1].concat(two[1:], one[:1])
    expected = both.arrays()
    assert same(expected, expected_of([one[4:1:-1], two[1:], one[:1]]))
    found = joined(both.batches(4, seed=seed, memory=memory))
    order = np.lexsort((found["step_index"], found["episode_index"])) if seed is not None else slice(None)
    assert same({name: values[order] for name, values in found.items()}, expected)


def test_a_view_of_joined_datasets_is_one_of_its_own(dataset_of, other_of):
    one, two = load(dataset_of("vector")), load(other_of("vector"))
    view = one.concat(two)[5:8]
    np.testing.assert_array_equal(view["reward"], one[5:].concat(two[:2])["reward"])
    assert sorted(set(view["episode_index"].tolist())) == [5, 6, 7]
    assert same(joined(view.batches(3)), view.arrays())
    stacked = one.concat(two).stacked(2)
    np.testing.assert_array_equal(stacked["observation"][-5:], two.stacked(2)["observation"][-5:])


def test_a_single_episode_after_another_of_the_same_number_is_another(other_of):
    one = load(other_of("vector"))[:1]
    buffer = one.concat(one).to_sb3(scale_actions=False)
    observations = one[0].observations
    np.testing.assert_array_equal(buffer.next_observations[:, 0], np.concatenate([observations[1:]] * 2))


def test_columns_that_one_of_them_lacks_are_left_out(dataset_of, other_of, tmp_path):
    environment = {"id": "Kind-v0", "kwargs": {"kind": "vector"}}
    lean = {"dataset.next_observation": False}
    two = build(expert="random", env=environment, episodes=2, out=str(tmp_path / "x"), **lean)
    both = load(dataset_of("vector")).concat(two)
    assert "next_observation" not in both.arrays()
    assert "next_observation" not in next(both.batches(3))
    assert len(both[-1].observations) == len(both[-1]) + 1


def test_other_spaces_are_refused_with_their_names(dataset_of):
    with pytest.raises(ConfigError, match="cannot be joined: their observation spaces differ"):
        load(dataset_of("vector")).concat(load(dataset_of("float64")))
    with pytest.raises(ConfigError, match="cannot be joined: their action spaces differ"):
        load(dataset_of("vector")).concat(load(dataset_of("binary")))


def test_stacks_are_joined_before_they_are_stacked(dataset_of):
    one = load(dataset_of("vector"))
    for parts in ((one, one.stacked(2)), (one.stacked(2), one)):
        with pytest.raises(ConfigError, match=r"a\.concat\(b\)\.stacked"):
            parts[0].concat(*parts[1:])


def test_joined_datasets_say_what_they_are_and_have_their_environment(dataset_of, other_of):
    one, two = load(dataset_of("vector")), load(other_of("vector"))
    both = one.concat(two)
    assert f"Trajectories {one.folder} + {two.folder}" in repr(both)
    assert "environment  Kind-v0" in repr(both)
    assert f"steps        {len(both['reward'])}" in repr(both)
    assert "<img" not in both._repr_html_()
    assert both.environment().observation_space == one.manifest.spaces.observation
    assert both.reference.unselected is None


def test_the_environment_of_different_ones_is_not_known(dataset_of, other_of):
    one, two = load(dataset_of("vector")), load(other_of("vector"))
    two.manifest.inputs["environment"]["max_episode_steps"] = 7
    both = one.concat(two)
    assert "environment  not known" in repr(both)
    with pytest.raises(DatasetError, match="nothing says in which environment"):
        both.environment()


def test_joined_datasets_are_exported_and_filmed_one_by_one(dataset_of):
    one = load(dataset_of("vector"))
    with pytest.raises(ConfigError, match="take each of them"):
        one.concat(one).export("csv")
    with pytest.raises(ConfigError, match="take each of them"):
        one.concat(one).render(0)


def test_joined_datasets_go_to_other_processes(dataset_of):
    one = load(dataset_of("vector"))
    both = one.concat(one)
    expected = both.arrays()
    assert same(pickle.loads(pickle.dumps(both)).arrays(), expected)


def test_ours_and_the_seed_projects_are_joined_where_their_spaces_agree(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        row = '{"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": 1.0}\n'
        (tmp_path / name / "x.jsonl").write_text(row)
    both = load(tmp_path / "a").concat(load(tmp_path / "b"))
    assert both["episode_index"].tolist() == [0, 1]
    assert joined(both.batches(2))["reward"].tolist() == [1.0, 1.0]
