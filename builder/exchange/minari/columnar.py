"""Episodes that Minari keeps as Arrow or Parquet: of each a folder with its rows and its `metadata.json`.

An episode of T steps has T + 1 rows, one for each observation; the last row's action, reward and flags are
padding (0.5.4, minari/dataset/_storages/arrow_storage.py). Infos are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.shards import check_parquet
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import DatasetError
from builder.exchange.ipc import record_batches
from builder.exchange.minari.jpeg import decoded, is_jpeg
from builder.exchange.minari.place import METADATA, own_file
from builder.storage.limits import ARROW_EPISODE_BYTES, TEXT_BYTES
from builder.storage.plain_json import parse_json, read_bounded

KINDS = ("arrow", "parquet")
"""Values of `data_format` that are read here."""
PLAIN = {"rewards": np.dtype("f8"), "terminations": np.dtype("?"), "truncations": np.dtype("?")}
BATCH_BYTES = 8 << 20
"""What is unpacked of a Parquet file at a time."""


def episode_files(folder: Path, stated: Any) -> list[Path]:
    """The file with the rows of each episode, in order.

    Args:
        folder: the folder `data`.
        stated: how many there are, by the metadata.

    Raises:
        DatasetError: there are others, or an episode has no file, several, or links.
    """
    found = {child.name for child in folder.iterdir() if child.name.isdecimal()}
    names = [str(number) for number in range(len(found))]
    if not names or stated != len(names) or found != set(names):
        raise DatasetError(
            f"{folder} does not hold the episodes of its metadata", expected=f"{stated!s:.40}", got=len(names)
        )
    return [_only_file(folder / name) for name in names]


def _only_file(folder: Path) -> Path:
    if folder.is_symlink() or not folder.is_dir():
        raise DatasetError(f"{folder} is a link or a file", expected="the folder of an episode")
    rest = [path for path in folder.iterdir() if not path.name.startswith(("_", ".", METADATA))]
    if len(rest) != 1 or not rest[0].is_file():
        raise DatasetError(f"{folder} holds {len(rest)} files of rows", expected="one")
    return own_file(rest[0])


def has_infos(files: Sequence[Path], kind: str) -> bool:
    """Whether the first of the files has a column of infos with something in it."""
    try:
        if kind == "parquet":
            check_parquet(files[0])
            schema = pq.read_schema(files[0])
        else:
            batches = record_batches(files[0])
            if not batches:
                return False
            schema = batches[0].schema
        place = schema.get_field_index("infos")
        return bool(place >= 0 and schema.field(place).type.num_fields > 0)
    except (pa.ArrowException, OSError, ValueError, DatasetError):
        return False  # whoever reads the rows says it better


def episode_attributes(file: Path) -> dict[str, Any]:
    """What the metadata beside the rows of an episode say.

    Raises:
        DatasetError: they are damaged, or of another episode.
    """
    where = own_file(file.parent / METADATA)
    try:
        attributes = parse_json(read_bounded(where, TEXT_BYTES), infinite=True)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{where} cannot be read: {str(error)[:200]}") from error
    if not isinstance(attributes, dict) or attributes.get("id") != int(file.parent.name):
        raise DatasetError(f"{where} is not of this episode", expected=f"the id {file.parent.name}")
    return attributes


def episode_arrays(
    file: Path, kind: str, spaces: Spaces, attributes: Mapping[str, Any], *, jpeg: bool
) -> dict[str, list[Array]]:
    """The arrays of an episode by their columns, one for each leaf, without the padding.

    Args:
        file: with its rows.
        kind: one of `KINDS`.
        spaces: of the dataset.
        attributes: what its metadata say.
        jpeg: images are kept as JPEG.

    Raises:
        DatasetError: the file is damaged, too large, does not fit the spaces, or is not padded.
    """
    parts = {"observations": leaves(spaces.observation), "actions": leaves(spaces.action)}
    try:
        found = _filled(file, kind, parts, jpeg=jpeg)
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise DatasetError(f"{file} is damaged: {str(error)[:200]}") from error
    if (
        any(found[name][0][-1] for name in PLAIN)
        or attributes.get("total_steps") != len(found["rewards"][0]) - 1
    ):
        raise DatasetError(
            f"{file} does not end with a row of padding",
            expected="one row more than the episode has steps, without reward or flag",
            got=f"{len(found['rewards'][0])} rows, {attributes.get('total_steps')!s:.40} steps",
        )
    padded = {name: [array[:-1] for array in arrays] for name, arrays in found.items()}
    return padded | {"observations": found["observations"]}


def _filled(
    file: Path, kind: str, parts: Mapping[str, Sequence[Leaf]], *, jpeg: bool
) -> dict[str, list[Array]]:
    """All rows of a file, into arrays that are made once."""
    width = sum(
        leaf.dtype.itemsize * int(np.prod(leaf.shape, dtype=object))
        for part in parts.values()
        for leaf in part
    )
    width += sum(dtype.itemsize for dtype in PLAIN.values())
    rows, batches = _rows(file, kind, max(1, BATCH_BYTES // width))
    if not 0 < rows <= ARROW_EPISODE_BYTES // width:
        raise DatasetError(
            f"{file} has {rows} rows of {width} bytes",
            expected=f"at most {ARROW_EPISODE_BYTES} bytes, and a row",
        )
    found = {
        name: [np.empty((rows, *leaf.shape), leaf.dtype) for leaf in part] for name, part in parts.items()
    }
    found |= {name: [np.empty(rows, dtype)] for name, dtype in PLAIN.items()}
    start = 0
    for batch in batches:
        stop = start + batch.num_rows
        for name, part in parts.items():
            for leaf, array in zip(part, found[name], strict=True):
                where = ".".join([f"{file}: {name}", *map(str, leaf.path)])
                array[start:stop] = _leaf_values(_column(batch, name, file), leaf, where, jpeg=jpeg)
        for name, dtype in PLAIN.items():
            found[name][0][start:stop] = _plain_values(_column(batch, name, file), dtype, f"{file}: {name}")
        start = stop
    if start != rows:
        raise DatasetError(f"{file} holds other rows than it says", expected=rows, got=start)
    return found


def _rows(file: Path, kind: str, size: int) -> tuple[int, Iterator[pa.RecordBatch]]:
    """How many rows a file has, and they, in batches."""
    if kind == "arrow":
        batches = record_batches(file)
        return sum(batch.num_rows for batch in batches), iter(batches)
    try:
        check_parquet(file)
    except DatasetError as error:  # nobody here can build a stranger's file again
        raise DatasetError(error.what, expected=error.expected, got=error.got) from error
    parquet = pq.ParquetFile(file)
    names = [name for name in ("observations", "actions", *PLAIN) if name in parquet.schema_arrow.names]
    return parquet.metadata.num_rows, parquet.iter_batches(size, columns=names, use_threads=False)


def _column(batch: pa.RecordBatch, name: str, file: Path) -> pa.Array:
    if batch.schema.get_field_index(name) < 0:
        raise DatasetError(f"{file} has no column {name}, or several")
    return batch.column(name)


def _leaf_values(column: pa.Array, leaf: Leaf, where: str, *, jpeg: bool) -> Array:
    """Values [n, *leaf.shape] of a leaf in a column of nested ones."""
    for key in leaf.path:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(str(key)) < 0:
            raise _other(where, "a part of this name", column.type)
        column = _whole(column, where).field(str(key))
    if jpeg and is_jpeg(leaf):
        if not pa.types.is_binary(column.type):
            raise _other(where, "JPEG files", column.type)
        images = [decoded(value.as_py(), leaf, where) for value in _whole(column, where)]
        return np.stack(images) if images else np.empty((0, *leaf.shape), leaf.dtype)
    number, size = pa.from_numpy_dtype(leaf.dtype), int(np.prod(leaf.shape, dtype=object))
    if not isinstance(leaf.space, gym.spaces.Discrete):
        listed = pa.types.is_fixed_size_list(column.type)
        if not listed or (column.type.value_type, column.type.list_size) != (number, size):
            raise _other(where, f"lists of {size} {number}", column.type)
    elif column.type != number:
        raise _other(where, str(number), column.type)
    plain = column if column.type == number else _whole(column, where).flatten()
    values: Array = _whole(plain, where).to_numpy(zero_copy_only=False)
    return values.reshape(len(column), *leaf.shape)


def _plain_values(column: pa.Array, dtype: np.dtype[Any], where: str) -> Array:
    """A reward or flag for each row."""
    kind = column.type
    if not (
        pa.types.is_boolean(kind)
        if dtype.kind == "b"
        else pa.types.is_floating(kind) or pa.types.is_integer(kind)
    ):
        raise _other(where, "booleans" if dtype.kind == "b" else "numbers", kind)
    values: Array = _whole(column, where).to_numpy(zero_copy_only=False)
    return values


def _whole(column: pa.Array, where: str) -> pa.Array:
    """A column whose bounds have been checked, and in which nothing is missing."""
    column.validate(full=True)
    if column.null_count:
        raise DatasetError(f"{where} lacks values", expected="one in each row")
    return column


def _other(where: str, expected: str, got: pa.DataType) -> DatasetError:
    return DatasetError(f"{where} does not fit its space", expected=expected, got=str(got)[:100])
