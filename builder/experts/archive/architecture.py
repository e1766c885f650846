"""From an archive's weights and readable fields to its acting network.

Layer sizes come from the weights' shapes, the rest (family, activation, squashing, noise) from the
readable fields or the algorithm's defaults. Every weight must be accounted for: either it acts, or it is
known to serve training only.

Source: Stable-Baselines3 and sb3-contrib, `*/policies.py`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.inert_pickle import Global
from builder.experts.archive.layers import Weights, image_extractor, lstm_layers
from builder.experts.network.encoding import Encoder, encoders
from builder.experts.network.network import (
    ContinuousHead,
    DiscreteHead,
    ImageExtractor,
    Linear,
    LstmLayer,
    Network,
)


@dataclass(frozen=True, eq=False)
class Description:
    """What the readable fields say of a policy.

    Attributes:
        family: one of `FAMILIES`.
        where: the archive, for messages.
        observation_space: what it was trained on.
        action_space: what it was trained on.
        kwargs: `policy_kwargs`; classes are `Global` records.
        use_sde: the algorithm explored with gSDE.
        linear: a policy class that has no hidden layers (ARS).
        maskable: a policy class of MaskablePPO, which takes each bit of MultiBinary for a choice of two.
        exploration_rate: the algorithm's, at the end of training.
    """

    family: str
    where: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    kwargs: dict[str, Any]
    use_sde: bool = False
    linear: bool = False
    maskable: bool = False
    exploration_rate: float = 0.0

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean keyword argument of the policy."""
        value = self.kwargs.get(name, default)
        if not isinstance(value, bool):
            raise ArchiveError(
                f"{self.where}: policy_kwargs[{name!r}]", expected="a bool", got=str(type(value))
            )
        return value


def build_network(description: Description, arrays: dict[str, Array]) -> Network:
    """The acting network of an archive.

    Raises:
        ArchiveError: weights are missing or do not fit each other or the spaces.
        UnsupportedExpertError: the policy is not one of Stable-Baselines3's own.
    """
    weights = Weights(arrays, description.where)
    network = FAMILIES[description.family](description, weights)
    weights.check_all_taken(network)
    return network


def _actor_critic(description: Description, weights: Weights) -> Network:
    """PPO, A2C, TRPO, MaskablePPO and RecurrentPPO."""
    prefix = "features_extractor"
    if weights.names("pi_features_extractor."):  # since SB3 1.7; the other name is then an alias
        weights.disregard("features_extractor.")
        prefix = "pi_features_extractor"
    coders, extractors, size = _features(description, weights, prefix)
    lstm = lstm_layers(weights, size)
    size = lstm[-1].hidden_size if lstm else size
    shared = weights.sequence("mlp_extractor.shared_net", size)  # SB3 before 1.8
    size = len(shared[-1].weight) if shared else size
    hidden = shared + weights.sequence("mlp_extractor.policy_net", size)
    size = len(hidden[-1].weight) if hidden else size
    output = weights.linear("action_net", size)
    return _network(
        description,
        (coders, extractors),
        hidden,
        output,
        _actor_critic_head(description, weights, output),
        lstm,
    )


def _actor_critic_head(
    description: Description, weights: Weights, output: Linear
) -> DiscreteHead | ContinuousHead:
    actions, latent = output.weight.shape
    if not isinstance(description.action_space, gym.spaces.Box):
        return _discrete_head(description)
    if description.use_sde:
        squash = description.flag("squash_output", default=False)
        return _gsde_head(description, weights, (latent, actions), ContinuousHead(squash=squash))
    log_std = weights.take("log_std", 1)
    weights.check("log_std", (actions,))
    return ContinuousHead(squash=False, log_std=log_std, sampling="gaussian")


def _gsde_head(
    description: Description, weights: Weights, shape: tuple[int, int], head: ContinuousHead
) -> ContinuousHead:
    """The head with the noise of gSDE: a matrix [latent, actions], or [latent, 1] for all actions alike."""
    prefix = "actor." if "actor.log_std" in weights else ""
    log_std = weights.take(f"{prefix}log_std", 2)
    if weights.names(f"{prefix}sde_features_extractor."):  # SB3 before 1.6: the noise had features of its own
        weights.disregard(f"{prefix}sde_features_extractor.")
        return dataclasses.replace(head, log_std=log_std, sampling="unknown")
    if log_std.shape != (shape[0], 1):
        weights.check(f"{prefix}log_std", shape)
    expln = description.flag("use_expln", default=False)
    return dataclasses.replace(head, log_std=log_std, expln=expln, sampling="gsde")


def _discrete_head(description: Description) -> DiscreteHead:
    space = description.action_space
    if isinstance(space, gym.spaces.MultiBinary):
        bits = int(np.prod(space.shape))
        return DiscreteHead((2,) * bits) if description.maskable else DiscreteHead((1,) * bits, binary=True)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return DiscreteHead(tuple(int(n) for n in space.nvec))
    if isinstance(space, gym.spaces.Discrete):
        return DiscreteHead((int(space.n),))
    raise UnsupportedExpertError(f"{description.where}: actions in {space}")


def _squashed_gaussian(description: Description, weights: Weights) -> Network:
    """SAC and TQC."""
    coders, extractors, size = _features(description, weights, "actor.features_extractor")
    hidden = weights.sequence("actor.latent_pi", size)
    size = len(hidden[-1].weight) if hidden else size
    limited = "actor.mu.0.weight" in weights  # gSDE: a Sequential of the layer and Hardtanh
    output = weights.linear("actor.mu.0" if limited else "actor.mu", size)
    actions = len(output.weight)
    limit = None
    if limited:
        limit = description.kwargs.get("clip_mean", 2.0)
        if not isinstance(limit, (int, float)) or limit <= 0:
            raise ArchiveError(f"{description.where}: policy_kwargs['clip_mean']", got=str(limit)[:40])
    head = ContinuousHead(squash=True, mean_limit=limit)
    if "actor.log_std" in weights:
        head = _gsde_head(description, weights, (size, actions), head)
    else:
        layer = weights.linear("actor.log_std", size)
        weights.check("actor.log_std.weight", (actions, size))
        head = dataclasses.replace(head, log_std_layer=layer, sampling="gaussian")
    return _network(description, (coders, extractors), hidden, output, head)


def _deterministic(description: Description, weights: Weights) -> Network:
    """TD3 and DDPG."""
    coders, extractors, size = _features(description, weights, "actor.features_extractor")
    hidden, output = _split(weights, "actor.mu", size)
    return _network(description, (coders, extractors), hidden, output, ContinuousHead(squash=True))


def _greedy(description: Description, weights: Weights) -> Network:
    """DQN and QR-DQN."""
    name = "q_net" if description.family == "dqn" else "quantile_net"
    coders, extractors, size = _features(description, weights, f"{name}.features_extractor")
    hidden, output = _split(weights, f"{name}.{name}", size)
    if not isinstance(description.action_space, gym.spaces.Discrete):
        raise ArchiveError(f"{description.where}: actions in {description.action_space}", expected="Discrete")
    n = int(description.action_space.n)
    quantiles = len(output.weight) // n if description.family == "qrdqn" else 1
    head = DiscreteHead(
        (n,), quantiles=max(1, quantiles), sampling="epsilon", exploration_rate=description.exploration_rate
    )
    return _network(description, (coders, extractors), hidden, output, head)


def _random_search(description: Description, weights: Weights) -> Network:
    """ARS."""
    coders, extractors, size = _features(description, weights, "features_extractor")
    if "action_net.weight" in weights:  # sb3-contrib before 1.7
        hidden: tuple[Linear, ...] = ()
        output = weights.linear("action_net", size)
    else:
        hidden, output = _split(weights, "action_net", size)
    if isinstance(description.action_space, gym.spaces.Box):
        squash = description.flag("squash_output", default=not description.linear)
        head: DiscreteHead | ContinuousHead = ContinuousHead(squash=squash)
    else:
        head = DiscreteHead(_discrete_head(description).counts, sampling="none")
    return _network(description, (coders, extractors), hidden, output, head)


FAMILIES = {
    "actor_critic": _actor_critic,
    "recurrent": _actor_critic,
    "sac": _squashed_gaussian,
    "tqc": _squashed_gaussian,
    "td3": _deterministic,
    "dqn": _greedy,
    "qrdqn": _greedy,
    "ars": _random_search,
}
"""How each family of policies is rebuilt."""
_RELU_FAMILIES = frozenset({"sac", "tqc", "td3", "dqn", "qrdqn", "ars"})


def _split(weights: Weights, prefix: str, size: int) -> tuple[tuple[Linear, ...], Linear]:
    layers = weights.sequence(prefix, size)
    if not layers:
        raise ArchiveError(f"{weights.where}: the weight '{prefix}.0.weight' is missing")
    return layers[:-1], layers[-1]


def _features(
    description: Description, weights: Weights, prefix: str
) -> tuple[tuple[Encoder, ...], tuple[ImageExtractor | None, ...], int]:
    """Encoders, their image extractors, and the number of features that they give."""
    coders = encoders(
        description.observation_space, normalize_images=description.flag("normalize_images", default=True)
    )
    extractors = tuple(image_extractor(coder, weights, prefix) for coder in coders)
    size = sum(
        coder.size if extractor is None else len(extractor.linear.weight)
        for coder, extractor in zip(coders, extractors, strict=True)
    )
    return coders, extractors, size


def value_network(description: Description, arrays: dict[str, Array]) -> Network:
    """What an actor-critic thinks that a state is worth: a network with one output.

    Raises:
        ArchiveError: weights are missing or do not fit.
    """
    weights = Weights(arrays, description.where)
    own = weights.names("vf_features_extractor.")
    coders, extractors, size = _features(
        description, weights, "vf_features_extractor" if own else "features_extractor"
    )
    shared = weights.sequence("mlp_extractor.shared_net", size)  # SB3 before 1.8
    size = len(shared[-1].weight) if shared else size
    hidden = shared + weights.sequence("mlp_extractor.value_net", size)
    output = weights.linear("value_net", len(hidden[-1].weight) if hidden else size)
    return _beside(description, (coders, extractors), hidden, output)


def action_value_networks(description: Description, arrays: dict[str, Array]) -> tuple[Network, ...]:
    """The critics of SAC, TQC and TD3: networks of the observation followed by the action.

    Raises:
        ArchiveError: weights are missing or do not fit.
    """
    weights = Weights(arrays, description.where)
    coders, extractors, size = _features(description, weights, "critic.features_extractor")
    actions = int(np.prod(description.action_space.shape or ()))
    critics: list[Network] = []
    while weights.names(f"critic.qf{len(critics)}."):
        hidden, output = _split(weights, f"critic.qf{len(critics)}", size + actions)
        features = (*coders, Encoder("", (actions,))), (*extractors, None)
        critics.append(_beside(description, features, hidden, output))
    return tuple(critics)


def _beside(
    description: Description,
    features: tuple[tuple[Encoder, ...], tuple[ImageExtractor | None, ...]],
    hidden: tuple[Linear, ...],
    output: Linear,
) -> Network:
    """A network that does not act."""
    spaces = description.observation_space, description.action_space
    head = DiscreteHead((len(output.weight),), sampling="none")
    return Network(*spaces, *features, (), hidden, _activation(description), output, head)


def _network(  # noqa: PLR0913, PLR0917  (the parts of a network)
    description: Description,
    features: tuple[tuple[Encoder, ...], tuple[ImageExtractor | None, ...]],
    hidden: tuple[Linear, ...],
    output: Linear,
    head: DiscreteHead | ContinuousHead,
    lstm: tuple[LstmLayer, ...] = (),
) -> Network:
    space = description.action_space
    if isinstance(head, DiscreteHead):
        expected = sum(head.counts) * head.quantiles
    elif isinstance(space, gym.spaces.Box) and space.dtype.kind == "f":
        expected = int(np.prod(space.shape))
        if head.squash and not space.is_bounded():
            raise UnsupportedExpertError(f"{description.where}: actions are stretched to infinite bounds")
    else:
        raise UnsupportedExpertError(f"{description.where}: continuous actions in {space}")
    if len(output.weight) != expected:
        raise ArchiveError(
            f"{description.where}: the output layer does not fit the action space {space}",
            expected=f"{expected} outputs",
            got=len(output.weight),
        )
    return Network(
        description.observation_space,
        space,
        *features,
        lstm,
        hidden,
        _activation(description),
        output,
        head,
    )


def _activation(description: Description) -> str:
    from builder.experts.network.activations import ACTIVATIONS

    chosen = description.kwargs.get("activation_fn")
    if chosen is None:
        return "ReLU" if description.family in _RELU_FAMILIES else "Tanh"
    name = chosen.name if isinstance(chosen, Global) and chosen.module.startswith("torch.nn.") else ""
    if name not in ACTIVATIONS:
        raise UnsupportedExpertError(
            f"{description.where}: an activation function of its own",
            expected=", ".join(sorted(ACTIVATIONS)),
            got=chosen.path if isinstance(chosen, Global) else type(chosen).__name__,
        )
    return name
