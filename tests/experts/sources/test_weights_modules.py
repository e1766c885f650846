"""A torch module that was written acts as the module itself does."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import sweep
from weights_folders import actions_of, drawn

from builder.errors import ConfigError, UnsupportedExpertError
from builder.experts import save_weights

LINE = gym.spaces.Box(-np.inf, np.inf, (5,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (3, 12, 10), np.uint8)
UNEVEN = gym.spaces.Box(np.array([-1, -3], np.float32), np.array([1, 2], np.float32))
WIDE = gym.spaces.Box(-99, 99, (2,), np.float32)


def nested():
    return nn("Sequential", nn("PReLU")())()


def torch_module(*layers):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return torch.nn.Sequential(*(layer() for layer in layers)).eval()


def nn(name, *arguments, **keywords):
    """A layer, made later: torch is not imported while tests are collected."""
    import importlib

    return lambda: getattr(importlib.import_module("torch.nn"), name)(*arguments, **keywords)


def inference(module, observations):
    import torch

    with torch.no_grad():
        return module(torch.as_tensor(observations, dtype=torch.float32)).numpy()


MODULES = {
    "relu": [nn("Linear", 5, 16), nn("ReLU"), nn("Linear", 16, 2)],
    "tanh": [nn("Linear", 5, 16), nn("Tanh"), nn("Linear", 16, 16), nn("Tanh"), nn("Linear", 16, 2)],
    "one": [nn("Linear", 5, 2, bias=False)],
    "mixed": [nn("Linear", 5, 16), nn("SiLU"), nn("Linear", 16, 8), nn("GELU"), nn("Linear", 8, 2)],
    "norms": [
        *(nn("LayerNorm", 5), nn("Linear", 5, 16), nn("LayerNorm", 16), nn("ReLU")),
        *(nn("Dropout", 0.5), nn("Linear", 16, 2)),
    ],
    "parameters": [
        *(nn("Linear", 5, 8), nn("LeakyReLU", 0.2), nn("Linear", 8, 8), nn("ELU", 0.5)),
        *(nn("Linear", 8, 8), nn("Softplus", 2.0), nn("Linear", 8, 8), nn("GELU", approximate="tanh")),
        nn("Linear", 8, 2),
    ],
    "flattened": [nn("Flatten"), nn("Linear", 5, 8), nn("Sigmoid"), nn("Tanh"), nn("Linear", 8, 2)],
}


@sweep("name", MODULES, quick=3)
def test_numbers_are_those_of_the_module(tmp_path, name):
    module = torch_module(*MODULES[name])
    folder = save_weights(module, LINE, WIDE, tmp_path / "x")
    (observations,) = drawn(LINE, 1000)
    ours, theirs = actions_of(folder, (LINE, WIDE), [observations]), inference(module, observations)
    assert np.abs(theirs).max() < 99
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@sweep("name", MODULES, quick=4)
def test_choices_are_those_of_the_module(tmp_path, name):
    module, space = torch_module(*MODULES[name]), gym.spaces.Discrete(2)
    folder = save_weights(module, LINE, space, tmp_path / "x")
    (observations,) = drawn(LINE, 1000)
    ours, theirs = actions_of(folder, (LINE, space), [observations]), inference(module, observations)
    np.testing.assert_array_equal(ours, theirs.argmax(axis=1))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@sweep("padding", [0, 2, (1, 0), "same"], quick=2)
def test_images_are_seen_as_the_module_sees_them(tmp_path, padding):
    stride = 1 if padding == "same" else (2, 1)
    layers = [
        *(nn("Conv2d", 3, 4, (3, 4), stride=stride, padding=padding), nn("ReLU")),
        *(nn("Conv2d", 4, 4, 3, bias=False), nn("Tanh"), nn("Flatten"), nn("LazyLinear", 2)),
    ]
    module = torch_module(*layers)
    (observations,) = drawn(IMAGE, 200)
    theirs = inference(module, observations / 255)
    folder = save_weights(module, IMAGE, UNEVEN, tmp_path / "x", scale_images=True)
    ours = actions_of(folder, (IMAGE, UNEVEN), [observations])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    turned = gym.spaces.Box(0, 255, (12, 10, 3), np.uint8)
    last = actions_of(folder, (turned, UNEVEN), [observations.transpose(0, 2, 3, 1)])
    np.testing.assert_array_equal(last, ours)


def test_what_a_module_ends_with_and_no_choice_depends_on_is_left_out(tmp_path):
    (observations,) = drawn(LINE, 1000)
    for end, space in (("LogSoftmax", gym.spaces.Discrete(2)), ("Sigmoid", gym.spaces.MultiBinary(2))):
        module = torch_module(*MODULES["relu"], nn(end, *((1,) if end == "LogSoftmax" else ())))
        folder = save_weights(module, LINE, space, tmp_path / end)
        theirs = inference(module, observations)
        choices = theirs.argmax(axis=1) if end == "LogSoftmax" else theirs > 0.5
        np.testing.assert_array_equal(actions_of(folder, (LINE, space), [observations]), choices)


def test_components_are_chosen_each_by_its_own_scores(tmp_path):
    module, space = torch_module(nn("Linear", 5, 5)), gym.spaces.MultiDiscrete([2, 3])
    folder = save_weights(module, LINE, space, tmp_path / "x")
    (observations,) = drawn(LINE, 1000)
    scores = inference(module, observations)
    theirs = np.stack([scores[:, :2].argmax(axis=1), scores[:, 2:].argmax(axis=1)], axis=1)
    np.testing.assert_array_equal(actions_of(folder, (LINE, space), [observations]), theirs)


@pytest.mark.parametrize("end", [[], [nn("Tanh")]], ids=["plain", "tanh"])
@pytest.mark.parametrize("squash", [None, "tanh"])
@sweep("rescale", [False, True])
def test_outputs_become_actions_as_it_was_said(tmp_path, end, squash, rescale):
    module = torch_module(*MODULES["relu"], *end)
    folder = save_weights(module, LINE, UNEVEN, tmp_path / "x", squash=squash, rescale=rescale)
    (observations,) = drawn(LINE, 1000)
    theirs = inference(module, observations)
    theirs = np.tanh(theirs) if squash else theirs
    theirs = UNEVEN.low + (theirs + 1) / 2 * (UNEVEN.high - UNEVEN.low) if rescale else theirs
    theirs = theirs.clip(UNEVEN.low, UNEVEN.high)
    np.testing.assert_allclose(
        actions_of(folder, (LINE, UNEVEN), [observations]), theirs, rtol=1e-5, atol=1e-5
    )


def test_a_module_that_stands_in_several_places_is_written_in_each(tmp_path):
    import torch

    torch.manual_seed(0)
    function, layer = torch.nn.ReLU(), torch.nn.Linear(5, 5)
    module = torch.nn.Sequential(layer, function, layer, function, torch.nn.Linear(5, 2))
    folder = save_weights(module, LINE, WIDE, tmp_path / "x")
    (observations,) = drawn(LINE, 1000)
    theirs = inference(module, observations)
    np.testing.assert_allclose(actions_of(folder, (LINE, WIDE), [observations]), theirs, rtol=1e-5, atol=1e-5)


def test_a_module_that_does_more_than_its_parts_is_not_written(tmp_path):
    module = torch_module(*MODULES["relu"])
    module[0].register_forward_hook(lambda part, given, output: 2 * output)
    with pytest.raises(UnsupportedExpertError, match="does not compute what its parts do"):
        save_weights(module, LINE, WIDE, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_module_in_training_is_written_as_it_acts_and_left_in_training(tmp_path):
    module = torch_module(*MODULES["norms"]).train()
    save_weights(module, LINE, WIDE, tmp_path / "x")
    assert module.training
    assert all(part.training for part in module)


def test_of_means_and_spreads_the_means_are_kept(tmp_path):
    module = torch_module(nn("Linear", 5, 8), nn("Tanh"), nn("Linear", 8, 4))
    folder = save_weights(module, LINE, WIDE, tmp_path / "x", mean_only=True)
    (observations,) = drawn(LINE, 1000)
    theirs = inference(module, observations)[:, :2]
    np.testing.assert_allclose(actions_of(folder, (LINE, WIDE), [observations]), theirs, rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match=r"mean_only=\); expected a linear layer of 2 outputs"):
        save_weights(module, LINE, gym.spaces.Box(-1, 1, (1,)), tmp_path / "y", mean_only=True)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn("BatchNorm1d", 5), "the module '1', a BatchNorm1d"),
        (nn("LSTM", 5, 5), "the module '1', a LSTM"),
        (nn("Hardtanh", -2, 2), "the module '1', a Hardtanh of other bounds"),
        (nn("LayerNorm", (5, 5)), "the module '1', a LayerNorm of more than one axis"),
        (nn("Flatten", 0), "the module '1', a Flatten of some axes"),
        (nn("Conv2d", 4, 4, 3, groups=2), "the module '1', a Conv2d with groups"),
        (nested, r"the module '1\.0', a PReLU"),
    ],
    ids=["batch norm", "lstm", "hardtanh", "layer norm", "flatten", "conv2d", "nested"],
)
def test_a_module_that_cannot_be_written_is_named(tmp_path, layer, message):
    module = torch_module(nn("Linear", 5, 5), layer)
    with pytest.raises(UnsupportedExpertError, match=message):
        save_weights(module, LINE, WIDE, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_module_of_ones_own_is_not_taken_for_the_one_that_it_is_derived_of(tmp_path):
    import torch

    class Twice(torch.nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    with pytest.raises(UnsupportedExpertError, match="the module '0', a Twice"):
        save_weights(torch.nn.Sequential(Twice(5, 2)), LINE, WIDE, tmp_path / "x")
