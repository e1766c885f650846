"""What a network thinks of actions: likelihoods, entropies, values; each with what it may err by.

Every function works in whatever floating-point type its arguments have, so that float64 gives most numbers
and a wider type those that lie at the border between two float32 numbers, as actions are rounded
(`action_selection.py`).

Source of the formulas and of the constants: `stable_baselines3/common/distributions.py`, and
`sb3_contrib/common/maskable/distributions.py` for masked ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.action_selection import SUM_TOLERANCE, standard_deviation
from builder.experts.network.forward import Forward, Outputs
from builder.experts.network.network import ContinuousHead, Linear

ULPS = 64.0
"""How much of a number's own size elementary functions may err by, in units of `SUM_TOLERANCE`: 2**-40."""
FLOAT32_EPSILON = 2.0**-23
"""Of float32: SB3 keeps squashed actions this far from their bounds before it takes them back."""
SQUASH_EPSILON = 1e-6
"""What SB3 adds where it divides by the slope of tanh, and to the variance of gSDE."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Numbers, and the size of what they were computed from.

    Attributes:
        values: [rows, ...], in the type that they were computed in.
        scale: [rows, ...], or what broadcasts to it: float64 errs by less than `SUM_TOLERANCE` times this.
    """

    values: Array
    scale: Array

    def rounded(self) -> tuple[Array, Array | None]:
        """float32 [rows, ...], and bool [rows]: of which float64 cannot tell; None: of none."""
        if self.values.dtype != np.float64:
            return self.values.astype(np.float32), None
        margin = SUM_TOLERANCE * np.maximum(self.scale, ULPS * np.abs(self.values))
        below, above = (self.values - margin).astype(np.float32), (self.values + margin).astype(np.float32)
        differ = below != above
        if not differ.any():
            return below, None
        return below, differ.reshape(len(differ), -1).any(axis=1)


def linear(outputs: Outputs, layer: Linear, values: Array | None = None) -> Estimate:
    """The outputs of a layer that follows the latent: [rows, outputs].

    Args:
        outputs: of the network.
        layer: the layer.
        values: what it gives; None: the network's own outputs.
    """
    largest = np.abs(outputs.latent).max(axis=1, initial=0.0)[:, None]
    size = np.abs(layer.weight.astype(np.float64)).sum(axis=1)
    bias = 0.0 if layer.bias is None else np.abs(layer.bias.astype(np.float64))
    return Estimate(outputs.values if values is None else values, (size * largest + bias).astype(np.float64))


# Discrete actions


@dataclass(frozen=True, eq=False)
class Categories:
    """Independent choices, each by the softmax of its own scores.

    Attributes:
        logits: [rows, choices of all components]; what a mask forbids has the score `FORBIDDEN`.
        counts: the choices of each component.
        masks: bool, likewise: which are allowed; None: all.
    """

    logits: Estimate
    counts: tuple[int, ...]
    masks: Array | None = None

    def distribution(self) -> Estimate:
        """The log of each choice's probability: [rows, choices of all components]."""
        parts = [_log_softmax(part) for part in self._parts(self.logits.values)]
        scale = 2 * np.broadcast_to(self.logits.scale.max(axis=1, keepdims=True), self.logits.values.shape)
        return Estimate(np.concatenate(parts, axis=1), scale)

    def log_prob(self, actions: Array) -> Estimate:
        """The log of the probability of actions, int64 [rows, components]: [rows]."""
        rows, found = np.arange(len(actions)), self.distribution()
        chosen = [part[rows, actions[:, index]] for index, part in enumerate(self._parts(found.values))]
        size = sum((np.abs(part) for part in chosen), np.zeros(len(actions)))
        return Estimate(
            np.sum(chosen, axis=0), len(chosen) * found.scale.max(axis=1) + ULPS * size.astype(np.float64)
        )

    def entropy(self) -> Estimate:
        """[rows]; what a mask forbids adds nothing."""
        found = self.distribution()
        terms = np.exp(found.values) * found.values
        if self.masks is not None:
            terms = np.where(self.masks, terms, terms.dtype.type(0))
        values = -sum((part.sum(axis=1) for part in self._parts(terms)), np.zeros(len(terms), terms.dtype))
        size = np.abs(terms).sum(axis=1).astype(np.float64) + len(self.counts)
        return Estimate(values, 2 * (found.scale.max(axis=1) + ULPS) * size)

    def _parts(self, values: Array) -> Sequence[Array]:
        return np.split(values, np.cumsum(self.counts)[:-1], axis=1)


def _log_softmax(scores: Array) -> Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    found: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


@dataclass(frozen=True, eq=False)
class Bits:
    """Independent bits, each one with the probability that its logit says.

    Attributes:
        logits: [rows, bits].
    """

    logits: Estimate

    def distribution(self) -> Estimate:
        """The logit of each bit: [rows, bits]."""
        return self.logits

    def log_prob(self, actions: Array) -> Estimate:
        """The log of the probability of actions, 0 or 1 [rows, bits]: [rows]."""
        signed = np.where(actions > 0, self.logits.values, -self.logits.values)
        terms = -np.logaddexp(signed.dtype.type(0), -signed)
        return Estimate(terms.sum(axis=1), self._scale(terms))

    def entropy(self) -> Estimate:
        """[rows]."""
        logits = self.logits.values
        terms = np.logaddexp(logits.dtype.type(0), logits) - logits / (1 + np.exp(-logits))
        return Estimate(terms.sum(axis=1), self._scale(np.maximum(np.abs(terms), np.abs(logits))))

    def _scale(self, terms: Array) -> Array:
        scale: Array = self.logits.scale.sum(axis=1) + ULPS * np.abs(terms).sum(axis=1).astype(np.float64)
        return scale


# Continuous actions


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Independent normal actions, which tanh may squash afterwards.

    Attributes:
        mean: [rows, actions], before squashing.
        deviation: [rows, actions]; its scale is that of its logarithm.
        low: float64 [actions], where actions are squashed between bounds.
        high: likewise.
        squash: "": not; "tanh": SAC and TQC; "gsde": where the noise is that of gSDE.
    """

    mean: Estimate
    deviation: Estimate
    low: Array
    high: Array
    squash: str = ""

    def distribution(self) -> Estimate:
        """Means and standard deviations: [rows, 2, actions]."""
        shape = self.mean.values.shape
        scale = np.stack(
            [np.broadcast_to(self.mean.scale, shape), self.deviation.scale * self.deviation.values], axis=1
        )
        return Estimate(np.stack([self.mean.values, self.deviation.values], axis=1), scale.astype(np.float64))

    def log_prob(self, actions: Array) -> Estimate:
        """The log of the density at actions, float64 [rows, actions]: [rows].

        That of squashed actions is a density over [-1, 1], as Stable-Baselines3 has it.
        """
        deviation, log = self.deviation.values, np.log(self.deviation.values)
        dtype = deviation.dtype
        slope = np.zeros_like(deviation)
        drawn = actions.astype(dtype)
        if self.squash:
            unit = 2 * ((drawn - self.low.astype(dtype)) / (self.high - self.low).astype(dtype)) - 1
            inner = np.clip(unit, -1 + FLOAT32_EPSILON, 1 - FLOAT32_EPSILON)
            drawn = np.arctanh(inner)
            flat = inner if self.squash == "gsde" else unit
            slope = np.log((1 - flat) * (1 + flat) + dtype.type(SQUASH_EPSILON))
        z = (drawn - self.mean.values) / deviation
        terms = -z * z / 2 - log - dtype.type(math.log(2 * math.pi)) / 2 - slope
        size = ULPS * (z * z + np.abs(log) + np.abs(slope) + np.abs(z * drawn) / deviation + 2)
        size = size + np.abs(z) / deviation * self.mean.scale + (z * z + 1) * self.deviation.scale
        return Estimate(terms.sum(axis=1), size.sum(axis=1).astype(np.float64))

    def entropy(self) -> Estimate:
        """[rows], of actions that are not squashed; of those there is no closed form."""
        log = np.log(self.deviation.values)
        constant = (1 + log.dtype.type(math.log(2 * math.pi))) / 2
        size = self.deviation.scale + ULPS * (np.abs(log) + 2)
        return Estimate((log + constant).sum(axis=1), size.sum(axis=1).astype(np.float64))


def gaussian(
    head: ContinuousHead, forward: Forward, outputs: Outputs, output: Linear, bounds: tuple[Array, Array]
) -> Gaussian:
    """The distribution of actions that a network's outputs describe.

    Args:
        head: of the network, which samples as "gaussian" or "gsde".
        forward: the network in one type.
        outputs: of it.
        output: its last layer.
        bounds: of the actions, flat.
    """
    mean = linear(outputs, output)
    if head.mean_limit is not None:
        mean = Estimate(np.clip(mean.values, -head.mean_limit, head.mean_limit), mean.scale)
    low, high = (bound.reshape(-1).astype(np.float64) for bound in bounds)
    squash = ("gsde" if head.sampling == "gsde" else "tanh") if head.squash else ""
    return Gaussian(mean, _deviation(head, forward, outputs), low, high, squash)


def _deviation(head: ContinuousHead, forward: Forward, outputs: Outputs) -> Estimate:
    shape, dtype = outputs.values.shape, forward.dtype
    few = np.full(shape, 2 * ULPS)
    if head.log_std_layer is not None:
        log = linear(outputs, head.log_std_layer, forward.log_std(outputs.latent))
        # Limits: SB3's LOG_STD_MIN and LOG_STD_MAX in stable_baselines3/sac/policies.py
        return Estimate(np.exp(np.clip(log.values, -20, 2)), np.broadcast_to(log.scale, shape) + few)
    deviation = standard_deviation(head, dtype)
    if head.sampling != "gsde":
        return Estimate(np.broadcast_to(deviation, shape), few)
    variance = outputs.latent**2 @ deviation**2 + dtype.type(SQUASH_EPSILON)
    largest = np.abs(outputs.latent).max(axis=1, initial=1.0)[:, None].astype(np.float64)
    spread = np.abs(outputs.latent) @ deviation**2 / variance * largest
    found = np.sqrt(variance)
    return Estimate(np.broadcast_to(found, shape), few + spread.astype(np.float64))
