"""The random generators that a whole process shares: whether code drew from them, and as they were before."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def states() -> dict[str, Any]:
    """The state of each global generator, by the name of its module; torch's only where it is imported."""
    legacy: Any = np.random.get_state()  # noqa: NPY002  (the legacy generator is the global one)
    found: dict[str, Any] = {
        "numpy.random": (legacy[1].tobytes(), *legacy[2:]),
        "random": random.getstate(),
    }
    if torch := _torch():
        found["torch"] = torch.random.get_rng_state().numpy().tobytes()
    return found


def moved(before: dict[str, Any]) -> tuple[str, ...]:
    """The names of the global generators whose state is not the one of before."""
    now = states()
    return tuple(name for name, state in before.items() if now[name] != state)


@contextmanager
def restored() -> Iterator[None]:
    """Leave the global generators as they were: a check must not change what the program draws next."""
    legacy, python, torch = np.random.get_state(), random.getstate(), _torch()  # noqa: NPY002  (as above)
    network = torch.random.get_rng_state() if torch else None
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002  (as above)
        random.setstate(python)
        if torch:
            torch.random.set_rng_state(network)


def stir() -> None:
    """Put them where no seed of an attempt puts them: what seeds them again has moved them then, too."""
    random.seed("no seed of an attempt")
    np.random.seed([2**31 - 1, 61, 19])  # noqa: NPY002  (as above)
    if torch := _torch():
        torch.manual_seed(2**61 - 1)


def _torch() -> Any:
    """Torch, where something has imported it already; else it has drawn nothing."""
    return sys.modules.get("torch")
