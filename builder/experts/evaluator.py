"""What an agent thought of actions: its network and its critics, asked about observations in batches.

Like its actions, what it thinks depends on the observation alone: computed in float64 and rounded once to
float32, and where float64 cannot tell to which number, again in extended precision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import NotFiniteError
from builder.experts.archive.critics import Critics
from builder.experts.network.action_selection import masked
from builder.experts.network.evaluation import Bits, Categories, Estimate, Gaussian, gaussian, linear
from builder.experts.network.forward import Forward, Outputs
from builder.experts.network.network import ContinuousHead, DiscreteHead, Network
from builder.experts.network_player import encoding_of

LOG_PROB, VALUE, Q_VALUE, ENTROPY, DISTRIBUTION = "log_prob", "value", "q_value", "entropy", "distribution"
OF_THE_HEAD = (LOG_PROB, ENTROPY, DISTRIBUTION)
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Mind:
    """What an agent is asked with. Picklable.

    Attributes:
        network: what acts.
        critics: what it thinks of states and actions; empty where that is not kept.
    """

    network: Network
    critics: Critics = field(default_factory=Critics)

    @property
    def shapes(self) -> Shapes:
        """What it can say, and the shape of each."""
        network, critics = self.network, self.critics
        if network.lstm:
            return {}
        found: Shapes = _shapes_of_head(network)
        if critics.value is not None:
            found[VALUE] = ()
        if critics.action_values:
            outputs = len(critics.action_values[0].output.weight)
            found[Q_VALUE] = (len(critics.action_values), *((outputs,) if outputs > 1 else ()))
        return found

    @property
    def of_actions(self) -> frozenset[str]:
        """What of it depends on the action, and not on the observation alone."""
        return frozenset({LOG_PROB, *([Q_VALUE] if self.critics.action_values else [])})


def _shapes_of_head(network: Network) -> Shapes:
    head = network.head
    if isinstance(head, ContinuousHead):
        if head.sampling not in ("gaussian", "gsde"):
            return {}
        entropy: Shapes = {} if head.squash else {ENTROPY: ()}
        return {LOG_PROB: (), **entropy, DISTRIBUTION: (2, len(network.output.weight))}
    if head.sampling == "softmax":
        return {LOG_PROB: (), ENTROPY: (), DISTRIBUTION: (sum(head.counts),)}
    if head.sampling == "epsilon":
        quantiles: Shapes = {DISTRIBUTION: (head.quantiles, *head.counts)} if head.quantiles > 1 else {}
        return {Q_VALUE: head.counts, **quantiles}
    return {}


class Evaluator:
    """Asks an agent about observations and actions.

    Args:
        mind: the agent's.
        space: of what it sees.

    Raises:
        SpaceError: it was trained on another space.
    """

    def __init__(self, mind: Mind, space: gym.Space[Any]) -> None:
        self._mind = mind
        self._encode = encoding_of(mind.network, space)
        self._exact: _Forwards | None = None
        self._fast = _Forwards(mind, np.float64)

    def __call__(
        self,
        names: Collection[str],
        observations: Sequence[Array],
        actions: Array,
        masks: Array | None = None,
    ) -> dict[str, Array]:
        """float32 [rows, ...]: what it thinks, by name.

        Args:
            names: of `Mind.shapes`.
            observations: what it sees: per leaf [rows, ...].
            actions: [rows, ...], as the environment is given them.
            masks: bool [rows, choices]: which choices are allowed; None: all.

        Raises:
            NotFiniteError: it computed what is no number.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            inputs, flat = self._encode(observations), actions.reshape(len(actions), -1)
            estimates = self._fast.estimates(names, inputs, flat, masks)
            found, unsure = _rounded(estimates)
            for row in np.flatnonzero(unsure):
                here = slice(row, row + 1)
                self._exact = self._exact or _Forwards(self._mind, np.longdouble)
                mask = None if masks is None else masks[here]
                again = self._exact.estimates(names, [part[here] for part in inputs], flat[here], mask)
                for name, values in _rounded(again)[0].items():
                    found[name][here] = values
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise NotFiniteError(f"the expert's {name} is NaN or infinite")
        return {name: values + np.float32(0) for name, values in found.items()}  # -0.0 becomes 0.0


def _rounded(estimates: Mapping[str, Estimate]) -> tuple[dict[str, Array], Array]:
    found: dict[str, Array] = {}
    unsure: Array = np.zeros(1, np.bool_)
    for name, estimate in estimates.items():
        found[name], rows = estimate.rounded()
        unsure = unsure if rows is None else unsure | rows
    return found, unsure


class _Forwards:
    """A mind in one floating-point type."""

    def __init__(self, mind: Mind, dtype: type[np.floating[Any]]) -> None:
        self._mind = mind
        self._actor = Forward(mind.network, dtype)
        critics = mind.critics
        self._value = None if critics.value is None else Forward(critics.value, dtype)
        self._critics = [Forward(critic, dtype) for critic in critics.action_values]

    def estimates(
        self, names: Collection[str], inputs: Sequence[Array], actions: Array, masks: Array | None
    ) -> dict[str, Estimate]:
        """What is thought, by name; the arguments are those of `Evaluator`, encoded and flat."""
        network, critics = self._mind.network, self._mind.critics
        found: dict[str, Estimate] = {}
        if VALUE in names and self._value is not None and critics.value is not None:
            value = linear(self._value(inputs), critics.value.output)
            found[VALUE] = Estimate(value.values[:, 0], value.scale[:, 0])
        if Q_VALUE in names and self._critics:
            found[Q_VALUE] = self._action_values(inputs, actions)
        asked = [name for name in names if name not in found]
        if asked:
            outputs = masked(self._actor(inputs), masks)
            head = network.head
            if isinstance(head, DiscreteHead) and head.sampling == "epsilon":
                found |= _returns(head, network, outputs)
            else:
                found |= self._likely(asked, outputs, actions, masks)
        return {name: found[name] for name in names}

    def _action_values(self, inputs: Sequence[Array], actions: Array) -> Estimate:
        space = self._mind.network.action_space
        low, high = (
            bound.reshape(-1).astype(np.float64)
            for bound in (space.low, space.high)  # type: ignore[attr-defined]  # these agents have Boxes
        )
        unit = 2 * ((actions.astype(np.float64) - low) / (high - low)) - 1
        parts = [
            linear(forward([*inputs, unit]), critic.output)
            for forward, critic in zip(self._critics, self._mind.critics.action_values, strict=True)
        ]
        values = np.stack([part.values for part in parts], axis=1)
        scale = np.stack([part.scale for part in parts], axis=1)
        return Estimate(*(part[:, :, 0] if part.shape[2] == 1 else part for part in (values, scale)))

    def _likely(
        self, names: Collection[str], outputs: Outputs, actions: Array, masks: Array | None
    ) -> dict[str, Estimate]:
        network, head = self._mind.network, self._mind.network.head
        likely: Gaussian | Categories | Bits
        if isinstance(head, ContinuousHead):
            space = network.action_space
            bounds = space.low, space.high  # type: ignore[attr-defined]  # a continuous head has a Box
            likely = gaussian(head, self._actor, outputs, network.output, bounds)
        elif head.binary:
            likely = Bits(linear(outputs, network.output))
        else:
            likely = Categories(linear(outputs, network.output), head.counts, masks)
        say = {
            LOG_PROB: lambda: likely.log_prob(actions),
            ENTROPY: likely.entropy,
            DISTRIBUTION: likely.distribution,
        }
        return {name: say[name]() for name in names}


def _returns(head: DiscreteHead, network: Network, outputs: Outputs) -> dict[str, Estimate]:
    """The returns that DQN and QR-DQN expect of each choice, and their quantiles."""
    found = linear(outputs, network.output)
    if head.quantiles == 1:
        return {Q_VALUE: found}
    values = found.values.reshape(len(found.values), head.quantiles, -1)
    scale = found.scale.reshape(values.shape)
    return {Q_VALUE: Estimate(values.mean(axis=1), scale.max(axis=1)), DISTRIBUTION: Estimate(values, scale)}
