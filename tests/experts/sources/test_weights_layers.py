"""The layers of a description, as somebody writes them by hand."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import case
from weights_folders import CARTPOLE, actions_of, described, drawn, write_folder

from builder.errors import ArchiveError, BuilderError, UnsupportedExpertError
from builder.experts.network.network import Activation, Linear
from builder.experts.sources.weights_folder import read_folder

LINE = gym.spaces.Box(-9, 9, (3,), np.float32)
BOX = gym.spaces.Box(-1, 1, (2,), np.float32)
RNG = np.random.default_rng(0)
ARRAYS = {
    "first": RNG.normal(size=(3, 4)).astype("f4"),
    "second": RNG.normal(size=(2, 4)).astype("f4"),
    "bias": RNG.normal(size=2).astype("f4"),
    "half": RNG.normal(size=(2, 4)).astype("f2"),
    "double": RNG.normal(size=(2, 4)),
    "nan": np.full((2, 4), np.nan, "f4"),
    "filters": RNG.normal(size=(2, 1, 2, 2)).astype("f4"),
}
FIRST = {"kind": "linear", "weight": "first", "transposed": True, "activation": "relu"}
SECOND = {"kind": "linear", "weight": "second", "bias": "bias"}


def read(folder, layers, spaces=(LINE, BOX), **more):
    return read_folder(write_folder(folder, described(*spaces, layers, **more), ARRAYS)).agent.network


def test_weights_of_inputs_by_outputs_are_turned(tmp_path):
    read(tmp_path, [FIRST, SECOND])
    (observations,) = drawn(LINE, 100)
    hidden = np.maximum(observations @ ARRAYS["first"], 0)
    expected = (hidden @ ARRAYS["second"].T + ARRAYS["bias"]).clip(-1, 1)
    np.testing.assert_allclose(actions_of(tmp_path, (LINE, BOX), [observations]), expected, atol=1e-5)


def test_one_function_after_each_layer_is_what_an_archive_becomes(tmp_path):
    network = read(tmp_path, [FIRST, SECOND])
    assert (network.activation, [type(layer) for layer in network.hidden]) == ("ReLU", [Linear])
    other = read(tmp_path, [{"kind": "layer_norm"}, FIRST, SECOND])
    assert (other.activation, other.hidden[2]) == ("Identity", Activation("ReLU"))


def test_half_precision_is_taken_as_it_is(tmp_path):
    network = read(tmp_path, [FIRST, {"kind": "linear", "weight": "half"}])
    np.testing.assert_array_equal(network.output.weight, ARRAYS["half"])
    assert network.output.weight.dtype == np.float32


def test_a_dict_of_observations_is_joined_in_the_order_of_its_keys(tmp_path):
    space = gym.spaces.Dict(
        b=gym.spaces.Box(-9, 9, (2,), np.float32), a=gym.spaces.Box(-9, 9, (1,), np.float32)
    )
    read(tmp_path, [FIRST, SECOND], (space, BOX))
    a, b = np.ones((1, 1), "f4"), np.array([[2, 3]], "f4")
    hidden = np.maximum(np.array([[1, 2, 3]]) @ ARRAYS["first"], 0)
    expected = (hidden @ ARRAYS["second"].T + ARRAYS["bias"]).clip(-1, 1)
    np.testing.assert_allclose(actions_of(tmp_path, (space, BOX), [a, b]), expected, atol=1e-5)


IMAGE = gym.spaces.Box(0, 255, (1, 3, 3), np.uint8)
SEES = {"kind": "conv2d", "weight": "filters"}


MISFITS = [
    ([FIRST], ArchiveError, "the network does not give its actions|cannot act"),
    ([SECOND], ArchiveError, "the linear layer second does not fit: a weight of shape"),
    ([{**FIRST, "weight": "none"}], ArchiveError, "has no tensor 'none'.*remedy|has no tensor 'none'"),
    ([{**FIRST, "weight": "bias"}], ArchiveError, "bias; expected rank 2"),
    ([FIRST, {**SECOND, "bias": "first"}], ArchiveError, "first; expected rank 1"),
    ([FIRST, {"kind": "linear", "weight": "double"}], UnsupportedExpertError, "double; expected float32"),
    ([FIRST, {"kind": "linear", "weight": "nan"}], ArchiveError, "NaN or infinite"),
    ([SEES, {"kind": "flatten"}, SECOND], ArchiveError, "conv2d sees one image"),
    ([FIRST, SEES], ArchiveError, "the conv2d layer filters does not fit"),
    ([FIRST, {"kind": "flatten"}, SECOND], ArchiveError, "flatten at the beginning, or after conv"),
    ([{"kind": "flatten"}, {"kind": "flatten"}, FIRST, SECOND], ArchiveError, "one flatten"),
    ([{"kind": "linear"}], ArchiveError, r"layers\[0\]: 'weight' is a required property"),
    ([{"kind": "lstm"}], ArchiveError, r"layers\[0\].kind; expected linear or conv2d"),
    ([{**FIRST, "activation": "dream"}], ArchiveError, r"layers\[0\].activation"),
    ([7], ArchiveError, r"layers\[0\].kind"),
    ([], ArchiveError, "layers"),
]


def test_layers_that_do_not_fit_are_named(tmp_path):
    for layers, error, message in MISFITS:
        with case(layers, error, message), pytest.raises(error, match=message):
            read(tmp_path, layers)


UNFIT_ACTIONS = [
    ({"squash": "tanh"}, (LINE, CARTPOLE[1]), "actions.squash says nothing of choices"),
    ({"quantiles": 2}, (LINE, BOX), "actions.quantiles says nothing of numbers"),
    ({"rescale": True}, (LINE, gym.spaces.Box(-np.inf, 1, (2,))), "stretches to infinite bounds"),
    ({}, (LINE, gym.spaces.Discrete(2, start=1)), "counted from 0"),
    ({}, (LINE, gym.spaces.Discrete(3)), "does not give its actions"),
    ({"log_std": "bias", "rescale": True}, (LINE, gym.spaces.Box(-2, 2, (2,))), "what the last layer"),
    ({"log_std": "first"}, (LINE, BOX), "first; expected rank 1"),
    ({"sampling": "magic"}, (LINE, gym.spaces.Discrete(2)), "actions.sampling"),
    ({"exploration_rate": 2}, (LINE, gym.spaces.Discrete(2)), "actions.exploration_rate"),
    ({}, (LINE, gym.spaces.Box(0, 9, (2,), np.int64)), "does not give its actions"),
]


def test_actions_that_do_not_fit_are_errors(tmp_path):
    for actions, spaces, message in UNFIT_ACTIONS:
        with case(actions, spaces, message), pytest.raises(BuilderError, match=message):
            read(tmp_path, [FIRST, SECOND], spaces, actions=actions)


def test_a_flatten_pixel_by_pixel_is_that_of_jax(tmp_path):
    layers = [SEES, {"kind": "flatten", "order": "channels_last"}, {"kind": "linear", "weight": "eight"}]
    weight = RNG.normal(size=(2, 8)).astype("f4")
    content = described(IMAGE, gym.spaces.Discrete(2), layers)
    write_folder(tmp_path, content, {**ARRAYS, "eight": weight})
    (observations,) = drawn(IMAGE, 100)
    windows = np.lib.stride_tricks.sliding_window_view(observations[:, 0].astype("f8"), (2, 2), (1, 2))
    seen = np.einsum("rhwij,oij->rhwo", windows, ARRAYS["filters"][:, 0])
    expected = (seen.reshape(100, -1) @ weight.T).argmax(axis=1)
    np.testing.assert_array_equal(
        actions_of(tmp_path, (IMAGE, gym.spaces.Discrete(2)), [observations]), expected
    )
