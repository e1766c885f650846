"""The files of a folder of TensorFlow Datasets, and the records in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import DatasetError
from builder.storage.limits import EPISODES, FILES, MANIFEST_BYTES, RLDS_RECORD_BYTES
from builder.storage.plain_json import read_json

INFO, FEATURES = "dataset_info.json", "features.json"
USUAL = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
TFRECORD = "tfrecord"
KINDS = ("array_record", TFRECORD)
LENGTH = struct.Struct("<Q")
AROUND = 4
"""Bytes of a checksum, after the length of a record in a TFRecord file, and after the record."""


@dataclass(frozen=True)
class Shard:
    """One file of records.

    Attributes:
        path: where it lies.
        split: its split, by the folder's own name.
        records: how many there are in it.
    """

    path: Path
    split: str
    records: int


def described(path: Path) -> Any:
    """The content of a JSON file of the folder.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        found = read_json(_plain(path), MANIFEST_BYTES)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise DatasetError(f"{path} is damaged", expected="a JSON object")
    return found


def _plain(path: Path) -> Path:
    """A file of the folder itself.

    Raises:
        DatasetError: it is a link, or there is none.
    """
    if path.is_symlink() or not path.is_file():
        raise DatasetError(f"{path} is no file, or a link", expected="the files that the folder says it has")
    return path


def shards(folder: Path, info: Mapping[str, Any]) -> list[Shard]:
    """The files of a folder in the order of its splits: those of test and validation last.

    Raises:
        DatasetError: a split is described as none can be, or a file is not there.
    """
    kind = info.get("fileFormat") or TFRECORD
    if kind not in KINDS:
        raise DatasetError(f"{folder} keeps its records as {str(kind)[:40]}", expected=" or ".join(KINDS))
    splits = info.get("splits")
    if not isinstance(splits, list) or not splits or not all(isinstance(split, dict) for split in splits):
        raise DatasetError(f"{folder / INFO} says no splits")
    found: list[Shard] = []
    for split in splits:
        lengths = _lengths(split, folder)
        if len(found) + len(lengths) > FILES:
            raise DatasetError(f"{folder / INFO} has too many files", expected=f"at most {FILES}")
        for number, records in enumerate(lengths):
            name = _file_name(split, number, len(lengths), info.get("name"), kind)
            if Path(name).name != name:
                raise DatasetError(f"{folder / INFO} names a file elsewhere", got=name[:80])
            found.append(Shard(_plain(folder / name), str(split.get("name")), records))
    return sorted(found, key=lambda shard: is_test(shard.split))


def is_test(split: str) -> bool:
    """Whether the episodes of a split were kept apart."""
    return split in {"test", "validation"}


def _lengths(split: Mapping[str, Any], folder: Path) -> list[int]:
    words = split.get("shardLengths", [])
    if not isinstance(words, list) or not all(
        isinstance(word, (str, int)) and str(word).isdecimal() and len(str(word)) < 12 for word in words
    ):
        raise DatasetError(f"{folder / INFO} is damaged", expected="shardLengths as whole numbers")
    found = [int(word) for word in words]
    if sum(found) > EPISODES:
        raise DatasetError(f"{folder / INFO} has too many episodes", expected=f"at most {EPISODES:,}")
    return found


def _file_name(split: Mapping[str, Any], number: int, count: int, dataset: Any, kind: str) -> str:
    name = str(split.get("filepathTemplate") or USUAL)
    values = {
        "DATASET": dataset,
        "SPLIT": split.get("name"),
        "FILEFORMAT": kind,
        "SHARD_INDEX": f"{number:05d}",
        "NUM_SHARDS": f"{count:05d}",
        "SHARD_X_OF_Y": f"{number:05d}-of-{count:05d}",
    }
    for word, value in values.items():
        name = name.replace(f"{{{word}}}", str(value))
    return name


def records(shard: Shard) -> Iterator[bytes]:
    """The records of a file, one after the other.

    Raises:
        DatasetError: it is damaged, or holds another number of them than the folder says.
    """
    is_tfrecord = f".{TFRECORD}" in shard.path.name
    count = 0
    for content in _of_tfrecord(shard.path) if is_tfrecord else _of_array_record(shard):
        if len(content) > RLDS_RECORD_BYTES:
            raise DatasetError(f"{shard.path} has a record that is too large")
        count += 1
        yield content
    if count != shard.records:
        raise DatasetError(f"{shard.path}", expected=f"{shard.records} episodes", got=count)


def _of_array_record(shard: Shard) -> Iterator[bytes]:
    from array_record.python.array_record_module import ArrayRecordReader

    try:
        reader = ArrayRecordReader(str(shard.path), "readahead_buffer_size:0,max_parallelism:1")
        try:
            if reader.num_records() != shard.records:
                raise DatasetError(
                    f"{shard.path}", expected=f"{shard.records} episodes", got=reader.num_records()
                )
            for number in range(shard.records):
                yield reader.read([number])[0]
        finally:
            reader.close()
    except (RuntimeError, ValueError, IndexError) as error:
        raise DatasetError(f"{shard.path} is damaged: {str(error)[:200]}") from error


def _of_tfrecord(path: Path) -> Iterator[bytes]:
    """Each record has its length before it, and checksums after both, which are not looked at.

    Raises:
        DatasetError: the file ends within a record, or one would be too large.
    """
    with path.open("rb") as file:
        while head := file.read(LENGTH.size + AROUND):
            if len(head) < LENGTH.size + AROUND:
                raise DatasetError(f"{path} ends within a record")
            (length,) = LENGTH.unpack_from(head)
            if length > RLDS_RECORD_BYTES:
                raise DatasetError(f"{path} has a record that is too large", got=f"{length} bytes")
            content = file.read(length)
            if len(content) < length or len(file.read(AROUND)) < AROUND:
                raise DatasetError(f"{path} ends within a record")
            yield content
