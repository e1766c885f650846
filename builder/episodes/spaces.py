"""Spaces as trees of leaves.

A leaf is a Box, Discrete, MultiDiscrete or MultiBinary space; Dict and Tuple spaces are inner nodes.
The recorder, the schema and the manifest all see a space through its leaves, always in the same order.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from builder.errors import SpaceError
from builder.storage.limits import SPACE_BYTES, SPACE_DEPTH, SPACE_LEAVES, SPACE_NUMBERS

Array = NDArray[Any]
DTYPE = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|>[iuf][248]")
"""How the dtypes that can be recorded are spelt in a description."""
MAX_DIMENSIONS = 32
LEAF_TYPES = (
    gym.spaces.Box,
    gym.spaces.Discrete,
    gym.spaces.MultiDiscrete,
    gym.spaces.MultiBinary,
)


class Spaces(NamedTuple):
    """What is observed, and what is done."""

    observation: gym.Space[Any]
    action: gym.Space[Any]

    @property
    def shown(self) -> gym.Space[Any] | None:
        """The space of recorded pictures; None: there are none."""
        return None

    @property
    def declared(self) -> tuple[Any, ...]:
        """The columns that the dataset declares (`builder.episodes.declared`)."""
        return ()

    @property
    def partial(self) -> frozenset[str]:
        """The columns that only some parts of a merged dataset have."""
        return frozenset()


class SpacesOfMore(Spaces):
    """A pair of spaces still, of a dataset that holds pictures or declared columns beside."""

    def __new__(
        cls,
        observation: gym.Space[Any],
        action: gym.Space[Any],
        size: tuple[int, int] | None,
        declared: tuple[Any, ...] = (),
        partial: frozenset[str] = frozenset(),
    ) -> Self:
        """The pictures' size and the columns are no part of the pair."""
        pair = super().__new__(cls, observation, action)
        pair._more = size, declared, partial  # type: ignore[attr-defined]  # a tuple's own are those of the pair
        return pair

    @property
    def shown(self) -> gym.Space[Any] | None:
        """uint8 [height, width, 3]."""
        size = self._more[0]  # type: ignore[attr-defined]
        return picture_space(*size) if size else None

    @property
    def declared(self) -> tuple[Any, ...]:
        """The columns that the dataset declares."""
        found: tuple[Any, ...] = self._more[1]  # type: ignore[attr-defined]
        return found

    @property
    def partial(self) -> frozenset[str]:
        """The columns that only some parts have."""
        found: frozenset[str] = self._more[2]  # type: ignore[attr-defined]
        return found

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, *self._more)  # type: ignore[attr-defined]


def picture_space(height: int, width: int) -> gym.spaces.Box:
    """The space of pictures: uint8 [height, width, 3]."""
    return gym.spaces.Box(0, 255, (height, width, 3), np.uint8)


@dataclass(frozen=True)
class Leaf:
    """One array of a space.

    Attributes:
        path: the keys that lead to it: a str per Dict, an int per Tuple, none for a plain space.
        space: the leaf's own space.
        shape: the shape of one value; () for Discrete.
        dtype: the dtype of the values, as the space declares it.
    """

    path: tuple[str | int, ...]
    space: gym.Space[Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def name(self) -> str:
        """The path in dotted form, for messages."""
        return ".".join(str(key) for key in self.path)

    def pick(self, value: Any) -> Any:
        """This leaf's part of a value of the whole space."""
        for key in self.path:
            value = value[key]
        return value


def leaves(space: gym.Space[Any], what: str = "space") -> tuple[Leaf, ...]:
    """The leaves of a space, in its own order.

    Raises:
        SpaceError: a kind of space that cannot be recorded (Text, Graph, Sequence, ...),
            or one without values.
    """
    found = tuple(_walk(space, (), what))
    if not found:
        raise SpaceError(f"the {what} {space} is empty", remedy="nothing of it could be recorded")
    names = Counter(leaf.name for leaf in found)
    if names and max(names.values()) > 1:
        raise SpaceError(
            f"two parts of the {what} are both called {names.most_common(1)[0][0]!r}",
            remedy="rename one: a dot in a key reads like a key of a nested space",
        )
    return found


def _walk(space: gym.Space[Any], path: tuple[str | int, ...], what: str) -> list[Leaf]:
    children = _children(space)
    if children is not None:
        return [leaf for key, child in children for leaf in _walk(child, (*path, key), what)]
    where = f"the {what}" + (f" at {'.'.join(map(str, path))!r}" if path else "")
    if not isinstance(space, LEAF_TYPES):
        raise SpaceError(
            f"{where} is a {type(space).__name__} space, which cannot be recorded",
            expected="Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple",
            remedy="wrap the environment so that its space is one of these",
        )
    shape = tuple(int(n) for n in space.shape or ())
    dtype = np.dtype(space.dtype)
    if 0 in shape:
        raise SpaceError(f"{where} has no values: its shape is {shape}")
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise SpaceError(f"{where} has dtype {dtype}, which cannot be stored")
    return [Leaf(path, space, shape, dtype)]


def _children(space: gym.Space[Any]) -> list[tuple[str | int, gym.Space[Any]]] | None:
    if isinstance(space, gym.spaces.Dict):
        return list(space.spaces.items())
    if isinstance(space, gym.spaces.Tuple):
        return list(enumerate(space.spaces))
    return None


def assemble(space: gym.Space[Any], values: Sequence[Any]) -> Any:
    """Put leaf values, in the order of `leaves`, together in the space's own structure."""
    queue = iter(values)

    def build(node: gym.Space[Any]) -> Any:
        children = _children(node)
        if children is None:
            return next(queue)
        parts = [(key, build(child)) for key, child in children]
        if isinstance(node, gym.spaces.Tuple):
            return tuple(part for _, part in parts)
        return dict(parts)

    return build(space)


def describe(space: gym.Space[Any]) -> dict[str, Any]:
    """A space as JSON; `from_description` turns it back.

    The order of a Dict space's keys is that of its leaves, and JSON objects have none: they are pairs.

    Raises:
        SpaceError: a kind of space that cannot be recorded.
    """
    if isinstance(space, gym.spaces.Dict):
        return {"type": "Dict", "spaces": [[key, describe(child)] for key, child in space.spaces.items()]}
    if isinstance(space, gym.spaces.Tuple):
        return {"type": "Tuple", "spaces": [describe(child) for child in space.spaces]}
    kind = next((kind for kind in LEAF_TYPES if isinstance(space, kind)), type(space))
    plain: dict[str, Any] = {"type": kind.__name__, "dtype": str(np.dtype(space.dtype))}
    if isinstance(space, gym.spaces.Box):
        return plain | {
            "shape": list(space.shape),
            "low": _bounds(space.low),
            "high": _bounds(space.high),
        }
    if isinstance(space, gym.spaces.Discrete):
        return plain | {"n": int(space.n), "start": int(space.start)}
    if isinstance(space, gym.spaces.MultiDiscrete):
        return plain | {"nvec": space.nvec.tolist(), "start": space.start.tolist()}
    if isinstance(space, gym.spaces.MultiBinary):
        return plain | {"n": space.n if isinstance(space.n, int) else [int(n) for n in space.n]}
    raise SpaceError(f"a {type(space).__name__} space cannot be described")


def _bounds(bounds: Array) -> Any:
    """One number where all are the same, else nested lists; infinities as text, which JSON can hold."""
    if bounds.size and (bounds == bounds.flat[0]).all():
        bounds = bounds.reshape(-1)[:1].reshape(())
    return _finite_or_text(bounds.tolist())


def _finite_or_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite_or_text(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _from_bounds(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_bounds(item) for item in value]
    return float(value) if isinstance(value, str) else value


def from_description(text: dict[str, Any]) -> gym.Space[Any]:
    """The space that `describe` described.

    Raises:
        SpaceError: the description is not one of ours.
    """
    return from_descriptions([text])[0]


def from_descriptions(texts: Sequence[dict[str, Any]]) -> tuple[gym.Space[Any], ...]:
    """The spaces that `describe` described, all of which together may be no larger than one.

    Raises:
        SpaceError: a description is not one of ours, or they are too large together.
    """
    try:
        _check_sizes(texts)
        with np.errstate(invalid="raise", over="raise"):
            return tuple(map(_from_description, texts))
    except (
        *(LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError),
        RecursionError,
    ) as error:
        shown = texts[0] if len(texts) == 1 else texts
        raise SpaceError(
            f"not the description of a space: {str(error)[:100]} in {reprlib.repr(shown)}"
        ) from error


def _check_sizes(texts: Iterable[dict[str, Any]]) -> None:
    """Refuse what short texts may describe and no memory holds, before any of it is made."""
    found = [size for text in texts for size in _sizes(text, 0)]
    for what, size, most in (
        ("parts", len(found), SPACE_LEAVES),
        ("numbers", sum(numbers for numbers, _ in found), SPACE_NUMBERS),
        ("bytes", sum(numbers * itemsize for numbers, itemsize in found), SPACE_BYTES),
    ):
        if size > most:
            raise ValueError(f"more than {most} {what}")


def _sizes(text: dict[str, Any], depth: int) -> Iterator[tuple[int, int]]:
    """The numbers of every part, and the bytes of each of them."""
    if depth > SPACE_DEPTH:
        raise ValueError(f"nested more than {SPACE_DEPTH} deep")
    if text["type"] in {"Dict", "Tuple"}:
        for child in text["spaces"]:
            yield from _sizes(child[1] if text["type"] == "Dict" else child, depth + 1)
        return
    if not DTYPE.fullmatch(text["dtype"]):
        raise ValueError(f"the dtype {text['dtype']!r:.40}")
    # What a MultiDiscrete space has stands in its text, number by number.
    shape = {"Box": text.get("shape"), "MultiBinary": text.get("n")}.get(text["type"], 1)
    yield _product(shape if isinstance(shape, list) else [shape]), np.dtype(text["dtype"]).itemsize


def _product(shape: list[Any]) -> int:
    if len(shape) > MAX_DIMENSIONS or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"the shape {shape!s:.40}")
    return math.prod(shape)


def _from_description(text: dict[str, Any]) -> gym.Space[Any]:
    kind = text["type"]
    if kind == "Dict":
        return gym.spaces.Dict([(key, _from_description(child)) for key, child in text["spaces"]])
    if kind == "Tuple":
        return gym.spaces.Tuple([_from_description(child) for child in text["spaces"]])
    dtype = np.dtype(text["dtype"])
    if kind == "Box":
        shape = tuple(text["shape"])
        low, high = (
            np.broadcast_to(np.asarray(_from_bounds(text[bound]), dtype), shape) for bound in ("low", "high")
        )
        return gym.spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return gym.spaces.Discrete(text["n"], start=text["start"], dtype=dtype.type)
    if kind == "MultiDiscrete":
        return gym.spaces.MultiDiscrete(
            np.array(text["nvec"]), dtype=dtype.type, start=np.array(text["start"])
        )
    if kind == "MultiBinary":
        return gym.spaces.MultiBinary(text["n"])
    raise ValueError(kind)


def next_observation_default(observation_space: gym.Space[Any]) -> bool:
    """Whether rows repeat the next observation unless the user says otherwise: not for pixels.

    Pixels are images and, stored as arrays, their stacks and channel-first forms: uint8 of rank 2 or more.
    """
    return not any(leaf.dtype == np.uint8 and len(leaf.shape) >= 2 for leaf in leaves(observation_space))


def mask_space(action_space: gym.Space[Any]) -> gym.Space[Any]:
    """The space of masks over actions, as MaskablePPO of sb3-contrib takes them: one bool for each choice.

    Raises:
        SpaceError: the actions are not choices.
    """
    if isinstance(action_space, gym.spaces.Discrete):
        choices = int(action_space.n)
    elif isinstance(action_space, gym.spaces.MultiDiscrete) and action_space.nvec.ndim == 1:
        choices = int(action_space.nvec.sum())
    elif isinstance(action_space, gym.spaces.MultiBinary) and isinstance(action_space.n, int):
        choices = 2 * action_space.n
    else:
        raise SpaceError(
            f"actions of {action_space} cannot be masked", expected="Discrete, MultiDiscrete or MultiBinary"
        )
    return gym.spaces.Box(0, 1, (choices,), np.bool_)


def is_image(leaf: Leaf) -> bool:
    """Whether a leaf is stored as PNG: a uint8 Box H×W×3 or H×W with bounds 0 and 255 everywhere."""
    if not isinstance(leaf.space, gym.spaces.Box) or leaf.dtype != np.uint8:
        return False
    if len(leaf.shape) != 2 and (len(leaf.shape) != 3 or leaf.shape[2] != 3):
        return False
    return bool((leaf.space.low == 0).all() and (leaf.space.high == 255).all())
