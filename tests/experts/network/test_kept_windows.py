"""Convolutions give the same whether everything is computed or only what has changed."""

import numpy as np
import pytest
import torch

from builder.experts.network.kept_windows import KeptConvolution
from builder.experts.network.network import Convolution
from builder.experts.network.rounding import FLOAT32, FLOAT64


def convolution(rng, outputs=6, channels=3, window=(4, 4), stride=2):
    weight = rng.standard_normal((outputs, channels, *window)).astype(np.float32)
    return Convolution(weight, rng.standard_normal(outputs).astype(np.float32), stride)


def by_torch(layer, x):
    """Images with their channels last, in float64."""
    seen = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float64))
    weight, bias = (torch.from_numpy(part.astype(np.float64)) for part in (layer.weight, layer.bias))
    y = torch.nn.functional.conv2d(seen, weight, bias, layer.stride)
    return torch.relu(y).numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("window", "stride", "shape"),
    [
        ((4, 4), 2, (14, 10)),
        ((3, 3), 1, (7, 9)),
        ((2, 5), 3, (11, 12)),
        ((8, 8), 4, (20, 20)),
        ((3, 3), 3, (9, 10)),
    ],
)
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("channels_first", [False, True], ids=["last", "first"])
def test_what_has_changed_in_part_gives_what_torch_computes_of_all(
    window, stride, shape, dtype, channels_first
):
    rng = np.random.default_rng(0)
    layer = convolution(rng, window=window, stride=stride)
    kept = KeptConvolution(layer, shape, channels_first=channels_first)
    kept.use(dtype)
    kept.reserve(2)
    x = rng.standard_normal((2, *shape, 3)).astype(np.float32)
    changed = np.ones((2, *shape), bool)
    for _ in range(6):
        given = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if channels_first else x
        found, touched = kept(given, changed, 0)
        expected = by_torch(layer, x)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 if dtype == FLOAT32 else 1e-12)
        assert touched.shape == found.shape[:3]
        changed = np.zeros((2, *shape), bool)
        changed[rng.integers(2), rng.integers(shape[0]), rng.integers(shape[1])] = True
        x[changed] = rng.standard_normal((1, 3))


def test_bytes_are_divided_as_the_encoding_does():
    rng = np.random.default_rng(0)
    layer = convolution(rng)
    whole, divided = KeptConvolution(layer, (10, 10)), KeptConvolution(layer, (10, 10), divisor=255)
    x, everything = rng.integers(0, 256, (2, 10, 10, 3), np.uint8), np.ones((2, 10, 10), bool)
    for kept in (whole, divided):
        kept.reserve(2)
    expected = whole(x.astype(np.float32) / np.float32(255), everything, 0)[0]
    np.testing.assert_array_equal(divided(x, everything, 0)[0], expected)


def test_only_windows_that_something_changed_in_are_computed_again():
    rng = np.random.default_rng(0)
    kept = KeptConvolution(convolution(rng), (10, 10))
    kept.reserve(1)
    x = rng.standard_normal((1, 10, 10, 3)).astype(np.float32)
    before = kept(x, np.ones((1, 10, 10), bool), 0)[0].copy()
    changed = np.zeros((1, 10, 10), bool)
    changed[0, 0, 3] = True
    found, touched = kept(x + 1, changed, 0)  # everything has, but that is not said
    assert np.argwhere(touched[0]).tolist() == [[0, 0], [0, 1]]
    np.testing.assert_array_equal(found[~touched], before[~touched])
    assert (found[touched] != before[touched]).any()


def test_images_of_a_later_place_have_their_own_kept():
    rng = np.random.default_rng(0)
    layer = convolution(rng)
    kept = KeptConvolution(layer, (10, 10))
    kept.reserve(3)
    x = rng.standard_normal((3, 10, 10, 3)).astype(np.float32)
    everything, nothing = np.ones((3, 10, 10), bool), np.zeros((3, 10, 10), bool)
    kept(x[:1], everything[:1], 0)
    kept(x[1:], everything[1:], 1)
    np.testing.assert_allclose(kept(x, nothing, 0)[0], by_torch(layer, x), atol=1e-4)


def test_float64_errs_by_less_and_says_so():
    kept = KeptConvolution(convolution(np.random.default_rng(0)), (10, 10))
    single = kept.growth
    kept.use(FLOAT64)
    assert kept.growth.rounding < single.rounding * 1e-6
    assert kept.growth.stretch == single.stretch


def test_what_is_not_a_number_stays_so():
    kept = KeptConvolution(convolution(np.random.default_rng(0)), (10, 10))
    kept.reserve(1)
    x = np.zeros((1, 10, 10, 3), np.float32)
    x[0, 0, 0] = np.nan
    assert np.isnan(kept(x, np.ones((1, 10, 10), bool), 0)[0][0, 0, 0]).all()
