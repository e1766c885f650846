"""What a folder of LeRobot's says of itself, v2.0 to v3.0: bounded and checked before it is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.shards import check_parquet
from builder.errors import DatasetError
from builder.storage.limits import EPISODES, MANIFEST_BYTES, SPACE_NUMBERS, STEPS, TEXT_BYTES
from builder.storage.plain_json import parse_json, read_bounded, read_json
from builder.storage.tree import files_in, inside

DTYPES = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
PLACE = re.compile(r"\{(\w+)(?::0(\d)d)?\}")
"""What stands for a number in the template of a path; nothing else of Python's format is known."""
CHUNK_KEYS = ("data/chunk_index", "data/file_index")


@dataclass(frozen=True)
class Declared:
    """A feature as `info.json` has it.

    Attributes:
        dtype: a number's, or "image", "video", "string" ...
        shape: of one value.
        names: of its axes or numbers; empty: none are named.
    """

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """An episode as `meta/episodes` has it.

    Attributes:
        index: its number.
        length: its steps.
        file: that its steps are in, within the folder.
        own: of our own columns what there is.
    """

    index: int
    length: int
    file: str
    own: Mapping[str, Any]


@dataclass(frozen=True)
class Metadata:
    """What `meta/` holds.

    Attributes:
        folder: the dataset's.
        version: of the layout: 2 or 3.
        features: by their names.
        fps: frames a second; None: not said.
        splits: the first episode of each, and one past its last.
        files: of `meta/`, as they were read.
    """

    folder: Path
    version: int
    features: Mapping[str, Declared]
    fps: int | float | None
    splits: Mapping[str, range]
    data_path: str
    chunks_size: int
    files: tuple[Path, ...]

    def split_of(self, index: int) -> str:
        """Which split an episode is of: test, if any other than train has it."""
        for name, numbers in self.splits.items():
            if index in numbers:
                return "train" if name == "train" else "test"
        return "train"


def read_metadata(folder: Path) -> Metadata:
    """Read `meta/info.json`.

    Raises:
        DatasetError: the folder is none of LeRobot's, or of a version that is not read, or it is damaged.
    """
    path = folder / "meta" / "info.json"
    if not path.is_file():
        raise DatasetError(f"{folder} is no dataset of LeRobot's", expected="meta/info.json in it")
    try:
        info = read_json(inside(folder, "meta/info.json"), MANIFEST_BYTES)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error
    version = (
        re.fullmatch(r"v([23])\.\d{1,3}", str(info.get("codebase_version")))
        if isinstance(info, dict)
        else None
    )
    if not version:
        got = str(info.get("codebase_version"))[:40] if isinstance(info, dict) else type(info).__name__
        raise DatasetError(f"{path}: the version of the dataset", expected="v2.0, v2.1 or v3.0", got=got)
    try:
        return Metadata(
            folder=folder,
            version=int(version[1]),
            features={str(name): _declared(given) for name, given in info["features"].items()},
            fps=_number(info.get("fps")),
            splits={str(name): _range(given) for name, given in (info.get("splits") or {}).items()},
            data_path=str(info["data_path"]),
            chunks_size=max(1, int(info.get("chunks_size") or 1000)),
            files=(path,),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(f"{path} is damaged: {type(error).__name__} {str(error)[:200]}") from error


def _declared(given: Mapping[str, Any]) -> Declared:
    shape = tuple(given["shape"])
    if any(type(size) is not int or not 0 < size <= SPACE_NUMBERS for size in shape) or len(shape) > 32:
        raise ValueError(f"the shape {str(shape)[:60]}")
    numbers = 1
    for size in shape:
        numbers *= size
        if numbers > SPACE_NUMBERS:
            raise ValueError(f"the shape {str(shape)[:60]}")
    names = given.get("names")
    axes = tuple(str(name) for name in names) if isinstance(names, list) else ()
    return Declared(str(given["dtype"]), shape, axes)


def _number(given: Any) -> int | float | None:
    return given if isinstance(given, (int, float)) and not isinstance(given, bool) else None


def _range(given: Any) -> range:
    first, stop = (
        int(part or default) for part, default in zip(str(given).split(":"), (0, EPISODES), strict=True)
    )
    return range(first, min(stop, EPISODES))


def read_lines(metadata: Metadata, own: Sequence[str]) -> list[Line]:
    """The episodes, in the order of their numbers.

    Args:
        metadata: of the folder.
        own: the prefixes of our own columns.

    Raises:
        DatasetError: they are missing or damaged, or a number is out of range.
    """
    rows = _of_jsonl(metadata) if metadata.version == 2 else _of_parquet(metadata, own)
    lines = []
    try:
        for row in rows:
            index = _within(row["episode_index"], range(EPISODES))
            length = _within(row["length"], range(1, STEPS + 1))
            file = _filled(metadata.data_path, _numbers(metadata, row, index))
            found = {name: value for name, value in row.items() if name.startswith(tuple(own))}
            lines.append(Line(index, length, file, found))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"{metadata.folder}: its list of episodes is damaged: {str(error)[:200]}"
        ) from error
    if not lines:
        raise DatasetError(f"{metadata.folder} has no episodes")
    if len({line.index for line in lines}) < len(lines):
        raise DatasetError(f"{metadata.folder} names an episode twice")
    return sorted(lines, key=lambda line: line.index)


def _within(given: Any, most: range) -> int:
    if type(given) is not int or given not in most:
        raise ValueError(f"{str(given)[:40]} is no number of an episode or of its steps")
    return given


def _numbers(metadata: Metadata, row: Mapping[str, Any], index: int) -> dict[str, int]:
    if metadata.version == 2:
        return {"episode_chunk": index // metadata.chunks_size, "episode_index": index}
    return {
        "chunk_index": _within(row[CHUNK_KEYS[0]], range(EPISODES)),
        "file_index": _within(row[CHUNK_KEYS[1]], range(EPISODES)),
    }


def _filled(template: str, numbers: Mapping[str, int]) -> str:
    """A path of its template; Python's own format would read the attributes of what it is given."""
    return PLACE.sub(lambda found: f"{numbers[found[1]]:0{found[2] or 1}d}", template)


def _of_jsonl(metadata: Metadata) -> list[dict[str, Any]]:
    path = inside(metadata.folder, "meta/episodes.jsonl")
    try:
        rows = [parse_json(line) for line in read_bounded(path, MANIFEST_BYTES).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error
    return rows


def _of_parquet(metadata: Metadata, own: Sequence[str]) -> list[dict[str, Any]]:
    folder = metadata.folder / "meta" / "episodes"
    if not folder.is_dir():
        raise DatasetError(f"{metadata.folder} has no meta/episodes")
    rows: list[dict[str, Any]] = []
    for path in sorted(files_in(folder)):
        if path.suffix != ".parquet":
            continue
        file = open_parquet(metadata.folder, path.relative_to(metadata.folder).as_posix())
        wanted = ("episode_index", "length", *CHUNK_KEYS)
        columns = [name for name in file.schema_arrow.names if name in wanted or name.startswith(tuple(own))]
        try:
            rows += file.read(columns=columns).to_pylist()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error
    return rows


def open_parquet(folder: Path, name: str) -> pq.ParquetFile:
    """A Parquet file inside a folder, its size asked first.

    Raises:
        DatasetError: it is missing, leads elsewhere, is too large, or none.
    """
    path = inside(folder, name)
    check_parquet(path)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error


def read_tasks(metadata: Metadata) -> tuple[list[str], tuple[Path, ...]]:
    """The texts of the tasks, and the file that holds them; none where there is no such file.

    Raises:
        DatasetError: it is damaged.
    """
    name = "meta/tasks.jsonl" if metadata.version == 2 else "meta/tasks.parquet"
    path = metadata.folder / name
    if not path.is_file():
        return [], ()
    try:
        if metadata.version == 2:
            lines = read_bounded(inside(metadata.folder, name), TEXT_BYTES).splitlines()
            return [str(parse_json(line)["task"]) for line in lines if line.strip()], (path,)
        table = open_parquet(metadata.folder, name).read()
        columns = [column for column in table.column_names if column != "task_index"]
        return [str(text) for text in table[columns[0]].to_pylist()] if columns else [], (path,)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is damaged: {str(error)[:200]}") from error
