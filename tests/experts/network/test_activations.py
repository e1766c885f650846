"""Activation functions compute what torch computes."""

import numpy as np
from sb3_models import UNEVEN, box, check_same_actions
from sweeps import case, sweep

from builder.experts.network.activations import ACTIVATIONS


@sweep("name", sorted(ACTIVATIONS), quick=4)
def test_activation_computes_what_torch_computes(save, name):
    import torch

    kwargs = {"activation_fn": getattr(torch.nn, name), "net_arch": [16, 16]}
    saved = save("TD3", "MlpPolicy", box(4, low=-9, high=9), UNEVEN, policy_kwargs=kwargs)
    agent = check_same_actions(saved, box(4, low=-9, high=9), UNEVEN)
    assert agent.network.activation == name


def test_activation_is_exact_in_extended_precision():
    for name in sorted(ACTIVATIONS):
        with case(name):
            x = np.linspace(-9, 9, 1001)
            exact = ACTIVATIONS[name](x.astype(np.longdouble))
            assert exact.dtype == np.longdouble
            np.testing.assert_allclose(
                ACTIVATIONS[name](x.copy()), exact.astype(np.float64), rtol=1e-13, atol=2e-15
            )


def test_gelus_error_function_is_right_to_the_last_digits():
    """Against the values of Abramowitz and Stegun, Handbook of Mathematical Functions, table 7.1."""
    x = np.array([0.5, -1, 2], np.longdouble) * np.sqrt(np.longdouble(2))
    table = ("0.52049987781304653768", "-0.84270079294971486934", "0.99532226501895273416")
    expected = x / 2 * (1 + np.array([np.longdouble(text) for text in table]))
    np.testing.assert_allclose(ACTIVATIONS["GELU"](x.copy()), expected, rtol=1e-18)
