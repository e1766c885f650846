"""Clones of every kind: what was shown is learned, and the numpy network plays what torch has learned."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from builder.baseline.cloning import Demonstrations, clone
from builder.baseline.config import TrainConfig
from builder.episodes.context import Context
from builder.episodes.spaces import Spaces, leaves
from builder.errors import UnsupportedExpertError
from builder.experts.network_player import NetworkPlayer

LINE = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
QUICK = TrainConfig(steps=200, batch_size=64, learning_rate=1e-2, hidden=[16])
ROWS = 512


def chosen(network, spaces, observations):
    """What a clone does on observations, per leaf [rows, ...]."""
    actor = NetworkPlayer(network).actor(*spaces)
    rows = range(len(observations[0]))
    for row in rows:
        actor.begin(row, Context(0))
    (actions,) = actor.act(observations, rows)
    return actions


def points(seed=0, rows=ROWS):
    return np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)


def right(x):
    """Per kind of action space, what is done at points [rows, 2]."""
    above = (x > 0).astype(np.int64)
    return {
        "one of three": (gym.spaces.Discrete(3), above.sum(axis=1)),
        "several": (gym.spaces.MultiDiscrete([2, 3]), np.stack([above[:, 0], above.sum(axis=1)], axis=1)),
        "bits": (gym.spaces.MultiBinary(2), above.astype(np.int8)),
        "numbers": (gym.spaces.Box(-9, 9, (2, 1), np.float32), (x @ [[2, 1], [0, -1]])[..., None]),
    }


@pytest.mark.parametrize("kind", right(points(rows=1)))
def test_a_rule_is_learned_in_every_kind_of_action(kind):
    x, unseen = points(), points(seed=1)
    space, actions = right(x)[kind]
    spaces = Spaces(LINE, space)
    network = clone(Demonstrations(spaces, [x], actions.astype(space.dtype)), QUICK, 0)
    done, expected = chosen(network, spaces, [unseen]), right(unseen)[kind][1]
    if kind == "numbers":
        assert np.abs(done - np.clip(expected, -9, 9)).mean() < 0.15
    else:
        assert (done == expected).reshape(ROWS, -1).all(axis=1).mean() > 0.9
    assert done.dtype == space.dtype
    assert all(space.contains(action) for action in (done if done.ndim > 1 else done[:9]))


def test_bright_halves_of_images_are_told_apart_by_convolutions():
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 64)
    images = rng.integers(0, 60, (64, 36, 36, 3), dtype=np.uint8)
    for image, left in zip(images, side, strict=True):
        image[:, :18] += np.uint8(150 * left)
    spaces = Spaces(gym.spaces.Box(0, 255, (36, 36, 3), np.uint8), gym.spaces.Discrete(2))
    training = TrainConfig(steps=30, batch_size=16, learning_rate=1e-3, hidden=[])
    network = clone(Demonstrations(spaces, [images], side), training, 0)
    assert len(network.extractors[0].convolutions) == 3
    assert (chosen(network, spaces, [images]) == side).mean() > 0.9


def test_small_images_and_parts_of_a_dict_are_seen_too():
    rng = np.random.default_rng(0)
    observed = gym.spaces.Dict(
        {
            "eye": gym.spaces.Box(0, 255, (3, 4, 3), np.uint8),
            "place": LINE,
            "count": gym.spaces.Discrete(4),
            "bits": gym.spaces.MultiBinary(2),
        }
    )
    values = {
        "eye": rng.integers(0, 256, (ROWS, 3, 4, 3), dtype=np.uint8),
        "place": points(),
        "count": rng.integers(0, 4, ROWS),
        "bits": rng.integers(0, 2, (ROWS, 2), dtype=np.int8),
    }
    spaces = Spaces(observed, gym.spaces.Discrete(4))
    shown = [values[leaf.name] for leaf in leaves(observed)]
    network = clone(Demonstrations(spaces, shown, values["count"]), QUICK, 0)
    assert (chosen(network, spaces, shown) == values["count"]).mean() > 0.95


def test_features_of_any_scale_are_learned_from():
    x = points()
    far = (x * [1e4, 0.1] + [1e6, -30]).astype(np.float32)
    spaces = Spaces(LINE, gym.spaces.Discrete(2))
    actions = ((far[:, 1] + 30) > 0).astype(np.int64)
    network = clone(Demonstrations(spaces, [far], actions), QUICK, 0)
    assert (chosen(network, spaces, [far]) == actions).mean() > 0.95


def test_what_never_changes_or_is_not_finite_spoils_no_weight():
    x = points()
    x[:, 0] = 3
    x[::7, 1] = np.inf
    spaces = Spaces(LINE, gym.spaces.Box(-1, 1, (1,), np.float32))
    finite = x[np.isfinite(x).all(axis=1)]
    network = clone(Demonstrations(spaces, [x], np.full((ROWS, 1), 0.5, np.float32)), QUICK, 0)
    assert np.abs(chosen(network, spaces, [finite]) - 0.5).max() < 1e-3


def test_the_same_seed_gives_the_same_weights_and_torch_is_left_as_it_was():
    spaces = Spaces(LINE, gym.spaces.Discrete(2))
    x = points()
    shown = Demonstrations(spaces, [x], (x[:, 0] > 0).astype(np.int64))
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    networks = [clone(shown, TrainConfig(steps=5, hidden=[4]), seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (threads, False)
    first, again, other = (network.hidden[0].weight for network in networks)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("observed", "done"),
    [
        (gym.spaces.Tuple((LINE, LINE)), gym.spaces.Discrete(2)),
        (LINE, gym.spaces.Discrete(2, start=1)),
        (LINE, gym.spaces.Box(0, 9, (1,), np.int64)),
    ],
    ids=["tuple", "start", "whole numbers"],
)
def test_spaces_without_a_network_are_refused(observed, done):
    shown = [np.zeros((4, 2), np.float32)] * len(leaves(observed))
    actions = np.ones((4, *done.shape), done.dtype)
    with pytest.raises(UnsupportedExpertError, match=r"no baseline learns"):
        clone(Demonstrations(Spaces(observed, done), shown, actions), QUICK, 0)
