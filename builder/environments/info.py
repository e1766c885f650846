"""What `info` says, as typed columns: the kinds of values that can be one, and who records them.

| values | column |
|---|---|
| truth values, Python's or numpy's | bool |
| whole numbers that int64 holds, truth values among them | int64 |
| numbers, whole ones among them where float64 holds them exactly | float64 |
| arrays, lists and tuples of numbers of one shape | the array's own dtype; of several, widened likewise |
| texts | string |
| None, or no such key | null |

All else (mappings, objects, texts in lists, shapes that change) is no column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.annotations import Annotator, Arrays
from builder.episodes.declared import TEXT, VALID, Declared
from builder.episodes.spaces import Array
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError, EnvironmentError_

FAMILY = "info"
NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
"""What a key may be called: its column is read by many programs."""
MAX_RANK = 5
LEFT_OUT = {
    "episode": "it is a wrapper's summary of the episode, with the time of day in it",
    "TimeLimit.truncated": "it is what the column truncated says",
    "terminal_observation": "it is what the column final_observation says",
    "final_observation": "it is what the column final_observation says",
    "final_obs": "it is what the column final_observation says",
    "final_info": "it is the info of another step",
}
"""Keys that wrappers and vector environments add, and why none is a column."""

_WIDTH = {"b": 0, "i": 1, "u": 1, "f": 2}
_WIDENED = (np.dtype(np.bool_), np.dtype(np.int64), np.dtype(np.float64))
_PLAIN: dict[str, frozenset[type]] = {
    "bool": frozenset({bool, np.bool_}),
    "int64": frozenset(
        {bool, np.bool_, int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32}
    ),
    "float64": frozenset({float, np.float16, np.float32, np.float64}),
}
"""Types whose values a column of single values holds as they are; a large int overflows."""


@dataclass(frozen=True)
class Kind:
    """Values that can stand in one column.

    Attributes:
        dtype: numpy's name, or `TEXT`.
        shape: of one value.
    """

    dtype: str
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.dtype + (f" {list(self.shape)}" if self.shape else "")

    @property
    def space(self) -> gym.Space[Any] | str:
        """As a column declares it: without bounds, since none are known."""
        return TEXT if self.dtype == TEXT else unbounded(self.shape, np.dtype(self.dtype))

    @staticmethod
    def of(column: Declared) -> Kind:
        """That of a declared column.

        Raises:
            DatasetError: nothing in `info` is of its kind.
        """
        if column.kind == TEXT:
            return Kind(TEXT)
        if not isinstance(column.kind, gym.spaces.Box):
            raise DatasetError(
                f"the column {column.name} holds nothing that info could say", got=str(column.kind)
            )
        return Kind(str(column.kind.dtype), column.kind.shape)


def left_out(key: Any) -> str:
    """Why a key of `info` is no column, whatever its values; empty: it can be one."""
    if key in LEFT_OUT:
        return LEFT_OUT[key]
    if not isinstance(key, str) or not NAME.fullmatch(key):
        return "its name has other characters than letters, digits and _"
    return "it begins with _, as masks of vector environments do" if key.startswith("_") else ""


def kind_of(value: Any) -> Kind | None:
    """The kind of a value; None: it can be in no column."""
    if isinstance(value, str):
        return Kind(TEXT) if _is_text(value) else None
    array = _numbers(value)
    if array is None:
        return None
    if array.ndim and hasattr(value, "dtype"):
        return Kind(str(array.dtype.newbyteorder("=")), array.shape)
    if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
        return None
    return Kind(str(_WIDENED[_WIDTH[array.dtype.kind]]), array.shape)


def _numbers(value: Any) -> Array | None:
    """The array that a value is; None: it is none that can be stored."""
    if isinstance(value, Mapping | bytes | set):
        return None
    try:
        array = np.asarray(value)
    except (Exception, SystemExit):  # noqa: BLE001  (whatever an object does that is asked for an array)
        return None
    stored = array.dtype.kind in _WIDTH and array.dtype.itemsize <= 8
    return array if stored and array.size and array.ndim <= MAX_RANK else None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def widened(one: Kind, other: Kind) -> Kind | None:
    """The kind that holds the values of both; None: there is none."""
    if one == other:
        return one
    if one.shape != other.shape or TEXT in (one.dtype, other.dtype):
        return None
    width = max(_WIDTH[np.dtype(kind.dtype).kind] for kind in (one, other))
    return Kind(str(_WIDENED[width]), one.shape)


def declared_as(key: str, kind: Kind, table: str) -> Declared:
    """The column of a key."""
    return Declared(f"{FAMILY}.{key}", kind.space, table, nullable=True)


@dataclass(frozen=True)
class SaidInfo:
    """The recipe of what `info` says, as columns of the steps and, of `reset`, of the episodes."""

    columns: tuple[Declared, ...]

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """A new one."""
        return _Said(self.columns)


class _Said(Annotator):
    def __init__(self, columns: tuple[Declared, ...]) -> None:
        self.columns = columns
        self._of_steps, self._of_reset = (
            [_Reader(column) for column in columns if column.table == table]
            for table in ("transitions", "episodes")
        )
        self._begun: dict[int, Arrays] = {}

    def begun(self, lane: int, environment: gym.Env[Any, Any], info: Mapping[str, Any]) -> None:
        said = _all(self._of_reset, [info])
        self._begun[lane] = {name: values[0] for name, values in said.items()}

    def after(self, lanes: Sequence[int], infos: Sequence[Mapping[str, Any]]) -> Arrays:
        return _all(self._of_steps, infos)

    def ended(self, lane: int, environment: gym.Env[Any, Any]) -> Arrays:
        return self._begun.pop(lane, {})


def _all(readers: Sequence[_Reader], infos: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for reader in readers:
        found[reader.name], found[f"{reader.name}.{VALID}"] = reader.read(infos)
    return found


class _Reader:
    """Reads one key of many infos."""

    def __init__(self, column: Declared) -> None:
        self.name, self._kind = column.name, Kind.of(column)
        self._key = column.name.partition(".")[2]
        self._plain = _PLAIN.get(self._kind.dtype, frozenset()) if not self._kind.shape else frozenset()
        text = self._kind.dtype == TEXT
        self._dtype = np.dtype(object if text else self._kind.dtype)
        self._absent: Any = None if text else np.nan if self._dtype.kind == "f" else 0

    def read(self, infos: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
        """[rows, ...] the values, and bool [rows]: which there are."""
        given = [info.get(self._key) if info else None for info in infos]
        if self._plain.issuperset(map(type, given)):
            with suppress(OverflowError):
                return np.array(given, self._dtype), np.ones(len(given), np.bool_)
        values = np.full((len(given), *self._kind.shape), self._absent, self._dtype)
        valid = np.array([value is not None for value in given], np.bool_)
        for row, value in enumerate(given):
            if value is not None:
                values[row] = self._stored(value)
        return values, valid

    def _stored(self, value: Any) -> Any:
        """The value as its column holds it.

        Raises:
            EnvironmentError_: it is of another kind than its column, or would not be what it was.
        """
        kind = kind_of(value)
        if kind is not None and widened(self._kind, kind) == self._kind:
            if self._kind.dtype == TEXT:
                return value
            array = np.asarray(value)
            with np.errstate(all="ignore"):
                stored = array.astype(self._dtype)
                same = np.array_equal(stored.astype(array.dtype), array, equal_nan=array.dtype.kind == "f")
            if same:
                return stored
        raise EnvironmentError_(
            f"the type of {self.name} changes",
            expected=str(self._kind),
            got=f"{kind or type(value).__name__}: {value!r}"[:100],
            remedy=f"name the columns in dataset.info, without {self._key}",
        )
