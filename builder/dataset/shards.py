"""The Parquet files of a dataset: those that its manifest lists, inside its folder, and no others.

Nothing else decides what is opened: no card, no pattern over what lies there, and no link to elsewhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.columns import FOLDERS
from builder.dataset.pages import PageError, check_footer, group_size
from builder.errors import DatasetError
from builder.manifest.manifest import Manifest
from builder.storage.digest import file_sha256
from builder.storage.limits import PARQUET_FOOTER_BYTES, PARQUET_GROUP_BYTES, PARQUET_GROUP_ROWS
from builder.storage.stand_ins import original
from builder.storage.tree import inside

MAGIC = b"PAR1"
REMEDY = "build or pull it again"
KNOWN = 4096
"""Files that need not be looked at again while their stamps are the same."""

Stamp = tuple[int, ...]


def shards(folder: Path, manifest: Manifest, table: str, split: str, *, hashed: bool = False) -> list[Path]:
    """The files of a table's split, in order.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        table: transitions or episodes.
        split: one of the manifest's.
        hashed: compare their sha256 with the manifest's, as nothing else has.

    Raises:
        DatasetError: there are none; or one is missing, leads out of the folder, is no Parquet file, is
            larger than any build makes it, or has another content than the manifest says.
    """
    pattern = re.compile(rf"{FOLDERS[table]}/{re.escape(split)}-\d{{5}}-of-\d{{5}}\.parquet")
    names = sorted(name for name in manifest.files if pattern.fullmatch(name))
    if not names:
        raise DatasetError(f"the manifest of {folder} lists no {table} of the split {split!r}", remedy=REMEDY)
    found = [inside(folder, name) for name in names]
    for name, path in zip(names, found, strict=True):
        if original(path):  # its own workers have just written it
            continue
        stamp = _stamp(path)
        _check_size(path, stamp)
        if hashed and (got := _sha256(path, stamp)) != manifest.files[name].sha256:
            raise DatasetError(
                f"{path} is not what the manifest says",
                expected=f"sha256 {manifest.files[name].sha256}",
                got=got,
                remedy=REMEDY,
            )
    return found


def check_parquet(path: Path) -> None:
    """Refuse a Parquet file of parts larger than any build makes, before one is read.

    Raises:
        DatasetError: it is, or the file is none.
    """
    _check_size(path, _stamp(path))


def _stamp(path: Path) -> Stamp:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


@lru_cache(KNOWN)
def _sha256(path: Path, stamp: Stamp) -> str:  # noqa: ARG001  (what is known is known of a stamp)
    return file_sha256(path)


@lru_cache(KNOWN)
def _check_size(path: Path, stamp: Stamp) -> None:
    """Refuse what a reader would take into memory at once and no build makes, before it is read."""
    with path.open("rb") as file:
        file.seek(max(0, stamp[0] - 8))
        tail = file.read(8)
    if len(tail) < 8 or not tail.endswith(MAGIC):
        raise DatasetError(f"{path} cannot be read: it is no Parquet file, or cut short", remedy=REMEDY)
    if (length := int.from_bytes(tail[:4], "little")) > PARQUET_FOOTER_BYTES:
        raise _too_large(path, f"a footer of {length} bytes", f"{PARQUET_FOOTER_BYTES}")
    try:
        metadata = pq.read_metadata(path)
        _names(metadata)
        check_footer(path, metadata)
    except (PageError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}", remedy=REMEDY) from error
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        if group.num_rows > PARQUET_GROUP_ROWS:
            raise _too_large(path, f"a part of {group.num_rows} rows", f"{PARQUET_GROUP_ROWS}")
        if (size := _size(path, metadata, index)) > PARQUET_GROUP_BYTES:
            raise _too_large(path, f"a part of {size} bytes", f"{PARQUET_GROUP_BYTES}")


def _size(path: Path, metadata: pq.FileMetaData, group: int) -> int:
    """What a row group takes in memory: nothing is unpacked where the footer alone says too much."""
    row_group = metadata.row_group(group)
    chunks = [row_group.column(column) for column in range(metadata.num_columns)]
    stated: int = sum(max(chunk.total_uncompressed_size, chunk.num_values) for chunk in chunks)
    if stated > PARQUET_GROUP_BYTES:
        return stated
    try:
        return group_size(path, metadata, group)
    except (PageError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}", remedy=REMEDY) from error


def _names(metadata: pq.FileMetaData) -> list[str]:
    """The names of all columns, at any depth; one may be no text."""
    leaves = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    fields = list(metadata.schema.to_arrow_schema())
    names: list[str] = []
    while fields:
        field = fields.pop()
        names.append(field.name)
        if pa.types.is_struct(field.type):
            fields.extend(field.type)
    return [*leaves, *names]


def _too_large(path: Path, what: str, most: str) -> DatasetError:
    return DatasetError(f"{path} has {what}", expected=f"at most {most}", remedy=REMEDY)
