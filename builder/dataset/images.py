"""Images as PNG, without loss."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from builder.errors import DatasetError

STORAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # that of `datasets.Image`
# Written out, as the default is Pillow's to change. The bytes also follow from the zlib-ng in its wheels,
# which no longer hashes by special instructions of the CPU, and in which since 2.3.3 nothing that was
# compressed before leaves a trace (zlib-ng/zlib-ng#2100).
PNG_LEVEL = 6


def encode(images: NDArray[np.uint8]) -> pa.StructArray:
    """Encode images [rows, H, W, 3] or [rows, H, W] as PNG.

    Returns:
        A struct of `bytes`, the PNG, and `path`, null.
    """
    files = pa.array([png(image) for image in images], pa.binary())
    return pa.StructArray.from_arrays([files, pa.nulls(len(images), pa.string())], fields=list(STORAGE))


def png(image: NDArray[np.uint8]) -> bytes:
    """One image [H, W, 3] or [H, W] as a PNG file, the same bytes each time."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def decode(column: pa.StructArray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Decode what `encode` encoded.

    Args:
        column: PNG files in its field `bytes`.
        shape: (H, W, 3) or (H, W).

    Returns:
        An array [rows, *shape].

    Raises:
        DatasetError: an image is damaged, or has another shape.
    """
    images = np.empty((len(column), *shape), np.uint8)
    for row, png in enumerate(column.field("bytes")):
        images[row] = _pixels(png.as_py(), shape)
    return images


def _pixels(png: bytes | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(BytesIO(png or b""), formats=["PNG"]) as image:
            found = (image.height, image.width, *image.getbands())
            pixels = np.asarray(image) if (image.mode, found[:2]) == (_mode(shape), shape[:2]) else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError("an image of the dataset is damaged", expected="a PNG file") from error
    if pixels is None:
        raise DatasetError("an image of the dataset has another shape", expected=shape, got=found)
    return pixels


def _mode(shape: tuple[int, ...]) -> str:
    return "RGB" if len(shape) == 3 else "L"
