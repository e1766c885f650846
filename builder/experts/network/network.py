"""The acting part of a policy, as numbers: no critic, no torch, no code.

A network goes from encoded observations (`encoding.py`) through optional image extractors, an optional
LSTM and fully connected layers to its output layer, which a head (`heads.py`) turns into actions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from builder.episodes.spaces import Array
from builder.experts.network.encoding import Encoder


@dataclass(frozen=True, eq=False)
class Linear:
    """A fully connected layer.

    Attributes:
        weight: float32 [outputs, inputs].
        bias: float32 [outputs], if the layer has one.
    """

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 2-d convolution without padding, followed by ReLU.

    Attributes:
        weight: float32 [outputs, inputs, height, width].
        bias: float32 [outputs].
        stride: in both directions.
    """

    weight: Array
    bias: Array
    stride: int


@dataclass(frozen=True, eq=False)
class ImageExtractor:
    """SB3's `NatureCNN`: convolutions, then one fully connected layer, each followed by ReLU."""

    convolutions: tuple[Convolution, ...]
    linear: Linear


@dataclass(frozen=True, eq=False)
class PaddedConvolution:
    """A 2-d convolution of 3 x 3 in steps of one, whose outputs are as large as its inputs.

    Attributes:
        weight: float32 [outputs, inputs, 3, 3].
        bias: float32 [outputs].
    """

    weight: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class ResidualStage:
    """A convolution, the largest of each 3 x 3 in steps of two, then blocks that add to what they get.

    Attributes:
        convolution: the first.
        blocks: of each its two convolutions, each of which comes after the activation.
    """

    convolution: PaddedConvolution
    blocks: tuple[tuple[PaddedConvolution, PaddedConvolution], ...]


@dataclass(frozen=True, eq=False)
class ResidualExtractor:
    """IMPALA's network for pictures: stages, the activation, one fully connected layer, the activation.

    Attributes:
        stages: from the picture on.
        linear: takes the last stage's outputs, channels first.
        activation: torch's name of the activation function.
        centred: the largest are taken of windows that begin a pixel outside, as torch's `padding=1` has it;
            otherwise where JAX's `SAME` begins them.
    """

    stages: tuple[ResidualStage, ...]
    linear: Linear
    activation: str = "ReLU"
    centred: bool = True


@dataclass(frozen=True, eq=False)
class LstmLayer:
    """One layer of torch's `LSTM`; the gates are stacked as input, forget, cell, output.

    Attributes:
        inputs: weight [4 * hidden, inputs] and bias [4 * hidden] for what comes in.
        recurrent: weight [4 * hidden, hidden] and bias for the previous hidden state.
    """

    inputs: Linear
    recurrent: Linear

    @property
    def hidden_size(self) -> int:
        """The length of its hidden state."""
        return int(self.recurrent.weight.shape[1])


@dataclass(frozen=True, eq=False)
class GruLayer:
    """One layer of torch's `GRU`; the gates are stacked as reset, update, new.

    Attributes:
        inputs: weight [3 * hidden, inputs] and bias [3 * hidden] for what comes in.
        recurrent: weight [3 * hidden, hidden] and bias for the previous hidden state.
    """

    inputs: Linear
    recurrent: Linear

    @property
    def hidden_size(self) -> int:
        """The length of its hidden state."""
        return int(self.recurrent.weight.shape[1])


@dataclass(frozen=True)
class Activation:
    """An activation function on its own, where a network has no one function after all of its layers.

    Attributes:
        name: torch's name of it, or "GELUTanh".
        parameter: the slope of LeakyReLU, alpha of ELU, beta of Softplus; None: torch's default.
    """

    name: str
    parameter: float | None = None


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Numbers normalised by their own mean and variance.

    Attributes:
        weight: float32 [numbers], what they are multiplied by; None: nothing.
        bias: float32 [numbers], likewise added.
        epsilon: added to the variance.
    """

    weight: Array | None = None
    bias: Array | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True, eq=False)
class Filters:
    """A 2-d convolution, with nothing after it.

    Attributes:
        weight: float32 [outputs, inputs, height, width].
        bias: float32 [outputs], if the layer has one.
        stride: down and along.
        padding: zeros above, below, on the left and on the right.
    """

    weight: Array
    bias: Array | None = None
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class ImageLayers:
    """Layers of any number that see an image; what they give is flattened.

    Attributes:
        layers: in the order in which they see it.
        channels_last: it is flattened pixel by pixel, as JAX and TensorFlow do; else channel by channel.
    """

    layers: tuple[Filters | Activation, ...]
    channels_last: bool = False


@dataclass(frozen=True)
class DiscreteHead:
    """Outputs are scores; the best is chosen, or one is drawn.

    Attributes:
        counts: the number of choices of each component: one for Discrete, several for MultiDiscrete;
            (1, 1, ...) for MultiBinary, whose outputs are the logits of a one.
        binary: the components are Bernoulli variables.
        quantiles: outputs are this many quantiles of each score (QR-DQN), to be averaged.
        sampling: what `deterministic=False` does: "softmax" draws from the scores as logits, "epsilon" draws
            a uniform action with probability `exploration_rate`, "none" is deterministic all the same,
            "unknown" cannot be done.
        exploration_rate: the probability of a uniform action.
    """

    counts: tuple[int, ...]
    binary: bool = False
    quantiles: int = 1
    sampling: str = "softmax"
    exploration_rate: float = 0.0


@dataclass(frozen=True, eq=False)
class AtomsHead(DiscreteHead):
    """Outputs are logits of how likely a choice leads to each of some returns (C51); the best mean wins.

    Attributes:
        atoms: these returns, float32 [atoms]; the outputs are [choices * atoms], choice by choice.
    """

    atoms: Array = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class ContinuousHead:
    """Outputs are the mean action.

    Attributes:
        squash: tanh, then stretched from [-1, 1] to the bounds; otherwise clipped to the bounds.
        mean_limit: the mean is first clipped to +- this (gSDE in SAC and TQC).
        log_std: a vector [actions] (Gaussian), a matrix [latent, actions or 1] (gSDE), or None.
        log_std_layer: computes the log of the standard deviation from the latent (SAC, TQC), or None.
        expln: gSDE's standard deviation grows like a logarithm above 1.
        sampling: what `deterministic=False` does: "gaussian", "gsde", "none" (it is deterministic all the
            same), or "unknown" (it cannot be done).
    """

    squash: bool
    mean_limit: float | None = None
    log_std: Array | None = None
    log_std_layer: Linear | None = None
    expln: bool = False
    sampling: str = "none"


@dataclass(frozen=True, eq=False)
class Network:
    """An acting network with the spaces it was trained on. Picklable; numpy only.

    Attributes:
        observation_space: what it was trained on; images are channels-first.
        action_space: what it was trained on.
        encoders: one for each leaf of the observation space, in the order in which features are joined.
        extractors: for each encoder an image extractor, or None.
        lstm: recurrent layers, usually none.
        hidden: layers in their order, of which each fully connected one is followed by the activation.
        activation: torch's name of the activation function.
        output: the last layer.
        head: what turns outputs into actions.
    """

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    encoders: tuple[Encoder, ...]
    extractors: tuple[ImageExtractor | ImageLayers | ResidualExtractor | None, ...]
    lstm: tuple[LstmLayer | GruLayer, ...]
    hidden: tuple[Linear | Activation | LayerNorm, ...]
    activation: str
    output: Linear
    head: DiscreteHead | ContinuousHead
