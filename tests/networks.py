"""Networks of one layer."""

import numpy as np
from sb3_models import box

from builder.experts.network.encoding import Encoder
from builder.experts.network.network import ContinuousHead, Linear, Network

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
