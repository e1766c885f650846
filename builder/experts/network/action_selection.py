"""From a network's outputs to an action that does not depend on the batch.

float64 sums depend, in their last bits, on the size of the batch and on the CPU. Rounded to float32 those
bits vanish, except where the exact result lies right at the border between two float32 numbers; likewise
where two choices are almost equally good. Such rows are marked *unsure* here, and computed again in a
wider type and in a fixed order by whoever asked (`player.py`): correctly rounded math libraries do the same.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.activations import BOUNDED_BY_ONE, sigmoid
from builder.experts.network.forward import Forward, Outputs
from builder.experts.network.network import AtomsHead, ContinuousHead, DiscreteHead, Network

RELATIVE_TOLERANCE = 2.0**-35
"""2**-12 of the spacing of float32 numbers, whatever their size; float64's own error is about 2e-5 of it."""
ABSOLUTE_TOLERANCE = 2.0**-44
"""The least tolerance, times the size of an action: results near zero lose relative accuracy."""
SUM_TOLERANCE = 2.0**-46
"""The least tolerance, times the size of the terms of the last sum (measured: float64 errs by 1/20 of it)."""
CHOICE_TOLERANCE = 1e-9
"""Relative difference of two scores, or of a draw and its border, below which float64 does not decide."""
STATE_UNIT = 2.0**-24
"""LSTM states are rounded to multiples of this (SB3 keeps them in float32), so that no error can build up."""
STATE_TOLERANCE = 2.0**-40
"""How near to the border between two of them float64 does not decide, times the size of the state."""


FORBIDDEN = -1e8
"""The score of a choice that a mask forbids. Source: `MaskableCategorical.apply_masking` of sb3-contrib,
`sb3_contrib/common/maskable/distributions.py`; where a component allows nothing, all of it scores alike."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What the rows drew from their attempts' generators; the same in every floating-point type.

    Attributes:
        uniform: in [0, 1), [rows, components], for discrete components.
        explored: a uniform action, or -1 for "act greedily", [rows].
        normal: standard normals [rows, actions], or for gSDE matrices [rows, latent, actions].
    """

    uniform: Array | None = None
    explored: Array | None = None
    normal: Array | None = None

    def rows(self, rows: slice) -> Draws:
        """The draws of some of the rows."""
        parts = (self.uniform, self.explored, self.normal)
        return Draws(*(None if part is None else part[rows] for part in parts))


@dataclass(frozen=True, eq=False)
class Decision:
    """Actions for some rows.

    Attributes:
        actions: float32 [rows, actions], or int64 [rows, components].
        unsure: bool [rows], or None where every row is sure.
    """

    actions: Array
    unsure: Array | None


class ContinuousDecider:
    """Decides on continuous actions."""

    def __init__(self, head: ContinuousHead, network: Network) -> None:
        space = network.action_space
        if not isinstance(space, gym.spaces.Box):
            raise TypeError(f"a continuous head for {space}")
        self._head = head
        self._low = space.low.reshape(-1).astype(np.float32)
        self._high = space.high.reshape(-1).astype(np.float32)
        finite = [np.abs(bound[np.isfinite(bound)]) for bound in (self._low, self._high)]
        self._scale = float(max(1.0, *(bound.max(initial=0.0) for bound in finite)))
        span = self._high - self._low if head.squash else np.full(1, 2, np.float32)
        weight = network.output.weight.astype(np.float64)
        self._gain = float(span.max() / 2 * np.abs(weight).sum(axis=1).max(initial=0.0))
        self._bounded = network.activation in BOUNDED_BY_ONE and bool(network.hidden)

    def __call__(self, forward: Forward, outputs: Outputs, draws: Draws | None) -> Decision:
        y = self._values(forward, outputs, draws)
        if forward.dtype != np.float64:
            return Decision(self._clip(y.astype(np.float32)), None)
        largest = 1.0 if self._bounded else float(np.abs(outputs.latent).max(initial=0.0))
        least = max(ABSOLUTE_TOLERANCE * self._scale, SUM_TOLERANCE * self._gain * largest)
        tolerance = np.abs(y)
        tolerance *= RELATIVE_TOLERANCE
        np.maximum(tolerance, least, out=tolerance)
        below = (y - tolerance).astype(np.float32)
        y += tolerance
        differ = below != y.astype(np.float32)
        return Decision(self._clip(below), differ.any(axis=1) if differ.any() else None)

    def _clip(self, actions: Array) -> Array:
        np.maximum(actions, self._low, out=actions)
        return np.minimum(actions, self._high, out=actions)

    def _values(self, forward: Forward, outputs: Outputs, draws: Draws | None) -> Array:
        y = outputs.values
        if self._head.mean_limit is not None:
            y = np.clip(y, -self._head.mean_limit, self._head.mean_limit)
        if draws is not None and draws.normal is not None:
            y = y + self._noise(forward, outputs.latent, draws.normal)
        if not self._head.squash:
            return y
        low, high = self._low.astype(forward.dtype), self._high.astype(forward.dtype)
        # SB3: low + (tanh(y) + 1) / 2 * (high - low), and (tanh(y) + 1) / 2 is the logistic function of 2 y.
        stretched: Array = low + sigmoid(2 * y) * (high - low)
        return stretched

    def _noise(self, forward: Forward, latent: Array, normal: Array) -> Array:
        if self._head.log_std_layer is not None:
            # Limits: SB3's LOG_STD_MIN and LOG_STD_MAX in stable_baselines3/sac/policies.py
            noise: Array = np.exp(np.clip(forward.log_std(latent), -20, 2)) * normal
        elif self._head.sampling == "gsde":
            matrices = normal * standard_deviation(self._head, forward.dtype)
            noise = (latent[:, None, :] @ matrices)[:, 0]
        else:
            noise = normal * standard_deviation(self._head, forward.dtype)
        return noise


def standard_deviation(head: ContinuousHead, dtype: np.dtype[Any]) -> Array:
    """The standard deviation that does not depend on the observation.

    Source of `expln`: Raffin et al., Smooth Exploration for Robotic RL, https://arxiv.org/abs/2005.05719,
    and `StateDependentNoiseDistribution.get_std` of Stable-Baselines3, whose 1e-6 this keeps.
    """
    if head.log_std is None:
        raise ValueError("the head has no standard deviation")
    log_std = head.log_std.astype(dtype)
    deviation: Array = np.exp(log_std)
    if head.expln:
        deviation = np.where(log_std <= 0, deviation, np.log1p(np.maximum(log_std, 0) + 1e-6) + 1)
    return deviation


def masked(outputs: Outputs, masks: Array | None) -> Outputs:
    """The outputs with the scores of what is forbidden replaced.

    Args:
        outputs: of a network whose outputs are scores.
        masks: which choices are allowed, bool [rows, choices]; None: all are.
    """
    if masks is None:
        return outputs
    return dataclasses.replace(
        outputs, values=np.where(masks, outputs.values, outputs.values.dtype.type(FORBIDDEN))
    )


class DiscreteDecider:
    """Decides on discrete actions."""

    def __init__(self, head: DiscreteHead, network: Network) -> None:
        self._head = head
        self._ends = np.cumsum(head.counts)

    def __call__(self, forward: Forward, outputs: Outputs, draws: Draws | None) -> Decision:
        scores = outputs.values
        if self._head.quantiles > 1:
            scores = scores.reshape(len(scores), self._head.quantiles, -1).mean(axis=1)
        if isinstance(self._head, AtomsHead):
            scores = _mean_returns(scores, self._head)
        uniform = None if draws is None else draws.uniform
        if len(self._head.counts) == 1 and uniform is None and not self._head.binary:
            actions, unsure = _best(scores)
            decision = Decision(actions[:, None], unsure)
        else:
            decision = self._components(scores, uniform)
        if draws is not None and draws.explored is not None:
            explored = draws.explored[:, None]
            return Decision(np.where(explored >= 0, explored, decision.actions), decision.unsure)
        return decision

    def _components(self, scores: Array, uniform: Array | None) -> Decision:
        if self._head.binary:
            return Decision(*_binary(scores, uniform))
        parts = []
        for index, part in enumerate(np.split(scores, self._ends[:-1], axis=1)):
            parts.append(_best(part) if uniform is None else _drawn(part, uniform[:, index]))
        unsure = [mask for _, mask in parts if mask is not None]
        return Decision(
            np.stack([actions for actions, _ in parts], axis=1),
            np.asarray(np.logical_or.reduce(unsure)) if unsure else None,
        )


def _mean_returns(logits: Array, head: AtomsHead) -> Array:
    """The mean of each choice's distribution: [rows, choices]."""
    atoms = head.atoms.astype(logits.dtype)
    by_choice = logits.reshape(len(logits), -1, len(atoms))
    likely = np.exp(by_choice - by_choice.max(axis=2, keepdims=True))
    means: Array = (likely * atoms).sum(axis=2) / likely.sum(axis=2)
    return means


def _best(scores: Array) -> tuple[Array, Array | None]:
    """The first best of each row."""
    best = scores.max(axis=1)
    border = best - CHOICE_TOLERANCE * np.maximum(np.abs(best), 1)
    near = scores >= border[:, None]
    actions = scores.argmax(axis=1)
    if np.count_nonzero(near) == len(scores):
        return actions, None
    return actions, near.sum(axis=1) != 1  # 0 where a score is NaN


def _drawn(logits: Array, uniform: Array) -> tuple[Array, Array | None]:
    """One draw from the softmax of each row, by inversion."""
    cumulative = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    total = cumulative[:, -1:]
    margin = cumulative[:, :-1] - uniform[:, None].astype(logits.dtype) * total
    unsure = np.asarray((~(np.abs(margin) > CHOICE_TOLERANCE * total)).any(axis=1))
    return (margin <= 0).sum(axis=1), unsure if unsure.any() else None


def _binary(logits: Array, uniform: Array | None) -> tuple[Array, Array | None]:
    """Ones where the logit is positive, or where the draw falls below its probability."""
    margin: Array = logits if uniform is None else sigmoid(logits) - uniform
    unsure = np.asarray((~(np.abs(margin) > CHOICE_TOLERANCE)).any(axis=1))
    return (margin > 0).astype(np.int64), unsure if unsure.any() else None


def round_state(state: Array) -> tuple[Array, Array]:
    """Round an LSTM's state to its unit.

    Returns:
        The state in float64, and which rows were too close to a border: bool [rows].
    """
    units = state / STATE_UNIT
    rounded = np.rint(units)
    distance = 0.5 - np.abs(units - rounded)
    sure = distance > STATE_TOLERANCE / STATE_UNIT * np.maximum(np.abs(state), 1)
    return (rounded * STATE_UNIT).astype(np.float64), np.asarray(~sure.all(axis=(1, 2)))
