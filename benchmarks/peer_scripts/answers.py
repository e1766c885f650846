"""What the scripts have in common: they time epochs, and end with one line of JSON."""

import itertools
import json
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


def epoch_seconds(batches: Iterable[Any], rows: int, most: int = MOST_BATCHES) -> float:
    """Seconds of a whole epoch; a reader that would take too long is stopped after so many batches."""
    began, count = time.perf_counter(), 0
    for _ in itertools.islice(batches, most):
        count += 1
    return (time.perf_counter() - began) * (rows / BATCH) / count


def access_rate(episodes: Any, count: int = 200) -> float:
    """Episodes per second, drawn at random."""
    drawn = np.random.default_rng(0).integers(len(episodes), size=count).tolist()
    began = time.perf_counter()
    for index in drawn:
        episodes[index]
    return count / (time.perf_counter() - began)


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
