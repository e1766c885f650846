"""Clones of imitation and d3rlpy: trained in their own environments, played in ours.

A peer learns from an export of some episodes; of its policy the weights come back as numbers, with what it
does on some of the observations, which the network that is made of them must do as well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.measuring import Options
from benchmarks.peers import python_of, script
from builder.episodes.context import Context
from builder.episodes.spaces import Array, Spaces
from builder.experts.network.encoding import encoders
from builder.experts.network.network import ContinuousHead, DiscreteHead, Linear, Network
from builder.experts.network_player import NetworkPlayer
from builder.loading.trajectories import Trajectories

PEERS = {"imitation": "", "d3rlpy": ".h5"}
"""Who clones, and how an export for it ends."""
TOLERANCE = 1e-3
"""Of an action, where a peer computes in float32 and we in float64; of choices the share that may differ."""


def here(options: Options) -> list[str]:
    """The peers whose environments are there."""
    return [peer for peer in PEERS if python_of(peer, options)]


def trained(
    peer: str, few: Trajectories, steps: int, seed: int, options: Options
) -> tuple[Network, dict[str, str]]:
    """What a peer learns from an export of some episodes, and the versions of what has taught it.

    Raises:
        ValueError: the network does not do what the peer's own policy does.
    """
    python = python_of(peer, options)
    if python is None:
        raise FileNotFoundError(peer)
    with tempfile.TemporaryDirectory() as scratch:
        exported = few.export(peer, Path(scratch) / f"export{PEERS[peer]}")
        weights = Path(scratch) / "weights.npz"
        bound = float(np.max(getattr(few.manifest.spaces.action, "high", 0)))
        answer = script(
            python, f"clone_{peer}", str(exported), str(weights), str(steps), str(seed), str(bound)
        )
        with np.load(weights) as file:
            numbers = dict(file)
    network = network_of(numbers, few.manifest.spaces)
    check(network, numbers["seen"], numbers["did"])
    return network, answer["versions"]


def network_of(numbers: Mapping[str, Array], spaces: Spaces) -> Network:
    """A network of a peer's layers.

    Args:
        numbers: `weight.0`, `bias.0`, ...; `activation`; `squash`, where tanh goes over the outputs.
        spaces: of the environment: a flat Box is observed, a Discrete or a Box is done.
    """
    layers = [
        Linear(numbers[f"weight.{index}"].astype(np.float32), numbers[f"bias.{index}"].astype(np.float32))
        for index in range(sum(name.startswith("weight.") for name in numbers))
    ]
    choices = getattr(spaces.action, "n", None)
    return Network(
        observation_space=spaces.observation,
        action_space=spaces.action,
        encoders=encoders(spaces.observation, normalize_images=True),
        extractors=(None,),
        lstm=(),
        hidden=tuple(layers[:-1]),
        activation=str(numbers["activation"]),
        output=layers[-1],
        head=ContinuousHead(squash="squash" in numbers) if choices is None else DiscreteHead((int(choices),)),
    )


def check(network: Network, seen: Array, did: Array) -> None:
    """Hold a network against what the peer's policy did.

    Args:
        network: made of the peer's numbers.
        seen: observations [steps, ...].
        did: the peer's actions there [steps, ...].

    Raises:
        ValueError: it does something else.
    """
    actor = NetworkPlayer(network).actor(network.observation_space, network.action_space)
    actor.begin(0, Context(0))
    acted = np.concatenate([actor.act([row[None]], [0])[0] for row in seen])
    if isinstance(network.head, DiscreteHead):
        apart = float(np.mean(acted != did))
    else:
        bounds = np.asarray(getattr(network.action_space, "high", 1.0))
        apart = float(np.max(np.abs(acted - np.clip(did, -bounds, bounds))))
    if not apart <= TOLERANCE:
        raise ValueError(f"the network does not act as the peer's policy does: they are {apart:g} apart")
