"""The random generators that a whole process shares: whether code drew from them, and as they were before."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_taken = threading.RLock()


def states() -> dict[str, Any]:
    """The state of each global generator, by the name of its module; torch's only where it is imported."""
    legacy: Any = np.random.get_state()  # noqa: NPY002  (the legacy generator is the global one)
    found: dict[str, Any] = {
        "numpy.random": (legacy[1].tobytes(), *legacy[2:]),
        "random": random.getstate(),
    }
    if torch := _torch():
        found["torch"] = torch.random.get_rng_state().numpy().tobytes()
        if torch.cuda.is_initialized():
            found["torch.cuda"] = [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return found


def moved(before: dict[str, Any]) -> tuple[str, ...]:
    """The names of the global generators whose state is not the one of before."""
    now = states()
    return tuple(name for name, state in before.items() if now[name] != state)


def put(states: dict[str, Any]) -> None:
    """Let the global generators go on from what `states` gave."""
    key, *rest = states["numpy.random"]
    np.random.set_state(("MT19937", np.frombuffer(key, np.uint32), *rest))  # noqa: NPY002  (as above)
    random.setstate(states["random"])
    torch = _torch()
    if torch and "torch" in states:
        torch.random.set_rng_state(torch.frombuffer(bytearray(states["torch"]), dtype=torch.uint8))
    if torch and "torch.cuda" in states:
        graphics = [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in states["torch.cuda"]]
        torch.cuda.set_rng_state_all(graphics)


def seed(sequence: np.random.SeedSequence) -> None:
    """Seed each global generator."""
    words = sequence.generate_state(4)
    np.random.seed(words)  # noqa: NPY002  (as above)
    random.seed(words.tobytes())
    if torch := _torch():
        _seed_torch(torch, int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))


@contextmanager
def taken(cancelled: Callable[[], bool] = bool) -> Iterator[bool]:
    """Have the global generators for this thread alone, and leave them as they were.

    Args:
        cancelled: asked while another thread has them; true ends the waiting.

    Yields:
        Whether this thread has them; else it was cancelled.
    """
    while not (mine := _taken.acquire(timeout=0.1)) and not cancelled():
        pass
    if not mine:
        yield False
        return
    try:
        with restored():
            yield True
    finally:
        _taken.release()


@contextmanager
def restored() -> Iterator[None]:
    """Leave the global generators as they were: a check must not change what the program draws next."""
    legacy, python, torch = np.random.get_state(), random.getstate(), _torch()  # noqa: NPY002  (as above)
    network = torch.random.get_rng_state() if torch else None
    graphics = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002  (as above)
        random.setstate(python)
        if torch:
            torch.random.set_rng_state(network)
        if graphics is not None:
            torch.cuda.set_rng_state_all(graphics)


def stir() -> None:
    """Put them where no seed of an attempt puts them: what seeds them again has moved them then, too."""
    random.seed("no seed of an attempt")
    np.random.seed([2**31 - 1, 61, 19])  # noqa: NPY002  (as above)
    if torch := _torch():
        _seed_torch(torch, 2**61 - 1)


def _seed_torch(torch: Any, seed: int) -> None:
    """As `torch.manual_seed`, which spends a hundred times as long on devices that are not there."""
    (torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed)(seed)


def _torch() -> Any:
    """Torch, where something has imported it already; else it has drawn nothing."""
    return sys.modules.get("torch")
