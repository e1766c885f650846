"""What an object holds: found by walking through it, always in the same order."""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np

MOST_PARTS = 100_000
"""So many parts are looked at; what holds more (a memory of experience) is not looked through."""
VALUES = (str, bytes, int, float, complex, type(None))
"""What nobody looks for."""
WHOLE = (type, types.ModuleType, gym.Space, np.dtype)
"""What is not looked into: code, and spaces, which seed their own parts."""


def parts(held: Any) -> Iterator[Any]:
    """Everything that an object holds, itself first, each once: attributes, items, closures.

    The order is that in which attributes were set and items stand; sets, which have none, are left out.
    """
    waiting, seen, kept = [held], set[int](), list[Any]()
    while waiting and len(seen) < MOST_PARTS:
        part = waiting.pop()
        if isinstance(part, VALUES) or id(part) in seen:
            continue
        seen.add(id(part))
        kept.append(part)  # an id is of this part as long as it lives
        yield part
        waiting.extend(reversed(list(_held_by(part))))


def _held_by(part: Any) -> Iterator[Any]:
    if isinstance(part, WHOLE):
        return
    if isinstance(part, dict):
        yield from part.values()
    elif isinstance(part, (list, tuple, deque)):
        yield from part
    elif isinstance(part, np.ndarray):
        if part.dtype.hasobject:
            yield from part.flat
        return
    elif isinstance(part, functools.partial):
        yield from (part.func, part.args, part.keywords)
    elif isinstance(part, types.MethodType):
        yield from (part.__self__, part.__func__)
    elif isinstance(part, types.FunctionType):
        yield from (_content(cell) for cell in part.__closure__ or ())
        yield from (part.__defaults__ or (), part.__kwdefaults__ or {})
    yield from _attributes(part)


def _attributes(part: Any) -> Iterator[Any]:
    yield from getattr(part, "__dict__", {}).values()
    for kind in type(part).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"}:
                private = name.startswith("__") and not name.endswith("__")
                yield getattr(part, f"_{kind.__name__.lstrip('_')}{name}" if private else name, None)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return None


def large(held: Any, least_bytes: int) -> list[Any]:
    """Arrays and tensors of at least so many bytes."""
    return [part for part in parts(held) if _bytes(part) >= least_bytes]


def _bytes(part: Any) -> int:
    if isinstance(part, np.ndarray):
        return 0 if part.dtype.hasobject else part.nbytes
    size: Callable[[], int] | None = getattr(part, "element_size", None)
    count: Callable[[], int] | None = getattr(part, "nelement", None)
    if type(part).__module__.partition(".")[0] != "torch" or not callable(size) or not callable(count):
        return 0
    return size() * count()
