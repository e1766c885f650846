"""CleanRL's models, files `SCRIPT.cleanrl_model`, read without unpickling: torch's or flax's parameters.

Sources: CleanRL's single-file scripts (`dqn.py`, `c51.py`, `ppo.py` and the same for Atari, and those for
continuous actions of DDPG, TD3, SAC and PPO): their networks, what they give to `torch.save`, and
`cleanrl_utils/evals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, ExpertError, UnsupportedExpertError
from builder.experts.archive.agent import Agent
from builder.experts.archive.cleanrl_flax import flax_model
from builder.experts.archive.flax_msgpack import read_msgpack
from builder.experts.archive.layers import Weights, image_extractor
from builder.experts.archive.weights import pairs_of, read_weights
from builder.experts.network.encoding import encoders
from builder.experts.network.network import (
    AtomsHead,
    ContinuousHead,
    DiscreteHead,
    ImageExtractor,
    Linear,
    Network,
)

EVALUATION_EPSILON = 0.05
"""The share of uniform actions in CleanRL's own evaluations of DQN and C51 (`cleanrl_utils/evals`)."""
FRAMES, SCREEN = 4, 84
_DAMAGED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError)


@dataclass(frozen=True, eq=False)
class CleanRLModel:
    """What such a file holds.

    Attributes:
        agent: what acts.
        env_id: what it was trained on, where the file says so.
    """

    agent: Agent
    env_id: str | None = None


def read_cleanrl(content: bytes, where: str) -> CleanRLModel:
    """Read a `.cleanrl_model` file.

    Args:
        content: the file.
        where: its name, for messages.

    Raises:
        ArchiveError: it is damaged, or not such a file.
        UnsafeArchiveError: it names anything but plain tensors and values; nothing of it was run.
        UnsupportedExpertError: it is sound, but of a kind that is not supported.
    """
    try:
        if not content.startswith((b"PK", b"\x80")):  # neither a zip of torch's nor a pickle
            return _of_flax(content, where)
        saved = _Saved()
        arrays = read_weights(content, where, saved.acting)
        return CleanRLModel(_agent(arrays, saved.networks, where), saved.env_id)
    except ExpertError:
        raise
    except _DAMAGED as error:
        raise ArchiveError(f"{where} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def _of_flax(content: bytes, where: str) -> CleanRLModel:
    model = flax_model(read_msgpack(content, where), where, EVALUATION_EPSILON)
    script = model.settings.get("exp_name")
    if isinstance(script, str) and "machado" in script:
        raise UnsupportedExpertError(f"{where}: trained with sticky actions and all actions of the console")
    named = model.settings.get("env_id")
    env_id = named if isinstance(named, str) and 0 < len(named) <= 200 else None
    return CleanRLModel(_as_agent(model.algorithm, model.network), env_id)


def _as_agent(algorithm: str, network: Network) -> Agent:
    space, actions = network.observation_space, network.action_space
    rate = getattr(network.head, "exploration_rate", 0.0)
    return Agent(algorithm, f"cleanrl.{algorithm}", "", space, actions, network, rate)


class _Saved:
    """What the records say beside the tensors.

    Attributes:
        networks: how many state dicts there are; the first is the one that acts.
        env_id: from the script's arguments.
    """

    def __init__(self) -> None:
        self.networks = 1
        self.env_id: str | None = None

    def acting(self, value: Any) -> Any:
        """The state dict of what acts: the file's, its first, or the one beside the script's arguments."""
        if isinstance(value, tuple) and value:  # TD3: actor and two critics; DDPG: actor and critic
            self.networks = len(value)
            return value[0]
        parts = {name: part for name, part in pairs_of(value) if name in {"model_weights", "args"}}
        if set(parts) != {"model_weights", "args"}:
            return value
        named = dict(pair for pair in pairs_of(parts["args"]) if type(pair[0]) is str).get("env_id")
        self.env_id = named if type(named) is str and len(named) <= 200 else None
        return parts["model_weights"]


def _agent(arrays: dict[str, Array], networks: int, where: str) -> Agent:
    if "actor_mean.0.weight" in arrays:
        raise UnsupportedExpertError(
            f"{where}: a PPO agent for continuous actions, which saw observations normalised by statistics"
            " that its script never saved (CleanRL's issues 425 and 532)",
            remedy="take one of another script, such as td3_continuous_action",
        )
    for sign, build in _FAMILIES.items():
        if sign in arrays:
            algorithm, network = build(arrays, where)
            if (algorithm, networks) == ("TD3", 2):  # of which DDPG's actor is the same, and its critic one
                algorithm = "DDPG"
            return _as_agent(algorithm, network)
    raise UnsupportedExpertError(
        f"{where}: weights of none of CleanRL's networks that are known",
        expected="DQN, C51, DDPG, TD3, SAC or PPO",
        got=", ".join(sorted(arrays)[:4]),
    )


def _deterministic(arrays: dict[str, Array], where: str) -> tuple[str, Network]:
    return "TD3", _stretched(Weights(arrays, where, "CleanRL"), arrays, "fc_mu", "none")


def _gaussian(arrays: dict[str, Array], where: str) -> tuple[str, Network]:
    weights = Weights(arrays, where, "CleanRL")
    weights.disregard("fc_logstd.")  # whose range is not that of Stable-Baselines3
    return "SAC", _stretched(weights, arrays, "fc_mean", "unknown")


def _stretched(weights: Weights, arrays: dict[str, Array], output: str, sampling: str) -> Network:
    """`Actor` of DDPG, TD3 and SAC: two layers, tanh, stretched to the bounds."""
    size = weights.take("fc1.weight", 2).shape[1]
    first = weights.linear("fc1", size)
    second = weights.linear("fc2", len(first.weight))
    last = weights.linear(output, len(second.weight))
    weights.disregard("action_scale")
    weights.disregard("action_bias")
    scale, bias = (_numbers(arrays, name, len(last.weight), weights.where) for name in _BOUNDS)
    low, high = (bias - scale).astype(np.float32), (bias + scale).astype(np.float32)
    if not (np.isfinite((low, high)).all() and (low <= high).all()):
        raise ArchiveError(f"{weights.where}: impossible bounds of actions")
    action_space = gym.spaces.Box(low, high, dtype=np.float32)
    head = ContinuousHead(squash=True, sampling=sampling)
    return _network(weights, _vector(size), action_space, ((first, second), "ReLU", last), head)


_BOUNDS = ("action_scale", "action_bias")


def _numbers(arrays: dict[str, Array], name: str, count: int, where: str) -> Array:
    """A buffer of numbers, [count] or [1, count], in float64."""
    values = arrays.get(name)
    if values is None or values.size != count or values.dtype.kind != "f":
        raise ArchiveError(
            f"{where}: {name}", expected=f"{count} numbers", got=getattr(values, "shape", None)
        )
    return values.reshape(-1).astype(np.float64)


def _greedy(arrays: dict[str, Array], where: str) -> tuple[str, Network]:
    """`QNetwork` of DQN and C51."""
    weights = Weights(_as_extractor(arrays), where, "CleanRL")
    atoms = weights.take("atoms", 1) if "atoms" in weights else None
    space, extractor, hidden = _features(weights)
    output = hidden[-1]
    each = 1 if atoms is None else len(atoms)
    actions, left = divmod(len(output.weight), max(1, each))
    if left or not actions:
        raise ArchiveError(f"{where}: {len(output.weight)} outputs", expected=f"a multiple of {each} atoms")
    exploring: dict[str, Any] = {"sampling": "epsilon", "exploration_rate": EVALUATION_EPSILON}
    head = DiscreteHead((actions,), **exploring)
    if atoms is not None:
        head = AtomsHead((actions,), **exploring, atoms=atoms)
    layers = (hidden[:-1], "ReLU", output)
    network = _network(weights, space, gym.spaces.Discrete(actions), layers, head, extractor)
    return ("DQN" if atoms is None else "C51"), network


def _categorical(arrays: dict[str, Array], where: str) -> tuple[str, Network]:
    """`Agent` of PPO with discrete actions: an actor of its own, or one behind the network for pictures."""
    weights = Weights(_as_extractor(arrays), where, "CleanRL")
    weights.disregard("critic.")
    if "actor.weight" in weights:
        space, extractor, hidden = _features(weights)
        output, activation = weights.linear("actor", _width(hidden, extractor)), "ReLU"
    else:
        size = weights.take("actor.0.weight", 2).shape[1]
        *first, output = weights.sequence("actor", size)
        space, extractor, hidden, activation = _vector(size), None, tuple(first), "Tanh"
    actions = gym.spaces.Discrete(len(output.weight))
    head = DiscreteHead((len(output.weight),))
    return "PPO", _network(weights, space, actions, (hidden, activation, output), head, extractor)


_FAMILIES = {
    "fc_mu.weight": _deterministic,
    "fc_mean.weight": _gaussian,
    "actor.weight": _categorical,
    "actor.0.weight": _categorical,
    "network.0.weight": _greedy,
}
"""By a weight that no other has; the first that is there decides."""
_PICTURES = {
    **{f"network.{index}": f"network.cnn.{index}" for index in (0, 2, 4)},
    "network.7": "network.linear.0",
    "network.9": "output",
}
"""The layers for pictures, as Stable-Baselines3 calls them in `NatureCNN`."""


def _as_extractor(arrays: dict[str, Array]) -> dict[str, Array]:
    """The weights with those of a network for pictures called as `image_extractor` finds them."""
    if "network.0.weight" not in arrays or arrays["network.0.weight"].ndim != 4:
        return arrays
    named = {}
    for name, values in arrays.items():
        layer, _, kind = name.rpartition(".")
        named[f"{_PICTURES.get(layer, layer)}.{kind}" if layer else name] = values
    return named


def _features(weights: Weights) -> tuple[gym.Space[Any], ImageExtractor | None, tuple[Linear, ...]]:
    """What is observed, the network for pictures, and the fully connected layers behind it."""
    if not weights.names("network.cnn."):
        size = weights.take("network.0.weight", 2).shape[1]
        return _vector(size), None, weights.sequence("network", size)
    space = gym.spaces.Box(0, 255, (FRAMES, SCREEN, SCREEN), np.uint8)
    extractor = image_extractor(encoders(space, normalize_images=True)[0], weights, "network")
    last: tuple[Linear, ...] = ()
    if "output.weight" in weights and extractor is not None:
        last = (weights.linear("output", len(extractor.linear.weight)),)
    return space, extractor, last


def _width(hidden: tuple[Linear, ...], extractor: ImageExtractor | None) -> int:
    last = hidden[-1] if hidden else extractor and extractor.linear
    return len(last.weight) if last else 0


def _vector(size: int) -> gym.spaces.Box:
    return gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)


def _network(  # noqa: PLR0913, PLR0917  (the parts of a network)
    weights: Weights,
    space: gym.Space[Any],
    actions: gym.Space[Any],
    layers: tuple[tuple[Linear, ...], str, Linear],
    head: DiscreteHead | ContinuousHead,
    extractor: ImageExtractor | None = None,
) -> Network:
    coders = encoders(space, normalize_images=True)
    hidden, activation, output = layers
    network = Network(space, actions, coders, (extractor,), (), hidden, activation, output, head)
    weights.check_all_taken(network)
    return network
