"""Discrete actions of a network that sees pictures, from float32 where that decides beyond doubt.

Claim: a row that is not marked unsure here gets the very action that float64 decides on, or a wider type
where float64 does not (`network_player.py`).

1. Let z' be what goes into the output layer as computed here, z'' as computed in float64 in whatever order,
   and z exactly. `ErrorGrowth` bounds |z' - z| + |z'' - z|, and so |z' - z''|, by e.
2. The difference of two scores is (w_a - w_b).z + b_a - b_b, so that z' and z'' give differences that lie
   at most |w_a - w_b| e apart, and what float64 rounds in the output layer itself, on either side.
3. If a is ahead here by more than that for every other choice, then it is ahead in float64. In a wider type
   too, whose errors are smaller.

The bound takes all roundings for unfavourable, and an error for one in the direction that each layer
stretches most; it is thousands of times the error. What the first layers round grows through all others, so
where too many rows are in doubt, one layer more is computed in float64 from then on, from the first one on.
NaN and infinity compare as false, which is doubt. No action depends on any of that.
"""

from __future__ import annotations

import math

import numpy as np

from builder.episodes.spaces import Array
from builder.experts.network.action_selection import FORBIDDEN, Decision
from builder.experts.network.kept_windows import KeptConvolution, PiecewiseProduct
from builder.experts.network.network import AtomsHead, DiscreteHead, ImageExtractor, Linear, Network
from builder.experts.network.rounding import FLOAT64, MOST_NUMBERS, LayerSize, norms

SLACK = 1 + 1 / 64
"""On e, which is itself rounded."""
IMAGES_AT_ONCE = 8
"""Images that go through the convolutions together."""
MOST_SCORES = 1024
"""Networks with more are left to float64: every two scores are held against each other."""
TRIED = 512
"""Rows among which doubts are counted."""
DOUBTS = TRIED // 50
"""More are too many: a row that is computed again costs what a layer in float64 does for some fifty."""


def certain(network: Network, *, channels_last: bool = False) -> Certain | None:
    """What decides for a network; None where it is none of those that the claim is proven for.

    Args:
        network: whose actions are asked for.
        channels_last: pictures come with their channels last.
    """
    head, extractor = network.head, network.extractors[0]
    plain = len(network.encoders) == 1 and not network.lstm and not network.hidden
    if not plain or not isinstance(extractor, ImageExtractor) or network.observation_space.dtype != np.uint8:
        return None
    if not isinstance(head, DiscreteHead) or isinstance(head, AtomsHead):
        return None
    seen, features = math.prod(network.encoders[0].shape), extractor.linear.weight.shape[1]
    if max(seen, features) > MOST_NUMBERS or sum(head.counts) > MOST_SCORES:
        return None
    return Certain(network, extractor, head, channels_last=channels_last)


class Certain:
    """Decides, and says where it is unsure.

    Args:
        network: of which it decides.
        extractor: its own.
        head: its own.
        channels_last: pictures come with their channels last.

    Attributes:
        wide: how many layers it computes in float64.
    """

    def __init__(
        self, network: Network, extractor: ImageExtractor, head: DiscreteHead, *, channels_last: bool
    ) -> None:
        channels, *shape = network.encoders[0].shape
        self._channels_last, self._divisor = channels_last, 255 if network.encoders[0].scaled else 1
        self._convolutions: list[KeptConvolution] = []
        for layer in extractor.convolutions:
            seen = self._convolutions[-1].shape if self._convolutions else tuple(shape)
            first = not self._convolutions
            self._convolutions.append(
                KeptConvolution(
                    layer,
                    seen,
                    channels_first=first and not channels_last,
                    divisor=self._divisor if first else 1,
                )
            )
        weight, bias = extractor.linear.weight, extractor.linear.bias
        channels_first = weight.reshape(len(weight), len(extractor.convolutions[-1].weight), -1)
        by_position = channels_first.transpose(2, 1, 0).reshape(-1, len(weight))
        self._linear = PiecewiseProduct(by_position, bias, LayerSize.of(by_position, bias))
        self._scores = _Scores(network.output, head)
        laid_out = (*shape, channels) if channels_last else (channels, *shape)
        self._seen = np.zeros((0, *laid_out), np.uint8)
        self._fresh = np.ones(0, bool)
        self._asked = self._doubted = self.wide = 0

    def __call__(self, pictures: Array, masks: Array | None = None) -> Decision:
        """Decide.

        Args:
            pictures: uint8 [rows, channels, height, width], or with their channels last.
            masks: which choices are allowed, bool [rows, choices]; None: all are.
        """
        decision = self._scores(*self.latent(pictures), masks)
        self._count(len(pictures), 0 if decision.unsure is None else int(decision.unsure.sum()))
        return decision

    def latent(self, pictures: Array) -> tuple[Array, Array]:
        """What goes into the output layer [rows, latent], and how far it is at most from float64's [rows]."""
        features, sizes, error = self._features(np.ascontiguousarray(pictures))
        return self._linear(features), self._linear.growth.after(error, sizes) * SLACK

    def _features(self, pictures: Array) -> tuple[Array, Array, Array]:
        """What the convolutions give [rows, numbers], its norm, and by how much it errs at most [rows]."""
        rows = len(pictures)
        if len(self._seen) < rows:
            self._forget(rows)
        features = np.empty((rows, self._linear.weight.shape[0]), self._linear.dtype)
        sizes, error = np.zeros(rows), np.zeros(rows)
        for first in range(0, rows, IMAGES_AT_ONCE):
            some = slice(first, min(first + IMAGES_AT_ONCE, rows))
            changed = self._differ(self._seen[some], pictures[some]) | self._fresh[some, None, None]
            self._seen[some], self._fresh[some] = pictures[some], False
            x, size = pictures[some], norms(pictures[some].astype(np.float32)) / self._divisor
            for convolution in self._convolutions:
                error[some] = convolution.growth.after(error[some], size)
                x, changed = convolution(x, changed, first)
                size = norms(x)
            features[some], sizes[some] = x.reshape(len(x), -1), size
        return features, sizes, error

    def _forget(self, rows: int) -> None:
        """Make room for so many pictures, of which none has been seen."""
        self._seen = np.zeros((rows, *self._seen.shape[1:]), np.uint8)
        self._fresh = np.ones(rows, bool)
        for convolution in self._convolutions:
            convolution.reserve(rows)

    def _differ(self, before: Array, after: Array) -> Array:
        """Where pictures differ in any channel: bool [rows, height, width]."""
        channels = after.shape[3 if self._channels_last else 1]
        if self._channels_last and channels in {2, 4, 8}:
            whole = np.dtype(f"u{channels}")
            return np.asarray(before.view(whole)[..., 0] != after.view(whole)[..., 0])
        return np.asarray((before != after).any(axis=3 if self._channels_last else 1))

    def _count(self, asked: int, doubted: int) -> None:
        """Compute one layer more in float64 as soon as too many rows were in doubt."""
        self._asked, self._doubted = self._asked + asked, self._doubted + doubted
        layers: list[KeptConvolution | PiecewiseProduct] = [*self._convolutions, self._linear]
        if self._doubted > DOUBTS and self.wide < len(layers):
            layers[self.wide].use(FLOAT64)
            self.wide += 1
            self._fresh[:] = True
        elif self._asked < TRIED:
            return
        self._asked = self._doubted = 0


class _Scores:
    """The output layer in float64, and which choices are beyond doubt.

    Args:
        output: the layer.
        head: what its outputs mean.
    """

    def __init__(self, output: Linear, head: DiscreteHead) -> None:
        weight = output.weight.astype(np.float64)
        bias = np.zeros(len(weight)) if output.bias is None else output.bias.astype(np.float64)
        # Each product is rounded once for every one that it is summed with; so are the mean's quantiles.
        roundings = weight.shape[1] + head.quantiles + 8
        self._unit = 4 * roundings * 2.0**-52
        self._largest = float(np.linalg.norm(weight, axis=1).max(initial=0.0))
        self._most = float(np.abs(bias).max(initial=0.0))
        self._weight = weight.reshape(head.quantiles, -1, weight.shape[1]).mean(axis=0).T
        self._bias = bias.reshape(head.quantiles, -1).mean(axis=0)
        self._binary = head.binary
        ends = np.cumsum(head.counts)
        self._components = [slice(end - count, end) for end, count in zip(ends, head.counts, strict=True)]
        by_choice = self._weight.T
        self._alone = np.linalg.norm(by_choice, axis=1)
        self._apart = [
            np.linalg.norm(by_choice[part, None] - by_choice[None, part], axis=2) for part in self._components
        ]

    def __call__(self, latent: Array, error: Array, masks: Array | None) -> Decision:
        wide = latent.astype(np.float64)
        scores = wide @ self._weight + self._bias
        reach = np.sqrt(np.einsum("ij,ij->i", wide, wide)) + error
        rounded = self._unit * (self._largest * reach + self._most)
        if self._binary:
            beyond = np.abs(scores) > self._alone * error[:, None] + rounded[:, None]
            return _decision((scores > 0).astype(np.int64), beyond.all(axis=1))
        if masks is not None:
            scores = np.where(masks, scores, FORBIDDEN)
        sure = np.isfinite(error + rounded)
        chosen = np.empty((len(scores), len(self._components)), np.int64)
        for index, part in enumerate(self._components):
            chosen[:, index], beyond = self._best(index, scores[:, part], (error, rounded), masks)
            sure &= beyond
        return _decision(chosen, sure)

    def _best(
        self, index: int, scores: Array, errors: tuple[Array, Array], masks: Array | None
    ) -> tuple[Array, Array]:
        """The best choice of a component [rows], and whether it is better than all others beyond doubt."""
        part, rows = self._components[index], np.arange(len(scores))
        best = scores.argmax(axis=1)
        apart = self._apart[index][best]
        if masks is not None:  # what is forbidden has a score that does not err
            apart = np.where(masks[:, part], apart, self._alone[part][best][:, None])
        ahead = scores[rows, best][:, None] - scores > apart * errors[0][:, None] + errors[1][:, None]
        ahead[rows, best] = True
        return best, ahead.all(axis=1)


def _decision(actions: Array, sure: Array) -> Decision:
    return Decision(actions, None if sure.all() else ~sure)
