"""What an ONNX model is made of, found out before onnxruntime opens it.

The messages of Protocol Buffers are walked along the few fields that lead to what is refused: tensors that
lie in other files, operators that no runtime has by itself, operators that draw at random.
Source of the numbers: `onnx/onnx.proto`, https://github.com/onnx/onnx.
"""

from __future__ import annotations

from collections.abc import Iterator

from builder.errors import ArchiveError, UnsafeArchiveError, UnsupportedExpertError
from builder.storage.limits import ONNX_DEPTH, ONNX_FIELDS

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Of operators; models of scikit-learn use the last."""
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_DEEPER: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "opset": {},
    "tensor": {},
}
"""The fields of each message that hold another one."""


def check_model(content: bytes, where: str) -> None:
    """Refuse a model that needs more than its own bytes, or that would not answer the same twice.

    Args:
        content: the file.
        where: its name, for messages.

    Raises:
        ArchiveError: it is no such model, or larger than any of a policy.
        UnsafeArchiveError: it would open other files, or needs code of its own.
        UnsupportedExpertError: it draws at random.
    """
    waiting = [("model", memoryview(content), 0)]
    count, graphs = 0, 0
    while waiting:
        kind, message, depth = waiting.pop()
        graphs += kind == "graph"
        if depth > ONNX_DEPTH:
            raise ArchiveError(f"{where}: nested more than {ONNX_DEPTH} deep")
        for number, value in _fields(message, where):
            count += 1
            if count > ONNX_FIELDS:
                raise ArchiveError(f"{where}: more than {ONNX_FIELDS} fields")
            _check_field(kind, number, value, where)
            inner = _DEEPER[kind].get(number)
            if inner and isinstance(value, memoryview):
                waiting.append((inner, value, depth + 1))
    if not graphs:
        raise ArchiveError(f"{where}: not an ONNX model", remedy="check expert.path")


def _check_field(kind: str, number: int, value: memoryview | int, where: str) -> None:
    if kind == "tensor" and (number == 13 or (number == 14 and value != 0)):
        raise UnsafeArchiveError(
            f"{where}: its tensors lie in another file",
            expected="a model of one file",
            remedy="save it without external data: nothing of it was opened",
        )
    if isinstance(value, int):
        return
    if (kind, number) in {("opset", 1), ("node", 7)} and (domain := _text(value)) not in DOMAINS:
        raise UnsafeArchiveError(
            f"{where}: operators of {domain[:80]!r}", expected="ONNX's own", remedy="nothing of it was run"
        )
    if (kind, number) == ("node", 4) and _text(value) in RANDOM:
        raise UnsupportedExpertError(
            f"{where}: it draws at random ({_text(value)}), by no seed of a dataset's",
            remedy="export the deterministic action",
        )


def _text(value: memoryview) -> str:
    return bytes(value[:200]).decode("utf-8", "replace")


def _fields(message: memoryview, where: str) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a message, each its number and what it holds."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place, where)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place, where)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place, where)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ArchiveError(f"{where}: not an ONNX model", remedy="check expert.path")
        if length > len(message) - place:
            raise ArchiveError(f"{where}: cut short, or damaged", remedy="fetch it again")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int, where: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ArchiveError(f"{where}: cut short, or damaged", remedy="fetch it again")
