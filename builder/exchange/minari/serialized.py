"""Spaces as Minari writes them (minari/serialization.py): JSON within JSON, infinities bare."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym

from builder.episodes.spaces import describe, from_description, leaves
from builder.errors import ConfigError, DatasetError, SpaceError
from builder.storage.plain_json import parse_json

PART = "_index_{}"
"""What a part of a Tuple is called in HDF5."""


def space_text(space: gym.Space[Any]) -> str:
    """A space as Minari's metadata hold it.

    Raises:
        ConfigError: a key of a Dict is none that HDF5 can name a part by.
    """
    for leaf in leaves(space):
        for key in leaf.path:
            if isinstance(key, str) and ("/" in key or "\0" in key or key in {"", "."}):
                raise ConfigError(
                    f"minari cannot hold the key {key!r} of a Dict space",
                    remedy="rename it in the environment",
                )
    return json.dumps(_written(space))


def _written(space: gym.Space[Any]) -> dict[str, Any]:
    if isinstance(space, gym.spaces.Dict):
        return {"type": "Dict", "subspaces": {key: _written(child) for key, child in space.spaces.items()}}
    if isinstance(space, gym.spaces.Tuple):
        return {"type": "Tuple", "subspaces": [_written(child) for child in space.spaces]}
    plain = describe(space)
    if isinstance(space, gym.spaces.Box):
        plain |= {"low": space.low.tolist(), "high": space.high.tolist()}
    if isinstance(space, gym.spaces.MultiBinary):
        del plain["dtype"]
    return plain


def space_of(text: Any, where: str) -> gym.Space[Any]:
    """The space that a text of Minari's metadata describes.

    Args:
        text: whatever stands there.
        where: for errors.

    Raises:
        DatasetError: it is no space, or one that cannot be recorded.
    """
    try:
        space = from_description(_described(parse_json(text.encode(), infinite=True)))
        leaves(space)
    except (SpaceError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise DatasetError(f"{where} is no space that can be recorded: {str(error)[:200]}") from error
    return space


def _described(space: dict[str, Any]) -> dict[str, Any]:
    """Minari's description as ours; whether it is one is asked by `from_description`."""
    kind = space["type"]
    if kind == "Dict":
        return {
            "type": kind,
            "spaces": [[key, _described(child)] for key, child in space["subspaces"].items()],
        }
    if kind == "Tuple":
        return {"type": kind, "spaces": [_described(child) for child in space["subspaces"]]}
    if kind == "MultiBinary":
        return {**space, "dtype": "int8"}
    if kind == "MultiDiscrete" and "start" not in space:
        return {**space, "start": _zeros(space["nvec"])}
    if kind == "Discrete":
        return {"start": 0, "dtype": "int64", **space}
    return space


def _zeros(value: Any) -> Any:
    return [_zeros(item) for item in value] if isinstance(value, list) else 0


def part_name(key: str | int) -> str:
    """What a part of a Dict or Tuple is called in HDF5."""
    return PART.format(key) if isinstance(key, int) else key
