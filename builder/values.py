"""Values of a configuration: their kinds, how they are recorded, and read back as what they were.

JSON has no infinity, no keys but text, no bytes. A mapping with a key that begins with `$` stands for what it
lacks; a mapping of the user's own that has such keys is recorded as its items.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

from builder.errors import ConfigError

MARK = "$"
UNKNOWN = object()
"""The value of a reference that was read back from a manifest."""
MAX_DEPTH = 32
"""How deep values of a configuration may be nested."""


@dataclass(frozen=True)
class Reference:
    """A value that came through an environment variable: what is recorded, shown and compared is the text.

    Attributes:
        text: as the configuration has it, e.g. `${oc.env:API_KEY}`.
        value: what it stands for here; `UNKNOWN` where nobody has said so yet.
    """

    text: str
    value: Any = field(default=UNKNOWN, compare=False, repr=False)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        """To a worker process: `UNKNOWN` is one object of this process."""
        return Reference, (self.text,) if self.value is UNKNOWN else (self.text, self.value)


def resolved(value: Any) -> Any:
    """The value with what its references stand for.

    Raises:
        ConfigError: a reference came from a manifest, which does not know what it stands for.
    """
    if isinstance(value, Reference):
        if value.value is UNKNOWN:
            raise ConfigError(
                f"a value came through an environment variable, so the manifest holds only {value.text}",
                remedy="give it as env.kwargs.NAME=",
            )
        return value.value
    if isinstance(value, Mapping):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(resolved, value))
    return value


def concealed(text: str, value: Any) -> str:
    """A text, for an error, with the references in a value in place of what they stand for."""
    if isinstance(value, Reference):
        found = str(value.value)
        return text.replace(found, value.text) if found and value.value is not UNKNOWN else text
    inner = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    )
    for item in inner:
        text = concealed(text, item)
    return text


def recorded(value: Any, key: str = "a value", depth: int = 0) -> Any:  # noqa: PLR0911  (one for each kind)
    """The value as JSON can hold it; `restored` gives it back.

    Args:
        value: plain values, bytes, paths and references, in mappings and lists.
        key: of it, for the error.
        depth: how deep it is nested.

    Raises:
        ConfigError: it is of another kind, or nested without end.
    """
    if depth > MAX_DEPTH:
        raise ConfigError(f"{key} is nested too deep", expected=f"at most {MAX_DEPTH} levels")
    if isinstance(value, float) and not math.isfinite(value):
        return {f"{MARK}float": str(float(value))}
    if hasattr(value, "tolist"):  # numpy's, as numbers from a notebook often are
        return recorded(value.tolist(), key, depth)
    if isinstance(value, (NoneType, bool, int, float, str)):
        return value
    if isinstance(value, Reference):
        return {f"{MARK}reference": value.text}
    if isinstance(value, (list, tuple)):
        return [recorded(item, key, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return _recorded_mapping(value, key, depth + 1)
    if isinstance(value, bytes):
        return {f"{MARK}bytes": value.hex()}
    if isinstance(value, Path):
        return {f"{MARK}path": str(value)}
    raise ConfigError(f"{key} cannot be recorded", expected="plain values", got=type(value).__name__)


def _recorded_mapping(value: Mapping[Any, Any], key: str, depth: int) -> dict[str, Any]:
    if all(isinstance(name, str) and not name.startswith(MARK) for name in value):
        return {name: recorded(item, f"{key}.{name}", depth) for name, item in value.items()}
    items = [[recorded(name, key, depth), recorded(item, key, depth)] for name, item in value.items()]
    return {f"{MARK}mapping": sorted(items, key=repr)}


def restored(value: Any) -> Any:
    """What `recorded` was given; anything that it does not write stays as it is."""
    if isinstance(value, list):
        return list(map(restored, value))
    if not isinstance(value, dict):
        return value
    mark = next(iter(value)) if len(value) == 1 else ""
    if mark in _MARKS:
        try:
            return _MARKS[mark](value[mark])
        except (ValueError, TypeError, LookupError) as error:
            raise ConfigError(f"{mark} holds {str(value[mark])[:80]!r}") from error
    return {name: restored(item) for name, item in value.items()}


def _reference(text: Any) -> Reference:
    return Reference(str(text))


def _not_finite(text: Any) -> float:
    return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[text]


def _mapping(items: Any) -> dict[Any, Any]:
    return {restored(name): restored(item) for name, item in items}


_MARKS: dict[str, Callable[[Any], Any]] = {
    f"{MARK}float": _not_finite,
    f"{MARK}bytes": bytes.fromhex,
    f"{MARK}path": Path,
    f"{MARK}reference": _reference,
    f"{MARK}mapping": _mapping,
}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that a hint says; `Any` is what JSON can hold."""
    origin, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in {typing.Union, UnionType}:
        return any(fits(value, part) for part in parts)
    if origin is Any:
        return is_plain(value)
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, parts[0]) for item in value)
    if origin in {dict, Mapping}:
        return isinstance(value, dict) and all(
            not parts or (isinstance(key, str) and fits(item, parts[1])) for key, item in value.items()
        )
    if origin in {bool, int, float, str, None, NoneType}:
        return type(value) in {float: (int, float), None: (NoneType,)}.get(origin, (origin,))
    return isinstance(value, origin)


def is_plain(value: Any) -> bool:
    """Whether a value is what JSON can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return value is None or type(value) in {bool, int, float, str}
