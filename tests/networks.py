"""Networks of one layer, and small ones that see pictures."""

import gymnasium as gym
import numpy as np
from sb3_models import box

from builder.experts.network.encoding import Encoder
from builder.experts.network.network import (
    ContinuousHead,
    Convolution,
    DiscreteHead,
    ImageExtractor,
    Linear,
    Network,
)

BATCHES = (1, 7, 64)
ACTIONS = box(1, low=-99, high=99)


def linear_network(weight, *, action_space=ACTIONS, head=None, bias=None):
    """A network of one layer, whose outputs are known exactly."""
    weight = np.asarray(weight, np.float32)
    inputs = weight.shape[1]
    return Network(
        observation_space=box(inputs, low=-np.inf, high=np.inf),
        action_space=action_space,
        encoders=(Encoder("", (inputs,)),),
        extractors=(None,),
        lstm=(),
        hidden=(),
        activation="Identity",
        output=Linear(weight, None if bias is None else np.asarray(bias, np.float32)),
        head=head or ContinuousHead(squash=False),
    )


def picture_network(rng, head=None, *, scaled=True, weight=None, bias=None, spread=0):
    """A small network for pictures of 4 x 20 x 20, as `NatureCNN` is built.

    Args:
        rng: draws the weights.
        head: what the outputs mean; three choices if not given.
        scaled: pixels are divided by 255.
        weight: of the output layer; drawn if not given.
        bias: likewise.
        spread: weights are multiplied by powers of two, up to so many up and down.
    """
    head = head or DiscreteHead((3,))
    outputs = sum(head.counts) * head.quantiles

    def drawn(*shape, gain=1.5):
        values = rng.standard_normal(shape) * gain / np.sqrt(np.prod(shape[1:]))
        return (values * 2.0 ** rng.integers(-spread, spread + 1, shape)).astype(np.float32)

    convolutions = (
        Convolution(drawn(8, 4, 4, 4), drawn(8, 1)[:, 0], 2),
        Convolution(drawn(12, 8, 3, 3), drawn(12, 1)[:, 0], 1),
    )
    space = gym.spaces.Box(0, 255, (4, 20, 20), np.uint8)
    return Network(
        observation_space=space,
        action_space=_actions(head),
        encoders=(Encoder("", (4, 20, 20), scaled=scaled),),
        extractors=(ImageExtractor(convolutions, Linear(drawn(16, 12 * 7 * 7), drawn(16, 1)[:, 0])),),
        lstm=(),
        hidden=(),
        activation="ReLU",
        output=Linear(
            drawn(outputs, 16) if weight is None else np.asarray(weight, np.float32),
            drawn(outputs, 1)[:, 0] if bias is None else np.asarray(bias, np.float32),
        ),
        head=head,
    )


def _actions(head):
    if head.binary:
        return gym.spaces.MultiBinary(len(head.counts))
    if len(head.counts) > 1:
        return gym.spaces.MultiDiscrete(head.counts)
    return gym.spaces.Discrete(head.counts[0])
