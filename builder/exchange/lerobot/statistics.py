"""`meta/stats.json`: what LeRobot's policies normalise by, gathered while episodes pass.

LeRobot has the same keys; its quantiles come from histograms, ours from the values themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.episodes.spaces import Array

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
KEPT_NUMBERS = 1 << 20
"""Of a feature, for its quantiles: of more values every second, every fourth ... row is kept."""


class Statistics:
    """Of one feature that is no picture.

    Args:
        shape: of one value.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._count = 0
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)
        self._least = np.full(shape, np.inf)
        self._most = np.full(shape, -np.inf)
        self._kept: list[Array] = []
        self._rows, self._every = 0, 1
        self._most_rows = max(2, KEPT_NUMBERS // max(1, int(np.prod(shape))))

    def add(self, values: Array) -> None:
        """Values [n, *shape]."""
        rows = np.asarray(values, np.float64).reshape(-1, *self._shape)
        self._least = np.minimum(self._least, rows.min(axis=0))
        self._most = np.maximum(self._most, rows.max(axis=0))
        # Chan, Golub and LeVeque 1979: means and squares of parts, put together.
        count = self._count + len(rows)
        apart = rows.mean(axis=0) - self._mean
        self._squares += ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
        self._squares += apart**2 * (self._count * len(rows) / count)
        self._mean += apart * (len(rows) / count)
        self._keep(rows)
        self._count = count

    def _keep(self, rows: Array) -> None:
        first = -self._count % self._every
        self._kept.append(rows[first :: self._every].copy())
        self._rows += len(self._kept[-1])
        while self._rows > self._most_rows:
            self._kept = [np.concatenate(self._kept)[::2].copy()]
            self._rows, self._every = len(self._kept[0]), 2 * self._every

    def found(self) -> dict[str, Any] | None:
        """As `stats.json` has them; None: there are values without a number, or too large to be squared."""
        kept = np.concatenate(self._kept)
        found = {
            "min": self._least,
            "max": self._most,
            "mean": self._mean,
            "std": np.sqrt(self._squares / self._count),
            **{name: np.quantile(kept, share, axis=0) for name, share in QUANTILES.items()},
        }
        if not all(np.isfinite(values).all() for values in found.values()):
            return None
        return {name: values.tolist() for name, values in found.items()} | {"count": [self._count]}


class ImageStatistics:
    """Of pictures: per channel, of values between 0 and 1, with two axes for height and width.

    Args:
        shape: (height, width, channels).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._channels = shape[2]
        self._frames = 0
        self._counts = np.zeros((self._channels, 256), np.int64)

    def add(self, values: Array) -> None:
        """Pictures [n, height, width] or [n, height, width, channels]."""
        self._frames += len(values)
        pixels = values.reshape(-1, self._channels)
        for channel in range(self._channels):
            self._counts[channel] += np.bincount(pixels[:, channel], minlength=256)

    def found(self) -> dict[str, Any]:
        """As `stats.json` has them."""
        levels = np.arange(256) / 255
        total = self._counts.sum(axis=1)
        mean = self._counts @ levels / total
        below = self._counts.cumsum(axis=1)
        found = {
            "min": levels[(below > 0).argmax(axis=1)],
            "max": levels[(below >= total[:, None]).argmax(axis=1)],
            "mean": mean,
            "std": np.sqrt((self._counts * (levels - mean[:, None]) ** 2).sum(axis=1) / total),
            **{
                name: levels[(below >= share * total[:, None]).argmax(axis=1)]
                for name, share in QUANTILES.items()
            },
        }
        nested = {name: values.reshape(-1, 1, 1).tolist() for name, values in found.items()}
        return nested | {"count": [self._frames]}
