"""A model acts as the module that it was exported from."""

import gymnasium as gym
import numpy as np
import onnx_models
import pytest
from weights_folders import drawn

from builder.episodes.context import Context
from builder.errors import ArchiveError, SpaceError, UnsupportedExpertError
from builder.experts.sources.onnx_player import OnnxPlayer, Reading

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
LINE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
UNEVEN = gym.spaces.Box(np.array([-1, -3], np.float32), np.array([1, 2], np.float32))
WIDE = gym.spaces.Box(-99, 99, (2,), np.float32)


def actor_of(path, spaces, **reading):
    actor = OnnxPlayer(path.read_bytes(), path.name, Reading(**reading)).actor(*spaces)
    actor.begin(0, Context(0))
    return actor


def actions(path, spaces, observations, **reading):
    return actor_of(path, spaces, **reading).act(observations, range(len(observations[0])))[0]


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory):
    module, path = onnx_models.two_layers(tmp_path_factory.mktemp("onnx") / "m.onnx")
    (observations,) = drawn(LINE, 1000)
    return path, observations, onnx_models.inference(module, observations)


def test_numbers_are_those_of_the_module(two_layers):
    path, observations, theirs = two_layers
    found = actions(path, (LINE, WIDE), [observations])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("start", [0, 5])
def test_the_best_score_is_chosen_counted_as_the_space_counts(two_layers, start):
    path, observations, theirs = two_layers
    found = actions(path, (LINE, gym.spaces.Discrete(2, start=start)), [observations])
    np.testing.assert_array_equal(found, theirs.argmax(axis=1) + start)


def test_bits_are_those_above_zero(two_layers):
    path, observations, theirs = two_layers
    np.testing.assert_array_equal(
        actions(path, (LINE, gym.spaces.MultiBinary(2)), [observations]), theirs > 0
    )


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("rescale", [False, True])
def test_numbers_become_actions_as_it_was_said(two_layers, squash, rescale):
    path, observations, theirs = two_layers
    theirs = np.tanh(theirs) if squash else theirs
    theirs = UNEVEN.low + (theirs + 1) / 2 * (UNEVEN.high - UNEVEN.low) if rescale else theirs
    found = actions(path, (LINE, UNEVEN), [observations], squash=squash, rescale=rescale)
    np.testing.assert_allclose(found, theirs.clip(UNEVEN.low, UNEVEN.high), rtol=1e-5, atol=1e-5)


def test_of_means_and_spreads_the_means_are_taken(two_layers):
    path, observations, theirs = two_layers
    space = gym.spaces.Box(-99, 99, (1,), np.float32)
    found = actions(path, (LINE, space), [observations], mean_only=True)
    np.testing.assert_allclose(found, theirs[:, :1], rtol=1e-5, atol=1e-5)
    with pytest.raises(SpaceError, match="the model's output is no action"):
        actor_of(path, (LINE, space))


def test_whole_numbers_are_the_choices_themselves(tmp_path):
    import torch

    class Greedy(torch.nn.Module):
        def forward(self, x):
            return x.argmax(dim=1)

    path = onnx_models.exported(Greedy(), tmp_path / "m.onnx", (1, 4))
    (observations,) = drawn(LINE, 100)
    found = actions(path, (LINE, gym.spaces.Discrete(4)), [observations])
    np.testing.assert_array_equal(found, observations.argmax(axis=1))
    with pytest.raises(SpaceError, match="an action that the environment does not have"):
        actions(path, (LINE, gym.spaces.Discrete(2)), [np.eye(4, dtype="f4")])


def test_images_are_turned_and_scaled(tmp_path):
    import torch

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 6 * 4, 2))
    path = onnx_models.exported(module, tmp_path / "m.onnx", (1, 3, 8, 6))
    space = gym.spaces.Box(0, 255, (8, 6, 3), np.uint8)
    (observations,) = drawn(space, 50)
    theirs = onnx_models.inference(module, observations.transpose(0, 3, 1, 2) / np.float32(255))
    found = actions(path, (space, WIDE), [observations], scale_images=True)
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)


def test_parts_of_a_dict_go_to_the_inputs_of_their_names(tmp_path):
    import torch

    class Both(torch.nn.Module):
        def forward(self, a, b):
            return torch.cat([a, 2 * b], dim=1)

    path = onnx_models.exported(Both(), tmp_path / "m.onnx", (1, 1), (1, 1), inputs=("a", "b"))
    space = gym.spaces.Dict({key: gym.spaces.Box(-9, 9, (1,), np.float32) for key in "ba"})
    found = actions(path, (space, WIDE), [np.full((1, 1), 1, "f4"), np.full((1, 1), 3, "f4")])
    assert found.tolist() == [[1, 6]]
    with pytest.raises(SpaceError, match="an input 'a'; expected one input, or one for each of"):
        actor_of(path, (LINE, WIDE))


def test_which_of_several_outputs_decides_has_to_be_said(tmp_path):
    import torch

    class Several(torch.nn.Module):
        def forward(self, x):
            return x[:, :2], x[:, 2:3]

    path = onnx_models.exported(Several(), tmp_path / "m.onnx", (1, 4), outputs=("action", "value"))
    with pytest.raises(UnsupportedExpertError, match="has 2 outputs: action, value"):
        actor_of(path, (LINE, WIDE))
    found = actions(path, (LINE, WIDE), [np.array([[1, 2, 3, 4]], "f4")], output="action")
    assert found.tolist() == [[1, 2]]


def test_other_observations_and_other_files_are_errors(two_layers):
    path, _, _ = two_layers
    with pytest.raises(SpaceError, match="the model was trained on other observations"):
        actor_of(path, (gym.spaces.Box(-1, 1, (3,), np.float32), WIDE))
    with pytest.raises(ArchiveError, match="onnxruntime does not take it"):
        OnnxPlayer(b"\x3a\x00", "m.onnx").actor(LINE, WIDE)


def test_an_answer_is_the_same_whatever_else_is_asked(two_layers):
    path, observations, _ = two_layers
    whole = actions(path, (LINE, WIDE), [observations[:64]])
    alone = [actions(path, (LINE, WIDE), [observations[row : row + 1]])[0] for row in range(3)]
    np.testing.assert_array_equal(whole[:3], alone)
