"""JSON of a stranger's: bounded before it is read, and with one meaning."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any, NoReturn

from builder.storage.limits import JSON_DEPTH, JSON_DIGITS, JSON_VALUES, TENSOR_HEADER_BYTES
from builder.storage.paths import AnyPath


def read_bounded(path: AnyPath, limit: int) -> bytes:
    """The content of a file; one that is larger than a limit is not read, as far as that is known before.

    Raises:
        ValueError: it is larger, or no file: reading a pipe or a device might never end.
        OSError: it cannot be read.
    """
    if isinstance(path, Path):
        check_size(path, limit)
        with path.open("rb") as file:
            content = file.read(limit + 1)
    else:
        content = path.head(limit + 1)
    if len(content) > limit:
        raise ValueError(f"more than {limit} bytes")
    return content


def check_size(path: Path, limit: int) -> None:
    """Refuse a file by its size, before anything of it is read.

    Raises:
        ValueError: it is larger than the limit, or no file.
        OSError: it is not there.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("not a regular file")
    if found.st_size > limit:
        raise ValueError(f"more than {limit} bytes")


def parse_json(content: bytes, *, infinite: bool = False) -> Any:
    """The value that a JSON text holds.

    Args:
        content: the text.
        infinite: take `Infinity` and `-Infinity` for numbers, as Python writes them and JSON does not.

    Raises:
        ValueError: it is no JSON, is nested too deep, holds too much, a number that is none or has too many
            digits, half of a character, or a key twice, of which another reader may take the other.
    """
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > JSON_VALUES:
        raise ValueError(f"more than {JSON_VALUES} values")
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_infinite if infinite else _refuse,
            object_pairs_hook=_once,
        )
    except RecursionError:
        raise ValueError(f"nested more than {JSON_DEPTH} deep") from None
    _check_nesting(value)
    return value


def read_json(path: AnyPath, limit: int) -> Any:
    """The value in a JSON file of at most so many bytes.

    Raises:
        ValueError: it is larger, no file, or no JSON: see `parse_json`.
        OSError: it cannot be read.
    """
    return parse_json(read_bounded(path, limit))


def check_tensor_file(path: Path) -> None:
    """Refuse a safetensors file whose header, which its reader takes into memory, is larger than any of ours.

    Raises:
        ValueError: it is, or the file is none.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > TENSOR_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes, at most {TENSOR_HEADER_BYTES}")


def _whole(text: str) -> int:
    if len(text) > JSON_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"a number beyond all: {text[:40]}")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _infinite(text: str) -> float:
    return float(text) if text.endswith("Infinity") else _refuse(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} twice")
    return found


def _check_nesting(value: Any) -> None:
    level = [value]
    for _ in range(JSON_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                _check_text("".join(item))
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not below:
            return
        level = below
    raise ValueError(f"nested more than {JSON_DEPTH} deep")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"half of a character in {text[:40]!r}") from None
