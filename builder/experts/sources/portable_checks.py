"""Whether a description of an expert is whole and fits together, before anything is done with it.

An archive's reader builds only what fits; what others have written as JSON and safetensors may say anything.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from math import isfinite
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import leaves
from builder.errors import ArchiveError, BuilderError
from builder.experts.archive.agent import Agent
from builder.experts.archive.layers import arrays_of
from builder.experts.archive.vec_normalize import Statistics
from builder.experts.network.encoding import encoders
from builder.experts.network.layered import shape_after
from builder.experts.network.network import (
    AtomsHead,
    ContinuousHead,
    DiscreteHead,
    ImageLayers,
    Network,
    ResidualExtractor,
)
from builder.experts.network.residual import CHANNELS
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.wrappers import check_known
from builder.experts.published import Published
from builder.experts.sources.zoo_files import ZOO_FILES, Companions
from builder.storage.limits import FRAMES
from builder.values import fits

MAX_NOTES, MAX_NOTE = 20, 500
_OF_STATISTICS = re.compile(r"[^/\\\x00-\x1f]{1,200}\.pkl")
_SAMPLING = {
    DiscreteHead: {"softmax", "epsilon", "none", "unknown"},
    AtomsHead: {"epsilon", "none"},
    ContinuousHead: {"gaussian", "gsde", "none", "unknown"},
}


def check_fields(value: Any, where: str) -> None:
    """Compare the fields of a dataclass with their type hints.

    Raises:
        ArchiveError: a field holds something of another type.
    """
    hints = typing.get_type_hints(type(value))
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if not fits(content, hints[field.name]):
            raise ArchiveError(
                f"{where}: {type(value).__name__}.{field.name}",
                expected=str(field.type),
                got=type(content).__name__,
            )


def check_agent(agent: Agent, where: str) -> None:
    """Check an agent by what its parts say of each other, and by letting it act once.

    Raises:
        ArchiveError: its parts do not fit.
    """
    check_notes(agent.notes, where)
    network = agent.network
    spaces = (network.observation_space, network.action_space)
    if spaces != (agent.observation_space, agent.action_space):
        raise ArchiveError(f"{where}: the agent and its network disagree on the spaces")
    known = [encoders(spaces[0], normalize_images=scaled) for scaled in (True, False)]
    if network.encoders not in known or len(network.extractors) != len(network.encoders):
        raise ArchiveError(f"{where}: the network does not take its observation space")
    check_sizes(network, where)
    if not all(weight.dtype == np.float32 for weight in arrays_of(network)):
        raise ArchiveError(f"{where}: weights of another type", expected="float32")
    if network.head.sampling not in _SAMPLING[type(network.head)] or not _head_fits(network):
        raise ArchiveError(f"{where}: the network does not give its actions")
    _try_out(network, where)


def check_sizes(network: Network, where: str) -> None:
    """Follow an image through the layers that say how large what they give becomes.

    Raises:
        ArchiveError: it does not fit, or becomes larger than an observation may be.
    """
    for coder, extractor in zip(network.encoders, network.extractors, strict=True):
        shape = coder.shape
        if isinstance(extractor, ResidualExtractor) and _widest(extractor) > CHANNELS:
            raise ArchiveError(f"{where}: {_widest(extractor)} channels", expected=f"at most {CHANNELS}")
        for layer in extractor.layers if isinstance(extractor, ImageLayers) else ():
            try:
                shape = shape_after(layer, shape)
            except ValueError as error:
                raise ArchiveError(f"{where}: {error}") from error


def _widest(extractor: ResidualExtractor) -> int:
    """How many channels a layer of it gives at most."""
    layers = [
        layer
        for stage in extractor.stages
        for layer in (stage.convolution, *(part for block in stage.blocks for part in block))
    ]
    return max((len(layer.weight) for layer in layers), default=0)


def _head_fits(network: Network) -> bool:
    if isinstance(network.head, ContinuousHead):
        return _is_continuous(network.head, network.action_space, len(network.output.weight))
    head, space = network.head, network.action_space
    if isinstance(space, gym.spaces.MultiBinary):
        counts = ((1 if head.binary else 2),) * int(np.prod(space.shape))
    elif isinstance(space, gym.spaces.MultiDiscrete):
        counts = tuple(space.nvec.tolist())
    else:
        counts = (int(space.n),) if isinstance(space, gym.spaces.Discrete) else ()
    alone = len(head.counts) == 1 or (head.quantiles == 1 and head.sampling != "epsilon")
    each = head.quantiles
    if isinstance(head, AtomsHead):
        alone = len(head.counts) == head.quantiles == 1 and head.atoms.ndim == 1
        each = head.atoms.size
    return alone and head.counts == counts and sum(counts) * each == len(network.output.weight)


def _is_continuous(head: ContinuousHead, space: gym.Space[Any], outputs: int) -> bool:
    if not isinstance(space, gym.spaces.Box) or space.dtype.kind != "f" or outputs != np.prod(space.shape):
        return False
    limit = 1.0 if head.mean_limit is None else head.mean_limit
    return isfinite(limit) and limit >= 0 and (not head.squash or space.is_bounded())


def _try_out(network: Network, where: str) -> None:
    """Act once on an observation of zeros, both ways."""
    zeros = [np.zeros((1, *leaf.shape), leaf.dtype) for leaf in leaves(network.observation_space)]
    ways = (True,) if network.head.sampling == "unknown" else (True, False)
    try:
        for deterministic in ways:
            player = NetworkPlayer(network, deterministic)
            actor = player.actor(network.observation_space, network.action_space)
            actor.begin(0, Context(0, 0))
            actor.act(zeros, [0])
    except (BuilderError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
        raise ArchiveError(f"{where}: the network cannot act ({str(error)[:100]})") from error


def check_notes(notes: tuple[str, ...], where: str) -> None:
    """Check what is said of an expert to its dataset's readers.

    Raises:
        ArchiveError: it is more than notes are.
    """
    if len(notes) > MAX_NOTES or any(not 0 < len(note) <= MAX_NOTE for note in notes):
        raise ArchiveError(f"{where}: impossible notes")


def check_companions(companions: Companions, where: str) -> None:
    """Check what an expert is said to need around it.

    Raises:
        ArchiveError: it is impossible.
        UnsupportedExpertError: a wrapper is not known.
    """
    check_known(companions.wrappers)
    named = all(name in ZOO_FILES or _OF_STATISTICS.fullmatch(name) for name in companions.files)
    if not 1 <= companions.frame_stack <= FRAMES or not named:
        raise ArchiveError(f"{where}: impossible companions")
    check_notes(companions.notes, where)
    statistics = companions.statistics
    if statistics is not None and not _is_possible(statistics):
        raise ArchiveError(f"{where}: impossible statistics of observations")


def _is_possible(statistics: Statistics) -> bool:
    mean, variance = statistics.mean, statistics.variance
    return (
        mean.keys() == variance.keys()
        and all(array.dtype == np.float64 for array in (*mean.values(), *variance.values()))
        and all(mean[key].shape == variance[key].shape and (variance[key] >= 0).all() for key in mean)
        and isfinite(statistics.epsilon)
        and statistics.epsilon >= 0
        and statistics.clip > 0
    )


def check_published(published: Published | None, where: str) -> None:
    """Check a published return.

    Raises:
        ArchiveError: it is no number.
    """
    if published is not None and not published.is_possible:
        raise ArchiveError(f"{where}: an impossible published return", got=f"{published.mean}")
