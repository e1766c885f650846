"""Single layers: what they compute in each floating-point type, and what does not fit."""

import numpy as np
import pytest
from sweeps import case

from builder.experts.network.layered import activation, images, normalisation, shape_after
from builder.experts.network.network import Activation, Filters, ImageLayers, LayerNorm, Linear


@pytest.mark.parametrize(
    "layer",
    [
        Activation("GELUTanh"),
        Activation("ELU", 0.5),
        Activation("LeakyReLU", 0.2),
        Activation("Softplus", 2.0),
    ],
    ids=lambda layer: layer.name,
)
def test_an_activation_is_exact_in_extended_precision(layer):
    x = np.linspace(-9, 9, 1001)
    exact = activation(layer)(x.astype(np.longdouble))
    assert exact.dtype == np.longdouble
    np.testing.assert_allclose(activation(layer)(x.copy()), exact.astype(np.float64), rtol=1e-13, atol=2e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_a_layer_norm_keeps_the_type_and_leaves_its_argument(dtype):
    layer = LayerNorm(np.array([1, 2, 3], np.float32), np.array([0, 0, 1], np.float32), 0.0)
    x = np.array([[1, 2, 3], [-4, 0, 4]], dtype)
    found = normalisation(layer, np.dtype(dtype))(x)
    step = np.sqrt(dtype(1.5))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [[-step, 0, 3 * step + 1]] * 2, rtol=1e-6)
    np.testing.assert_array_equal(x, [[1, 2, 3], [-4, 0, 4]])


def test_an_image_becomes_features_channel_by_channel_or_pixel_by_pixel():
    image = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    assert images(ImageLayers(()), np.dtype("f8"))(image)[0].tolist() == list(range(12))
    turned = images(ImageLayers((), channels_last=True), np.dtype("f8"))(image)[0]
    assert turned.tolist() == [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]


def test_an_image_is_the_same_features_whatever_the_others_are():
    rng = np.random.default_rng(0)
    layer = Filters(rng.normal(size=(4, 3, 3, 2)).astype("f4"), None, (2, 1), (1, 0, 0, 1))
    step = images(ImageLayers((layer, Activation("ReLU"))), np.dtype("f8"))
    batch = rng.normal(size=(5, 3, 8, 7)).astype("f4")
    before = batch.copy()
    np.testing.assert_array_equal(
        step(batch), np.concatenate([step(batch[row : row + 1]) for row in range(5)])
    )
    np.testing.assert_array_equal(batch, before)


def filters(*shape, **more):
    return Filters(np.broadcast_to(np.float32(1), shape), **more)


@pytest.mark.parametrize(
    ("layer", "shape", "after"),
    [
        (Linear(np.ones((2, 3), "f4")), (3,), (2,)),
        (filters(4, 3, 3, 2, stride=(2, 1), padding=(1, 0, 0, 1)), (3, 8, 7), (4, 4, 7)),
        (LayerNorm(), (3,), (3,)),
    ],
)
def test_a_layer_says_what_it_gives(layer, shape, after):
    assert shape_after(layer, shape) == after


REFUSED = [
    (Linear(np.ones((2, 3), "f4")), (2,), r"a weight of shape \(2, 3\) for an input of shape \(2,\)"),
    (Linear(np.ones((2, 3), "f4"), np.ones(3, "f4")), (3,), "a bias of shape"),
    (Linear(np.ones((0, 3), "f4")), (3,), "a weight of shape"),
    (LayerNorm(np.ones(2, "f4")), (3,), "a layer norm"),
    (Activation("Dream"), (3,), "no activation function 'Dream'"),
    (Activation("Tanh", 1.0), (3,), "no activation function 'Tanh'"),
    (filters(4, 3, 3, 3), (2, 8, 8), "a weight of shape"),
    (filters(4, 3, 9, 3), (3, 8, 8), "smaller than its windows"),
    (filters(4, 3, 3, 3, stride=(0, 1)), (3, 8, 8), "a stride of"),
    (filters(4, 3, 3, 3, padding=(1, 1)), (3, 8, 8), "a stride of"),
    (filters(1 << 20, 1, 1, 1), (1, 4096, 4096), "more than 16777216 numbers"),
    (filters(1, 1, 1, 1, padding=(1 << 20,) * 4), (1, 8, 8), "more than 16777216 numbers"),
]


def test_what_does_not_fit_or_becomes_too_large_is_refused_before_it_is_computed():
    for layer, shape, message in REFUSED:
        with case(layer, shape, message), pytest.raises(ValueError, match=message):
            shape_after(layer, shape)
