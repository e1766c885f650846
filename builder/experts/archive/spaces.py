"""The spaces that an archive was trained on, from inert records of gym's or gymnasium's own."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.inert_pickle import Call
from builder.experts.archive.inert_values import array, mapping, number
from builder.storage.limits import SPACE_BYTES, SPACE_LEAVES, SPACE_NUMBERS


def read_space(record: Any, where: str) -> gym.Space[Any]:
    """The gymnasium space that a record describes.

    Raises:
        ArchiveError: the record is damaged.
        UnsupportedExpertError: a kind of space that SB3's policies do not take.
    """
    if not isinstance(record, Call) or ".spaces." not in record.path:
        raise ArchiveError(f"{where}: a space is missing", got=type(record).__name__)
    kind = record.path.rpartition(".")[2]
    reader = _READERS.get(kind)
    if reader is None:
        raise UnsupportedExpertError(f"{where}: a {kind[:40]} space", expected=", ".join(_READERS))
    state = mapping(record.state, where)
    try:
        space: gym.Space[Any] = reader(state, where)
    except (KeyError, ValueError, TypeError, AssertionError, OverflowError) as error:
        raise ArchiveError(f"{where}: a damaged {kind} space ({type(error).__name__}: {error})") from error
    return space


def _box(state: dict[str, Any], where: str) -> gym.spaces.Box:
    low, high = array(state["low"], where), array(state["high"], where)
    large = low.size > SPACE_NUMBERS or low.nbytes > SPACE_BYTES
    if low.shape != high.shape or low.dtype != high.dtype or large or not low.size:
        raise ValueError("bounds")
    if np.isnan(low).any() or np.isnan(high).any() or (low > high).any():
        raise ValueError("bounds that are NaN or crossed")
    return gym.spaces.Box(low, high, low.shape, low.dtype.type)


def _discrete(state: dict[str, Any], where: str) -> gym.spaces.Discrete:
    start = number(state.get("start", 0), where)
    return gym.spaces.Discrete(_count(state["n"], where), start=int(start))


def _multi_discrete(state: dict[str, Any], where: str) -> gym.spaces.MultiDiscrete:
    counts = array(state["nvec"], where).astype(np.int64)
    if (
        counts.ndim != 1
        or not counts.size
        or counts.size > 10_000
        or counts.min() < 1
        or counts.sum() > SPACE_NUMBERS
    ):
        raise ValueError("counts")
    start = array(state["start"], where) if state.get("start") is not None else np.zeros_like(counts)
    return gym.spaces.MultiDiscrete(counts, start=start.astype(np.int64))


def _multi_binary(state: dict[str, Any], where: str) -> gym.spaces.MultiBinary:
    n = state["n"]
    if isinstance(n, (tuple, list)):
        lengths = [_count(length, where) for length in n]
        if not lengths or math.prod(lengths) > SPACE_NUMBERS:
            raise ValueError("counts")
        return gym.spaces.MultiBinary(lengths)
    return gym.spaces.MultiBinary(_count(n, where))


def _dict(state: dict[str, Any], where: str) -> gym.spaces.Dict:
    children = mapping(state["spaces"], where)
    if not 0 < len(children) <= SPACE_LEAVES:
        raise ValueError("number of spaces")
    for child in children.values():
        if isinstance(child, Call) and child.path.endswith((".Dict", ".Tuple")):
            raise UnsupportedExpertError(f"{where}: spaces inside spaces", expected="one level, as in SB3")
    spaces, left = [], SPACE_BYTES
    for key, child in children.items():  # each may be made of the same bytes
        spaces.append((key, read_space(child, f"{where}.{key[:40]}")))
        left -= math.prod(spaces[-1][1].shape or ()) * np.dtype(spaces[-1][1].dtype).itemsize
        if left < 0:
            raise ValueError(f"more than {SPACE_BYTES} bytes")
    return gym.spaces.Dict(spaces)


def _count(record: Any, where: str) -> int:
    count = number(record, where)
    if int(count) != count or not 0 < count <= SPACE_NUMBERS:
        raise ValueError("count")
    return int(count)


_READERS = {
    "Box": _box,
    "Discrete": _discrete,
    "MultiDiscrete": _multi_discrete,
    "MultiBinary": _multi_binary,
    "Dict": _dict,
}
