"""Epochs of a dataset that are more than steps, from its files, in memory or streamed."""

import numpy as np
import pytest
import torch
from folders import same
from sweeps import case, sweep

from builder import build, load
from builder.dataset import writer
from builder.errors import ConfigError
from builder.loading.batches import MEMORY
from builder.loading.epochs import shape_of
from builder.loading.shapes import Steps

SIZES = [MEMORY, 400, 1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two folders of the same ten episodes in small row groups, with and without `next_observation`."""
    place = tmp_path_factory.mktemp("epochs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "row_group_rows", lambda schema, most: 4)
        patch.setattr(writer, "uncompressed_size", lambda table: 10**9)
        for stored in (True, False):
            settings = {"env.id": "Nested-v0", "dataset.next_observation": stored}
            build(expert="random", episodes=10, out=str(place / str(stored)), **settings)
    return place


@pytest.fixture(scope="module")
def whole(built):
    return load(built / "True")


@pytest.fixture(scope="module")
def lean(built):
    return load(built / "False")


def joined(batches):
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


def by_step(columns):
    """The rows in the stored order."""
    return np.lexsort((columns["step_index"], columns["episode_index"]))


@pytest.mark.parametrize("memory", SIZES)
@sweep("frames", [None, 3])
def test_what_follows_can_be_asked_for_where_it_is_not_stored(whole, lean, frames, memory):
    columns = ["observation", "next_observation", "episode_index", "step_index"]
    full, bare = (one if frames is None else one.stacked(frames) for one in (whole, lean))
    assert "next_observation.at" not in bare.arrays()
    expected = {name: values for name, values in full.arrays().items() if name.partition(".")[0] in columns}
    found = joined(bare.batches(3, columns=columns, memory=memory))
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(bare[name], values)
    np.testing.assert_array_equal(
        bare.to_torch(columns)[5]["next_observation.at"], full["next_observation.at"][5]
    )


def test_observations_alone_are_read_alone(lean):
    found = next(lean.batches(4, columns=["observation", "next_observation"]))
    assert sorted(found) == [
        "next_observation.at",
        "next_observation.view",
        "observation.at",
        "observation.view",
    ]


@sweep("memory", SIZES, quick=2)
@pytest.mark.parametrize("frames", [None, 2])
@sweep("stored", ["whole", "lean"])
def test_every_kth_step_keeps_its_successor_and_flags(request, whole, stored, frames, memory):
    dataset = request.getfixturevalue(stored)
    full, thin = (one if frames is None else one.stacked(frames) for one in (whole, dataset.every(3, seed=4)))
    lengths = np.array(whole.episode_table["length"])
    rows = Steps(3, 4).kept(Steps(3, 4).offsets(lengths), lengths)
    expected = {name: values[rows] for name, values in full.arrays().items()}
    found = thin.arrays()
    assert found.keys() == expected.keys()
    assert same({name: found[name] for name in expected}, expected)
    shuffled = joined(thin.batches(2, seed=1, memory=memory))
    order = by_step(shuffled)
    assert same({name: shuffled[name][order] for name in expected}, expected)
    assert thin.transitions["reward"][:] == expected["reward"].tolist()


def test_the_steps_of_an_episode_are_the_same_among_few_and_many(whole):
    few, many = whole.subset(3, seed=2).every(4, seed=2), whole.every(4, seed=2).subset(6, seed=2)
    kept = np.isin(many["episode_index"], few["episode_index"])
    assert same(few.arrays(), {name: values[kept] for name, values in many.arrays().items()})
    assert len(set(few["episode_index"].tolist())) == 3
    alone = whole[4:5].every(4, seed=2)["step_index"]
    every = whole.every(4, seed=2)
    np.testing.assert_array_equal(alone, every["step_index"][every["episode_index"] == 4])


def test_thinned_steps_go_to_a_replay_buffer_with_their_successors(dataset_of):
    whole = load(dataset_of("vector"))
    thin = whole.every(3)
    buffer = thin.to_sb3(scale_actions=False)
    np.testing.assert_array_equal(buffer.observations[:, 0], thin["observation"])
    np.testing.assert_array_equal(buffer.next_observations[:, 0], thin["next_observation"])
    np.testing.assert_array_equal(buffer.dones[:, 0], thin["terminated"] | thin["truncated"])
    assert len(thin.to_torch()) == len(thin["reward"]) < len(whole["reward"])


def test_load_thins_out_what_it_draws(built, whole):
    found = load(built / "True", episodes=3, every=4, seed=2)
    assert same(found.arrays(), whole.subset(3, seed=2).every(4, seed=2).arrays())
    assert f"steps        {len(found['reward'])}, one in 4" in repr(found)


def test_what_takes_whole_episodes_is_refused_of_thinned_ones(whole):
    thin = whole.every(3)
    for wrong in (
        lambda: thin[0],
        lambda: list(thin),
        lambda: thin.sample(1),
        thin.to_imitation,
        thin.to_d3rlpy,
        lambda: thin.export("csv"),
        lambda: thin.concat(whole),
        lambda: whole.concat(thin),
        lambda: thin.batches(3, window=2),
        lambda: thin.batches(3, n_step=2, gamma=0.9),
        lambda: thin.every(2),
    ):
        with pytest.raises(ConfigError, match="every="):
            wrong()
    with pytest.raises(ConfigError, match="without stacked"):
        whole.stacked(2).batches(3, window=2)


@sweep("memory", SIZES, quick=2)
@pytest.mark.parametrize("seed", [None, 3])
@sweep("stored", ["whole", "lean"])
def test_n_step_batches_hold_one_of_each_step(request, stored, seed, memory):
    dataset = request.getfixturevalue(stored)[7:2:-1]
    found = joined(dataset.batches(3, seed=seed, memory=memory, n_step=3, gamma=0.5))
    order = {
        (int(e), int(s)): row
        for row, (e, s) in enumerate(zip(found["episode_index"], found["step_index"], strict=True))
    }
    episodes = dict(zip(dataset.episode_table["episode_index"], dataset, strict=True))
    assert set(order) == {(index, step) for index, one in episodes.items() for step in range(len(one))}
    for (index, step), row in order.items():
        one = episodes[index]
        taken = min(3, len(one) - step)
        assert found["reward"][row] == sum(0.5**age * one.rewards[step + age] for age in range(taken))
        assert found["next_observation.at"][row] == one.observations["at"][step + taken]
        np.testing.assert_array_equal(
            found["next_observation.view"][row], one.observations["view"][step + taken]
        )
        assert found["action.0"][row] == one.actions[0][step]
        ended = bool(one.terminations[step + taken - 1])
        assert found["terminated"][row] == ended
        assert found["discount"][row] == (0 if ended else 0.5**taken)


def test_n_step_batches_of_stacks_lead_to_stacks(whole):
    dataset = whole.stacked(2)
    found = joined(dataset.batches(64, n_step=2, gamma=1.0, columns=["observation", "next_observation"]))
    at = [0]
    for episode in dataset:
        for step in range(len(episode)):
            np.testing.assert_array_equal(found["observation.at"][at[-1]], episode.observations["at"][step])
            after = episode.observations["at"][min(step + 2, len(episode))]
            np.testing.assert_array_equal(found["next_observation.at"][at[-1]], after)
            at.append(at[-1] + 1)


@sweep("memory", SIZES, quick=2)
@pytest.mark.parametrize("pad", [None, "left", "right"])
def test_windows_are_the_same_streamed_and_in_memory(whole, pad, memory):
    stored = joined(whole.batches(5, window=4, pad=pad))
    found = joined(whole.batches(5, window=4, pad=pad, memory=memory, seed=2))
    key = (found["step_index"].max(1), found["mask"].sum(1), found["episode_index"].max(1))
    known = (stored["step_index"].max(1), stored["mask"].sum(1), stored["episode_index"].max(1))
    assert same(
        {name: values[np.lexsort(key)] for name, values in found.items()},
        {name: values[np.lexsort(known)] for name, values in stored.items()},
    )
    lengths = np.array(whole.episode_table["length"])
    assert len(stored["mask"]) == (np.maximum(lengths - 3, 0).sum() if pad is None else lengths.sum())
    assert stored["observation.view"].shape[1:] == (4, 4, 5, 3)
    assert not stored["observation.view"][~stored["mask"]].any()


def test_a_window_ends_with_its_step_or_begins_with_it(whole):
    arrays = whole.arrays()
    left, right = (joined(whole.batches(9, window=3, pad=pad)) for pad in ("left", "right"))
    np.testing.assert_array_equal(left["observation.at"][:, -1], arrays["observation.at"])
    np.testing.assert_array_equal(right["observation.at"][:, 0], arrays["observation.at"])
    assert left["mask"][:, -1].all()
    assert right["mask"][:, 0].all()
    assert left["return_to_go"].dtype == np.float64


def test_windows_need_neither_rewards_nor_final_observations(tmp_path):
    row = '{"obs": [0.5], "actions": 1, "rewards": 1.0, "episode_starts": %s}\n'
    (tmp_path / "x.jsonl").write_text((row % "1.0") + (row % "0.0") * 2)
    found = joined(load(tmp_path).batches(4, window=2))
    assert found["return_to_go"].tolist() == [[3.0, 2.0], [2.0, 1.0]]
    with pytest.raises(ConfigError, match="need terminated, next_observation"):
        load(tmp_path).batches(4, n_step=2, gamma=0.9)
    with pytest.raises(ConfigError, match="no column 'next_observation'"):
        load(tmp_path).batches(4, columns=["next_observation"])
    assert load(tmp_path).every(2)["observation"].shape[1:] == (1,)


def test_an_empty_view_has_no_batches_of_any_shape(whole):
    for shape in ({"window": 2}, {"n_step": 2, "gamma": 0.9}, {"columns": ["next_observation"]}):
        assert list(whole[:0].batches(3, **shape)) == []
    assert len(whole[:0].every(3)["reward"]) == 0
    assert list(whole[:0].every(3).batches(2)) == []


def test_joined_datasets_have_batches_of_every_shape(whole, lean):
    both = whole[:2].concat(lean[3:5])
    found = joined(both.batches(4, n_step=2, gamma=0.5))
    expected = [joined(one.batches(4, n_step=2, gamma=0.5)) for one in (whole[:2], lean[3:5])]
    for name in ("reward", "next_observation.view", "discount"):
        np.testing.assert_array_equal(found[name], np.concatenate([one[name] for one in expected]))
    assert sorted(set(found["episode_index"].tolist())) == [0, 1, 2, 3]


def test_one_epoch_after_another_of_another_shape_is_right(whole):
    plain = joined(whole.batches(4))
    joined(whole.batches(4, window=2, seed=0))
    assert same(joined(whole.batches(4)), plain)


APART = [
    ({"window": 3, "n_step": 2, "gamma": 0.9}, "window and n_step are different kinds"),
    ({"window": 3, "absorbing": True}, "window and absorbing are different kinds"),
    ({"pad": "left"}, "give window= as well"),
    ({"n_step": 3}, "n_step and gamma belong together"),
    ({"gamma": 0.9}, "n_step and gamma belong together"),
    ({"n_step": 0, "gamma": 0.9}, "n_step; expected at least 1"),
    ({"n_step": True, "gamma": 0.9}, "n_step; expected at least 1"),
    ({"n_step": 3, "gamma": 1.1}, r"gamma; expected a number in \[0, 1\]"),
    ({"n_step": 3, "gamma": float("nan")}, r"gamma; expected a number in \[0, 1\]"),
    ({"window": 0}, "window; expected at least 1"),
    ({"window": 3, "pad": "both"}, "pad; expected left, right or None"),
]


def test_what_does_not_go_together_is_refused():
    for asked, message in APART:
        with case(asked, message):
            nothing = dict.fromkeys(("window", "pad", "n_step", "gamma"))
            with pytest.raises(ConfigError, match=message):
                shape_of(**{**nothing, "absorbing": False, **asked})


def test_nothing_asked_for_is_plain_steps():
    nothing = dict.fromkeys(("window", "pad", "n_step", "gamma"))
    assert shape_of(**nothing, absorbing=False) is None
