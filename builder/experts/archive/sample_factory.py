"""Sample Factory's checkpoints, read without unpickling: `checkpoint_*.pth`, and an experiment's settings.

Source: Sample Factory 2, `sample_factory/model/*.py`, `utils/normalize.py` and `algo/learning/learner.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, ExpertError, UnsupportedExpertError
from builder.experts.archive.agent import Agent
from builder.experts.archive.layers import Weights
from builder.experts.archive.vec_normalize import Statistics
from builder.experts.archive.weights import pairs_of, read_weights
from builder.experts.network.encoding import encoders
from builder.experts.network.network import (
    Convolution,
    DiscreteHead,
    GruLayer,
    ImageExtractor,
    Linear,
    LstmLayer,
    Network,
    PaddedConvolution,
    ResidualExtractor,
    ResidualStage,
)
from builder.experts.network.residual import CHANNELS

_STRIDES = {"convnet_simple": (4, 2, 2), "convnet_impala": (4, 2), "convnet_atari": (4, 2, 1)}
_ACTIVATIONS = {"elu": "ELU", "relu": "ReLU", "tanh": "Tanh"}
_SCREEN = 84
_RESNET = "resnet_impala"
_MEAN_STD = "obs_normalizer.running_mean_std.running_mean_std.obs"
_ENCODER = "encoder.encoders.obs"
_EPSILON, _CLIP = 1e-5, 5.0
"""Of `RunningMeanStdInPlace`."""
_DAMAGED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError)


def read_checkpoint(
    content: bytes, settings: Mapping[str, Any], where: str
) -> tuple[Agent, Statistics | None]:
    """Read what acts of a checkpoint, and what its observations are normalised with.

    Args:
        content: the checkpoint.
        settings: what its `cfg.json` holds.
        where: the checkpoint, for messages.

    Raises:
        ArchiveError: it is damaged, or does not fit its settings.
        UnsafeArchiveError: it names anything but plain tensors and values; nothing of it was run.
        UnsupportedExpertError: it is sound, but of a kind that is not supported.
    """
    try:
        arrays = read_weights(content, where, lambda value: dict(_named(value)).get("model"))
        return _agent(arrays, settings, where)
    except ExpertError:
        raise
    except _DAMAGED as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def _named(value: Any) -> list[tuple[str, Any]]:
    return [pair for pair in pairs_of(value) if type(pair[0]) is str]


def _agent(
    arrays: dict[str, Array], settings: Mapping[str, Any], where: str
) -> tuple[Agent, Statistics | None]:
    weights = Weights(arrays, where, "Sample Factory")
    for prefix in ("obs_normalizer.", "returns_normalizer.", "critic_linear."):
        weights.disregard(prefix)
    if "learned_stddev" in "".join(arrays) or settings.get("actor_critic_share_weights") is False:
        raise UnsupportedExpertError(
            f"{where}: continuous actions, or actor and critic of weights of their own",
            expected="discrete actions of a network that the critic shares",
        )
    activation = _ACTIVATIONS.get(str(settings.get("nonlinearity")))
    if activation is None:
        raise UnsupportedExpertError(f"{where}: nonlinearity {settings.get('nonlinearity')!r:.40}")
    extractor, before, space = _encoder(weights, settings, activation)
    size = len(before[-1].weight) if before else 0
    if extractor is not None:
        size = len(extractor.linear.weight)
    core = _core(weights, settings, size or int(np.prod(space.shape)))
    if core and before:
        raise UnsupportedExpertError(f"{where}: layers in front of memory that see no pictures")
    size = core[-1].hidden_size if core else size or int(np.prod(space.shape))
    hidden = before + weights.sequence("decoder.mlp", size)
    size = len(hidden[-1].weight) if hidden else size
    output = weights.linear("action_parameterization.distribution_linear", size)
    actions = gym.spaces.Discrete(len(output.weight))
    head = DiscreteHead((len(output.weight),))
    coders = encoders(space, normalize_images=False)
    network = Network(space, actions, coders, (extractor,), core, hidden, activation, output, head)
    weights.check_all_taken(network)
    agent = Agent("APPO", "sample_factory.ActorCritic", "", space, actions, network, 0.0)
    return agent, _statistics(arrays, settings, space, where)


def _encoder(
    weights: Weights, settings: Mapping[str, Any], activation: str
) -> tuple[ImageExtractor | ResidualExtractor | None, tuple[Linear, ...], gym.spaces.Box]:
    """The network for pictures, or the layers that see numbers; and what is observed, once normalised."""
    if weights.names(f"{_ENCODER}.mlp_head."):
        size = weights.take(f"{_ENCODER}.mlp_head.0.weight", 2).shape[1]
        return None, weights.sequence(f"{_ENCODER}.mlp_head", size), _unbounded((size,))
    kind = str(settings.get("encoder_conv_architecture"))
    if kind == _RESNET:
        extractor, channels = _residual(weights, activation)
        return extractor, (), _unbounded((channels, _SCREEN, _SCREEN))
    if kind not in _STRIDES or activation != "ReLU":
        raise UnsupportedExpertError(
            f"{weights.where}: the encoder {kind[:40]!r} with {activation}",
            expected=f"{_RESNET}, or {', '.join(_STRIDES)} with relu",
        )
    prefix = f"{_ENCODER}.enc"
    convolutions: list[Convolution] = []
    channels, size = weights.take(f"{prefix}.conv_head.0.weight", 4).shape[1], _SCREEN
    seen = channels
    for index, stride in enumerate(_STRIDES[kind]):
        weight, bias, side = _convolution(weights, f"{prefix}.conv_head.{2 * index}", channels)
        convolutions.append(Convolution(weight, bias, stride))
        channels, size = len(weight), (size - side) // stride + 1
    if size < 1:
        raise ArchiveError(f"{weights.where}: convolutions larger than what they see")
    linear = weights.linear(f"{prefix}.mlp_layers.0", channels * size * size)
    return ImageExtractor(tuple(convolutions), linear), (), _unbounded((seen, _SCREEN, _SCREEN))


def _residual(weights: Weights, activation: str) -> tuple[ResidualExtractor, int]:
    prefix, stages, index = _ENCODER, [], 0
    seen = channels = weights.take(f"{prefix}.conv_head.0.weight", 4).shape[1]
    size = _SCREEN
    while f"{prefix}.conv_head.{index}.weight" in weights:
        first = _padded(weights, f"{prefix}.conv_head.{index}", channels)
        channels, size, index = (
            len(first.weight),
            (size + 1) // 2,
            index + 2,
        )  # a layer of the largest between
        blocks: list[tuple[PaddedConvolution, PaddedConvolution]] = []
        while weights.names(block := f"{prefix}.conv_head.{index}.res_block_core."):
            blocks.append((_padded(weights, f"{block}1", channels), _padded(weights, f"{block}3", channels)))
            if {len(layer.weight) for layer in blocks[-1]} != {channels}:
                raise ArchiveError(f"{weights.where}: {block} changes the number of channels")
            index += 1
        stages.append(ResidualStage(first, tuple(blocks)))
    linear = weights.linear(f"{prefix}.mlp_layers.0", channels * size * size)
    return ResidualExtractor(tuple(stages), linear, activation), seen


def _padded(weights: Weights, name: str, inputs: int) -> PaddedConvolution:
    weight, bias, side = _convolution(weights, name, inputs)
    if side != 3:
        raise UnsupportedExpertError(f"{weights.where}: {name}", expected="3 x 3", got=f"{side} x {side}")
    return PaddedConvolution(weight, bias)


def _convolution(weights: Weights, name: str, inputs: int) -> tuple[Array, Array, int]:
    weight, bias = weights.take(f"{name}.weight", 4), weights.take(f"{name}.bias", 1)
    side = weight.shape[2]
    weights.check(f"{name}.weight", (len(weight), inputs, side, side))
    weights.check(f"{name}.bias", (len(weight),))
    if not (0 < len(weight) <= CHANNELS and 0 < side <= _SCREEN):
        raise ArchiveError(
            f"{weights.where}: {name}", expected=f"at most {CHANNELS} channels", got=weight.shape
        )
    return weight, bias, side


def _core(weights: Weights, settings: Mapping[str, Any], size: int) -> tuple[LstmLayer | GruLayer, ...]:
    kinds: dict[str, tuple[type[LstmLayer | GruLayer], int]] = {"gru": (GruLayer, 3), "lstm": (LstmLayer, 4)}
    layers: list[LstmLayer | GruLayer] = []
    while f"core.core.weight_hh_l{len(layers)}" in weights:
        kind, gates = kinds[str(settings.get("rnn_type"))]
        suffix, parts = f"_l{len(layers)}", []
        hidden = weights.take(f"core.core.weight_hh{suffix}", 2).shape[1]
        for name, inputs in (("ih", size), ("hh", hidden)):
            weight, bias = (
                weights.take(f"core.core.{part}_{name}{suffix}", rank)
                for part, rank in (("weight", 2), ("bias", 1))
            )
            weights.check(f"core.core.weight_{name}{suffix}", (gates * hidden, inputs))
            weights.check(f"core.core.bias_{name}{suffix}", (gates * hidden,))
            parts.append(Linear(weight, bias))
        layers.append(kind(*parts))
        size = hidden
    return tuple(layers)


def _statistics(
    arrays: dict[str, Array], settings: Mapping[str, Any], space: gym.spaces.Box, where: str
) -> Statistics | None:
    """`ObservationNormalizer` in one step: first a mean and a scale, then running mean and variance."""
    shift, scale = (
        settings.get(name, default) for name, default in (("obs_subtract_mean", 0), ("obs_scale", 1))
    )
    if not all(type(number) in {int, float} and abs(number) < 1e6 for number in (shift, scale)) or not scale:
        raise ArchiveError(
            f"{where}: impossible obs_subtract_mean or obs_scale", got=f"{shift!r}, {scale!r}"[:60]
        )
    mean, variance = (arrays.get(f"{_MEAN_STD}.running_{name}") for name in ("mean", "var"))
    if mean is None or variance is None:
        if settings.get("normalize_input") is not False:
            raise ArchiveError(f"{where}: the statistics of observations are missing")
        plain = {"": np.full(space.shape, float(shift))}, {"": np.full(space.shape, float(scale) ** 2)}
        return None if (shift, scale) == (0, 1) else Statistics(*plain, 0.0, float("inf"))
    fit = mean.shape == variance.shape == space.shape and {mean.dtype, variance.dtype} == {
        np.dtype(np.float64)
    }
    if not fit or (variance < 0).any():
        raise ArchiveError(f"{where}: the statistics do not fit the observations", got=str(mean.shape))
    return Statistics(
        {"": shift + scale * mean}, {"": scale**2 * variance}, float(scale) ** 2 * _EPSILON, _CLIP
    )


def _unbounded(shape: tuple[int, ...]) -> gym.spaces.Box:
    return gym.spaces.Box(-np.inf, np.inf, shape, np.float32)
