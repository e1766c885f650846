"""The card's tables of columns: dtype, shape, bounds and, where they are known, names and units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.card.markdown import code, number, table
from builder.dataset.column import Column
from builder.environments.components import Component, choice_names, components
from builder.episodes.spaces import Leaf, Spaces, is_image, leaves

MAX_VALUES = 8
"""Sizes of at most so many discrete components are listed one by one."""
INT64 = np.iinfo(np.int64)
MAX_ROWS = 24
"""Tables of more components are folded."""


def columns_table(columns: Iterable[Column], spaces: Spaces) -> str:
    """The columns of a table, or the leaves of those of Dict and Tuple spaces."""
    rows: list[tuple[str, ...]] = []
    for column in columns:
        space = column.space(spaces)
        if space is None:
            rows.append((code(column.name), str(column.kind), "", "", column.meaning))
        else:
            rows.extend(_leaf_rows(column, spaces, leaves(space)))
    return table(("column", "dtype", "shape", "values", "meaning"), rows)


def _leaf_rows(column: Column, spaces: Spaces, found: Sequence[Leaf]) -> Iterator[tuple[str, ...]]:
    for name, leaf in zip(column.names(spaces), found, strict=False):  # one more says where it is null
        shape = " × ".join(map(str, leaf.shape))
        dtype = f"{leaf.dtype}, PNG" if is_image(leaf) else str(leaf.dtype)
        yield code(name), dtype, shape, bounds(leaf), column.meaning


def bounds(leaf: Leaf) -> str:
    """The values that a leaf of a space allows."""
    space = leaf.space
    if isinstance(space, gym.spaces.Discrete):
        return _whole(int(space.start), int(space.n))
    if isinstance(space, gym.spaces.MultiBinary):
        return "0 or 1"
    if isinstance(space, gym.spaces.MultiDiscrete):
        return _ranges(space)
    return _box(space) if isinstance(space, gym.spaces.Box) else ""


def _ranges(space: gym.spaces.MultiDiscrete) -> str:
    pairs = [(int(start), int(n)) for start, n in zip(space.start.flat, space.nvec.flat, strict=True)]
    if len(set(pairs)) == 1:
        return _whole(*pairs[0])
    if len(pairs) > MAX_VALUES:
        return "differ by component"
    return "; ".join(_whole(*pair) for pair in pairs)


def _box(space: gym.spaces.Box) -> str:
    low, high = space.low, space.high
    if (low == low.flat[0]).all() and (high == high.flat[0]).all():
        return _interval(low.flat[0], high.flat[0])
    if np.isfinite(low).all() and np.isfinite(high).all():
        return f"{_interval(low.min(), high.max())}, by component"
    return "differ by component"


def _whole(start: int, count: int) -> str:
    values = range(start, start + count)
    return ", ".join(map(str, values)) if count <= 4 else f"{values[0]} to {values[-1]}"


def _interval(low: Any, high: Any) -> str:
    if (low == -np.inf and high == np.inf) or (low == INT64.min and high == INT64.max):
        return "unbounded"
    return f"{_bound(low)} to {_bound(high)}"


def _bound(value: Any) -> str:
    """A bound to four digits, without the zeros that a float32 would end in."""
    bound = float(value)
    return f"{bound:.4g}" if np.isfinite(bound) and bound != int(bound) else number(bound)


def documented_id(environment: Mapping[str, Any]) -> str:
    """The id of an environment of a manifest; empty where wrappers of its own may have changed its spaces."""
    return "" if environment.get("wrappers") else str(environment.get("id", ""))


def component_tables(env_id: str, spaces: Spaces) -> list[str]:
    """Tables of the components of the observations and actions of a known environment, long ones folded."""
    found = []
    for part, space in spaces._asdict().items():
        named, choices = components(env_id, part, space), choice_names(env_id, part, space)
        if choices:
            rows = [(str(int(space.start) + index), meaning) for index, meaning in enumerate(choices)]
            found.append(table((code(part), "meaning"), rows))
        elif named:
            found.append(_component_table(part, space, named))
    return found


def _component_table(part: str, space: gym.Space[Any], named: Sequence[Component]) -> str:
    values = [text for leaf in leaves(space) for text in _values(leaf)]
    rows = [
        (str(index), component.name, component.unit, text)
        for index, (component, text) in enumerate(zip(named, values, strict=True))
    ]
    found = table((code(part), "component", "unit", "values"), rows)
    if len(rows) <= MAX_ROWS:
        return found
    return f"<details><summary>The {len(rows)} components of the {part}</summary>\n\n{found}\n\n</details>"


def _values(leaf: Leaf) -> list[str]:
    """The values that each component of a leaf may have."""
    if isinstance(leaf.space, gym.spaces.Box):
        pairs = zip(leaf.space.low.flat, leaf.space.high.flat, strict=True)
        return [_interval(low, high) for low, high in pairs]
    return [bounds(leaf)] * math.prod(leaf.shape)
