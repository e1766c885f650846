"""IMPALA's network for pictures computes what torch's layers compute."""

import numpy as np
import pytest
import torch
from sweeps import sweep

from builder.experts.network.activations import ACTIVATIONS
from builder.experts.network.network import Linear, PaddedConvolution, ResidualExtractor, ResidualStage
from builder.experts.network.residual import Residual


def padded(layer):
    return PaddedConvolution(layer.weight.detach().numpy(), layer.bias.detach().numpy())


def of_torch(size, activation):
    """An extractor of two stages, and torch's features of pictures."""
    torch.manual_seed(0)
    convolutions = [
        torch.nn.Conv2d(a, b, 3, padding=1) for a, b in ((2, 3), (3, 3), (3, 3), (3, 4), (4, 4), (4, 4))
    ]
    side = (size + 3) // 4
    linear = torch.nn.Linear(4 * side * side, 5)
    stages = tuple(
        ResidualStage(padded(first), ((padded(before), padded(after)),))
        for first, before, after in (convolutions[:3], convolutions[3:])
    )
    weights = Linear(linear.weight.detach().numpy(), linear.bias.detach().numpy())

    def features(x):
        act = getattr(torch.nn, activation)()
        for first, before, after in (convolutions[:3], convolutions[3:]):
            x = torch.nn.functional.max_pool2d(first(x), 3, 2, 1)
            x = x + after(act(before(act(x))))
        return act(linear(act(x).flatten(1)))

    return ResidualExtractor(stages, weights, activation), features


@pytest.mark.parametrize("size", [12, 13, 14, 15])
@sweep("activation", ["ReLU", "ELU"])
def test_features_are_those_of_torch(size, activation):
    extractor, features = of_torch(size, activation)
    x = np.random.default_rng(0).standard_normal((6, 2, size, size)).astype(np.float32)
    found = Residual(extractor, np.dtype(np.float64), ACTIVATIONS[activation])(x)
    with torch.no_grad():
        expected = features(torch.from_numpy(x))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_pictures_do_not_depend_on_those_beside_them():
    extractor, _ = of_torch(12, "ReLU")
    run = Residual(extractor, np.dtype(np.float64), ACTIVATIONS["ReLU"])
    x = np.random.default_rng(0).standard_normal((6, 2, 12, 12)).astype(np.float32)
    before = x.copy()
    np.testing.assert_allclose(run(x), np.concatenate([run(one[None]) for one in x]), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(x, before)
