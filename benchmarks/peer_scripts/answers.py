"""What the scripts have in common: they time epochs, and end with one line of JSON."""

import itertools
import json
import os
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import numpy as np

BATCH = 256
MOST_BATCHES = 2000
"""Of a slow reader; the epoch is computed from what these take."""


def answer(*packages: str, **figures: Any) -> None:
    """Print the figures and the versions of the packages."""
    versions = {name: version(name) for name in packages}
    print(json.dumps({**figures, "versions": versions}))


class Clock:
    """Seconds since it was made: of the wall, and of the processors, child processes included."""

    def __init__(self) -> None:
        self._began = self._now()

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), sum(os.times()[:4])

    def taken(self) -> dict[str, float]:
        """Both, as figures of an answer."""
        (wall, cpu), now = self._began, self._now()
        return {"seconds": now[0] - wall, "cpu": now[1] - cpu}


def epoch(batches: Iterable[Any], rows: int, most: int = MOST_BATCHES) -> dict[str, float]:
    """Seconds of a whole epoch, and of the processors; a slow reader is stopped after so many batches."""
    clock, count = Clock(), 0
    for _ in itertools.islice(batches, most):
        count += 1
    part = rows / BATCH / count
    return {f"epoch_{name}": part * seconds for name, seconds in clock.taken().items()}


def access_rate(episodes: Any, count: int = 200) -> float:
    """Episodes per second, drawn at random."""
    drawn = np.random.default_rng(0).integers(len(episodes), size=count).tolist()
    began = time.perf_counter()
    for index in drawn:
        episodes[index]
    return count / (time.perf_counter() - began)


def keep_network(path: str, layers: Iterable[Any], seen: Any, did: Any, **about: Any) -> None:
    """Write the linear layers of a policy down as numbers, beside what it did of what it saw."""
    numbers = {name: np.array(value) for name, value in about.items()} | {"seen": seen, "did": did}
    for index, layer in enumerate(layers):
        numbers[f"weight.{index}"] = layer.weight.detach().numpy()
        numbers[f"bias.{index}"] = layer.bias.detach().numpy()
    np.savez(path, **numbers)


def recorded(path: str) -> list[dict[str, Any]]:
    """The episodes that were written for the peers: observations [T + 1], actions [T], rewards [T]."""
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    ends = columns["lengths"].cumsum()
    return [
        {
            "observations": np.concatenate([columns["observations"][end - length : end], final[None]]),
            "actions": columns["actions"][end - length : end],
            "rewards": columns["rewards"][end - length : end],
        }
        for length, end, final in zip(columns["lengths"], ends, columns["finals"], strict=True)
    ]
