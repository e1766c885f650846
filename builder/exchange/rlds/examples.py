"""Arrays in the records of a folder: TensorFlow's `Example`, a list of numbers or texts for each name."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from builder.dataset.images import png
from builder.episodes.spaces import Array
from builder.errors import DatasetError
from builder.exchange.rlds.features import Part
from builder.storage.limits import TEXT_BYTES

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def packed(arrays: Mapping[str, tuple[Part, Array]], texts: Mapping[str, str]) -> bytes:
    """A record of arrays, [n, ...] each, and of texts; the same bytes each time."""
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example()
    features = example.features.feature
    for name, (part, values) in arrays.items():
        rows = values.reshape(len(values), *part.shape)
        if part.encoding == "image":
            features[name].bytes_list.value.extend(
                [png(row[..., 0] if part.shape[2] == 1 else row) for row in rows]
            )
        elif part.encoding == "bytes":
            features[name].bytes_list.value.extend([row.tobytes() for row in _little(rows)])
        elif part.dtype.kind == "f":
            features[name].float_list.value.extend(rows.reshape(-1).tolist())
        else:
            features[name].int64_list.value.extend(rows.reshape(-1).astype(np.int64).tolist())
    for name, text in texts.items():
        features[name].bytes_list.value.append(text.encode())
    content: bytes = example.SerializeToString(deterministic=True)
    return content


def _little(values: Array) -> Array:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


class Record:
    """What one record holds."""

    def __init__(self, content: bytes, where: str) -> None:
        """Take a record apart.

        Raises:
            DatasetError: it is damaged.
        """
        from google.protobuf.message import DecodeError
        from tensorflow_datasets.proto import tf_example_pb2

        try:
            self._features = tf_example_pb2.Example.FromString(content).features.feature
        except DecodeError as error:
            raise DatasetError(f"{where} is damaged: {str(error)[:200]}") from error
        self._where = where

    def text(self, name: str) -> str:
        """A text of the episode; "": there is none."""
        values = self._values(name, "bytes_list") if name in self._features else []
        return str(values[0][:TEXT_BYTES], "utf-8", "replace") if values else ""

    def array(self, name: str, part: Part) -> Array:
        """The values of a name, [n, *part.shape].

        Raises:
            DatasetError: there are none, or they do not fit.
        """
        where = f"{self._where}: {name}"
        if part.encoding in {"image", "bytes", "zlib"}:
            texts = self._values(name, "bytes_list")
            rows = [_decoded(text, part, where) for text in texts]
            return np.stack(rows) if rows else np.zeros((0, *part.shape), part.dtype)
        values: Array
        if part.dtype.kind == "f":
            values = np.array(self._values(name, "float_list"), np.float32).astype(part.dtype)
        else:
            whole = np.array(self._values(name, "int64_list"), np.int64)
            values = whole.astype(part.dtype)
            if not np.array_equal(values.astype(np.int64), whole):
                raise DatasetError(f"{where} holds what its dtype has no place for", expected=str(part.dtype))
        size = int(np.prod(part.shape, dtype=object))
        if not size or values.size % size:
            raise DatasetError(
                f"{where}", expected=f"values of shape {part.shape}", got=f"{values.size} numbers"
            )
        return values.reshape(-1, *part.shape)

    def _values(self, name: str, kind: str) -> Any:
        if name not in self._features or self._features[name].WhichOneof("kind") not in {kind, None}:
            raise DatasetError(f"{self._where} has no {name}, or of another kind", expected=kind)
        return getattr(self._features[name], kind).value


def _decoded(content: bytes, part: Part, where: str) -> Array:
    """One value of bytes.

    Raises:
        DatasetError: it is of another size.
    """
    if part.encoding == "image":
        return _pixels(content, part, where)
    if part.encoding == "zlib":
        try:
            content = zlib.decompressobj().decompress(content, part.size + 1)
        except zlib.error as error:
            raise DatasetError(f"{where} is damaged: {error}") from error
    if len(content) != part.size:
        raise DatasetError(f"{where}", expected=f"{part.size} bytes", got=len(content))
    values: Array = np.frombuffer(content, part.dtype.newbyteorder("<")).astype(part.dtype)
    return values.reshape(part.shape)


def _pixels(content: bytes, part: Part, where: str) -> Array:
    from PIL import Image

    height, width, channels = part.shape
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
            found = (image.size, image.mode)  # asked before anything of the size that it states is made
            pixels = np.asarray(image) if found == ((width, height), MODES[channels]) else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{where} is no PNG or JPEG: {str(error)[:200]}") from error
    if pixels is None:
        raise DatasetError(f"{where} is an image of another shape", expected=part.shape, got=found)
    return pixels.reshape(part.shape)
