"""Playing a network: the recipe that crosses to workers, and the actor that each worker makes from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.context import Context
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import ConfigError, NotFiniteError, SpaceError, UnsupportedExpertError
from builder.experts.actor import Actor
from builder.experts.network.action_selection import (
    ContinuousDecider,
    Decision,
    DiscreteDecider,
    Draws,
    masked,
    round_state,
)
from builder.experts.network.certain import certain
from builder.experts.network.encoding import Encoder, encode
from builder.experts.network.forward import Forward, Outputs
from builder.experts.network.network import ContinuousHead, Network
from builder.experts.observations.frame_stack import stacking_hint
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor

PRECISIONS = ("float64", "float32")


@dataclass(frozen=True)
class NetworkPlayer:
    """Plays a network.

    Attributes:
        network: what acts.
        deterministic: take the best action instead of sampling one.
        precision: "float64" keeps the promise that actions do not depend on the batch or the CPU;
            "float32" computes as Stable-Baselines3 does and gives it up.
        view: what the policy sees of the environment, where it was trained behind wrappers.
        masked: it was trained to choose among the actions that a mask allows.
    """

    network: Network
    deterministic: bool = True
    precision: str = "float64"
    view: PolicyView | None = None
    masked: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError("rollout.precision", expected=" or ".join(PRECISIONS), got=self.precision)

    @property
    def alone(self) -> bool:
        """Never: each attempt samples with its own generator."""
        return False

    def careful(self) -> NetworkPlayer:
        """Itself: of each lane it keeps what belongs to its attempt."""
        return self

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """A new actor for one worker.

        Raises:
            SpaceError: the network was trained on other spaces.
            UnsupportedExpertError: actions shall be sampled in a way that is not supported.
        """
        if not self.deterministic and self.network.head.sampling == "unknown":
            raise UnsupportedExpertError(
                "the policy samples in a way of its own, or one that nothing says, which is not supported",
                remedy="play it with rollout.deterministic=true",
            )
        if self.view is None:
            return _NetworkActor(self, observation_space, action_space)
        seen = self.view.space(observation_space, action_space)
        inner = _NetworkActor(self, seen, action_space)
        return WrappedActor(inner, self.view, observation_space, action_space)


class _NetworkActor:
    def __init__(
        self, player: NetworkPlayer, observation_space: gym.Space[Any], action_space: gym.Space[Any]
    ) -> None:
        network = player.network
        self._network = network
        self._sources = _sources(network, observation_space)
        self._action = _action_leaf(network.action_space, action_space)
        self._same_bounds = action_space.dtype == np.float32 and action_space == network.action_space
        self._sampling = "none" if player.deterministic else network.head.sampling
        self._forward = Forward(network, np.float64 if player.precision == "float64" else np.float32)
        self._exact: Forward | None = None
        first = self._sampling == "none" and player.precision == "float64"
        self._certain = certain(network, channels_last=self._sources[0].channels_last) if first else None
        head = network.head
        self._decide: ContinuousDecider | DiscreteDecider = (
            ContinuousDecider(head, network)
            if isinstance(head, ContinuousHead)
            else DiscreteDecider(head, network)
        )
        self._lanes: dict[int, _Lane] = {}

    def begin(self, lane: int, context: Context) -> None:
        self._lanes[lane] = _Lane(context.rng, self._network, self._sampling)

    def memory(self, lane: int) -> tuple[Array, Array | None] | None:
        kept = self._lanes[lane]
        return (kept.state.copy(), kept.matrix) if self._network.lstm or kept.matrix is not None else None

    def resume(self, lane: int, context: Context, memory: tuple[Array, Array | None] | None) -> None:
        fresh = memory is None or memory[1] is None
        self._lanes[lane] = kept = _Lane(context.rng, self._network, self._sampling, fresh=fresh)
        if memory is not None:
            kept.state = memory[0].copy()
            kept.matrix = kept.matrix if memory[1] is None else memory[1]

    def act(
        self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None = None
    ) -> Sequence[Array]:
        with np.errstate(over="ignore", invalid="ignore"):
            if self._certain is None:
                return [self._fit(self._choose(observations, lanes, masks))]
            decision = self._certain(observations[self._sources[0].index], masks)
            if decision.unsure is not None:
                rows = np.flatnonzero(decision.unsure).tolist()
                decision.actions[rows] = self._choose(
                    [leaf[rows] for leaf in observations],
                    [lanes[row] for row in rows],
                    None if masks is None else masks[rows],
                )
            return [self._fit(decision.actions)]

    def _choose(self, observations: Sequence[Array], lanes: Sequence[int], masks: Array | None) -> Array:
        inputs = [source.features(observations) for source in self._sources]
        draws = None if self._sampling == "none" else self._draw(lanes)
        before = self._states(lanes)
        outputs = self._forward(inputs, before)
        decision = self._decide(self._forward, masked(outputs, masks), draws)
        actions, unsure = decision.actions, decision.unsure
        after, blurred = self._after(outputs)
        if blurred is not None:
            unsure = blurred if unsure is None else unsure | blurred
        if self._forward.dtype == np.float32:
            _check_finite(outputs)
        elif unsure is not None:
            self._settle(inputs, before, draws, masks, unsure, actions, after)
        if after is not None:
            for row, lane in enumerate(lanes):
                self._lanes[lane].state = after[row]
        return actions

    def end(self) -> None:
        """Nothing is kept but what belongs to a lane's attempt."""

    def _fit(self, actions: Array) -> Array:
        """Actions in the shape, dtype and bounds of the environment's action space."""
        leaf = self._action
        fitted = actions.reshape(len(actions), *leaf.shape).astype(leaf.dtype, copy=False)
        if isinstance(leaf.space, gym.spaces.Box) and not self._same_bounds:
            np.clip(fitted, leaf.space.low, leaf.space.high, out=fitted)
        return fitted

    def _draw(self, lanes: Sequence[int]) -> Draws:
        drawn = [self._lanes[lane].draw() for lane in lanes]
        stacked = np.stack(drawn)
        if self._sampling == "softmax":
            return Draws(uniform=stacked)
        if self._sampling == "epsilon":
            return Draws(explored=stacked)
        return Draws(normal=stacked)

    def _states(self, lanes: Sequence[int]) -> Array | None:
        if not self._network.lstm:
            return None
        return np.stack([self._lanes[lane].state for lane in lanes])

    def _after(self, outputs: Outputs) -> tuple[Array | None, Array | None]:
        if outputs.state is None or self._forward.dtype != np.float64:
            return outputs.state, None
        return round_state(outputs.state)

    def _settle(  # noqa: PLR0913, PLR0917  (one row of everything that went into the batch)
        self,
        inputs: list[Array],
        before: Array | None,
        draws: Draws | None,
        masks: Array | None,
        unsure: Array,
        actions: Array,
        after: Array | None,
    ) -> None:
        """Compute the unsure rows again, each alone, in extended precision."""
        if self._exact is None:
            self._exact = Forward(self._network, np.longdouble)
        for row in np.flatnonzero(unsure):
            here = slice(row, row + 1)
            state = None if before is None else before[here]
            outputs = self._exact([values[here] for values in inputs], state)
            _check_finite(outputs)
            decision: Decision = self._decide(
                self._exact,
                masked(outputs, None if masks is None else masks[here]),
                None if draws is None else draws.rows(here),
            )
            actions[here] = decision.actions + 0  # -0.0 becomes 0.0
            if after is not None and outputs.state is not None:
                after[here] = round_state(outputs.state)[0]


def _check_finite(outputs: Outputs) -> None:
    if not np.isfinite(outputs.values).all():
        raise NotFiniteError(
            "the policy's network computed NaN or infinity",
            remedy="the environment may have given an observation that is not finite",
        )


class _Lane:
    """What one lane's attempt carries from step to step."""

    def __init__(
        self, rng: np.random.Generator, network: Network, sampling: str, *, fresh: bool = True
    ) -> None:
        self._rng = rng
        self._sampling = sampling
        self._head = network.head
        self._actions = len(network.output.weight)
        self.matrix: Array | None = None
        if sampling == "gsde" and fresh:
            # Once per attempt, as SB3 does for a rollout with sde_sample_freq=-1.
            self.matrix = rng.standard_normal((network.output.weight.shape[1], self._actions))
        layers = network.lstm
        self.state: Array = np.zeros((2 * len(layers), layers[0].hidden_size if layers else 0))

    def draw(self) -> Array:
        if self.matrix is not None:
            return self.matrix
        if isinstance(self._head, ContinuousHead):
            return self._rng.standard_normal(self._actions)
        if self._sampling == "epsilon":
            explores = self._rng.random() < self._head.exploration_rate
            return np.array(self._rng.integers(self._head.counts[0]) if explores else -1)
        return self._rng.random(len(self._head.counts))


@dataclass(frozen=True)
class _Source:
    """Where an encoder's leaf is among the environment's, and whether its channels come last."""

    encoder: Encoder
    index: int
    channels_last: bool

    def features(self, observations: Sequence[Array]) -> Array:
        values = observations[self.index]
        return encode(self.encoder, values.transpose(0, 3, 1, 2) if self.channels_last else values)


def encoding_of(
    network: Network, observation_space: gym.Space[Any]
) -> Callable[[Sequence[Array]], list[Array]]:
    """From observations, per leaf [rows, ...], to what goes into a network.

    Raises:
        SpaceError: the network was trained on another space.
    """
    sources = _sources(network, observation_space)
    return lambda observations: [source.features(observations) for source in sources]


def _sources(network: Network, observation_space: gym.Space[Any]) -> list[_Source]:
    found = leaves(observation_space, "observation space")
    trained = {leaf.name: leaf for leaf in leaves(network.observation_space, "expert's observation space")}
    given = {leaf.name: index for index, leaf in enumerate(found)}
    if set(trained) != set(given):
        raise _mismatch("observations", network.observation_space, observation_space)
    sources = []
    for encoder in network.encoders:
        index = given[encoder.key]
        expected, got = trained[encoder.key], found[index]
        channels_last = len(got.shape) == 3 and got.shape != expected.shape
        shape = (got.shape[2], *got.shape[:2]) if channels_last else got.shape
        if shape != expected.shape or not _same_kind(expected.space, got.space):
            raise _mismatch("observations", network.observation_space, observation_space)
        sources.append(_Source(encoder, index, channels_last))
    return sources


def _same_kind(trained: gym.Space[Any], given: gym.Space[Any]) -> bool:
    """Whether values of one space are values of the other; a network knows no bounds of observations."""
    if type(trained) is not type(given):
        return False
    if isinstance(trained, gym.spaces.Box):
        return (trained.dtype == np.uint8) == (given.dtype == np.uint8)
    return bool(trained == given)


def _action_leaf(trained: gym.Space[Any], given: gym.Space[Any]) -> Leaf:
    same = type(trained) is type(given) and trained.shape == given.shape
    if same and isinstance(trained, gym.spaces.Box) and isinstance(given, gym.spaces.Box):
        same = np.allclose(trained.low, given.low, rtol=1e-6) and np.allclose(
            trained.high, given.high, rtol=1e-6
        )
    elif same:
        same = trained == given
    if not same:
        raise _mismatch("actions", trained, given)
    return leaves(given, "action space")[0]


def _mismatch(what: str, trained: gym.Space[Any], given: gym.Space[Any]) -> SpaceError:
    return SpaceError(
        f"the expert was trained on other {what} than the environment has",
        expected=str(trained)[:300],
        got=str(given)[:300] + (stacking_hint(trained, given) if what == "observations" else ""),
        remedy="set env.id to the environment that it was trained on",
    )
