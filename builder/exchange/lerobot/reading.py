"""A dataset of LeRobot's, v2.0 to v3.0, read: what it says, and nothing that it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pyarrow as pa

from builder.dataset import images
from builder.dataset.schema import from_arrow
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.exchange.contract import Incoming, Options, Trajectory
from builder.exchange.lerobot.features import DONE, REWARD, TERMINATED, TRUNCATED, features_of
from builder.exchange.lerobot.metadata import (
    DTYPES,
    Declared,
    Line,
    Metadata,
    open_parquet,
    read_lines,
    read_metadata,
    read_tasks,
)
from builder.exchange.lerobot.writing import FINAL
from builder.exchange.note import carried, note_path

OWN = ("seed", "policy", f"{FINAL}/")
"""Columns of `meta/episodes` that our export adds."""
OBSERVATION, ACTIONS = "observation.", ("action", "actions")
REWARDS = (REWARD, "reward")
PICTURE_ROWS, ROWS = 64, 8192
"""Steps that are read at a time."""
SHOWN_TASKS = 3


@dataclass(frozen=True)
class Column:
    """A column that is read.

    Attributes:
        name: of the column.
        leaf: of the space that it becomes.
        scalar: the file has numbers where the leaf has one axis of length one, or none.
    """

    name: str
    leaf: Leaf
    scalar: bool


def read(path: Path, options: Options) -> Incoming:
    """Open a folder of LeRobot's, ours or another's.

    Raises:
        ConfigError: it has videos, which are not decoded.
        DatasetError: it is none, of another version, or damaged.
    """
    metadata = read_metadata(path)
    known = carried(note_path(path, folder=True))
    left = _left_out(metadata, leave_videos=options["leave_out_videos"])
    if known:
        spaces = known.spaces
        observed, acted = features_of(spaces)
        names = tuple(tuple(feature.name for feature in side) for side in (observed, acted))
    else:
        spaces, names = _declared_spaces(metadata, left)
    columns = tuple(_columns(metadata, *pair) for pair in zip(names, spaces, strict=True))
    lines = read_lines(metadata, OWN)
    unsaid, ended = _unsaid(metadata, lines, names[0])
    tasks, task_files = read_tasks(metadata)
    policies = {str(line.own.get("policy") or "") for line in lines}
    return Incoming(
        spaces=spaces,
        trajectories=lambda: _trajectories(metadata, lines, columns, unsaid),
        files=_files(metadata, lines, task_files),
        unsaid=unsaid,
        ended=ended,
        environment=known.environment if known else None,
        policy=known.policy if known else min(policies) if len(policies) == 1 else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
        about="; ".join(tasks[:SHOWN_TASKS])[:200],
        notes=tuple(_notes(metadata, left, tasks)),
    )


def _left_out(metadata: Metadata, *, leave_videos: bool) -> tuple[str, ...]:
    """The observations that are not numbers or images.

    Raises:
        ConfigError: one is a video, and nobody said that it may be left out.
    """
    observations = {name: one for name, one in metadata.features.items() if name.startswith(OBSERVATION)}
    videos = [name for name, one in observations.items() if one.dtype == "video"]
    if videos and not leave_videos:
        raise ConfigError(
            f"{videos[0]} is a video, which is not decoded here",
            expected="images in the Parquet files",
            remedy="from.leave_out_videos=true reads the rest",
        )
    texts = [
        name
        for name, one in observations.items()
        if one.dtype not in {"image", "video"} and not DTYPES.fullmatch(one.dtype)
    ]
    return (*videos, *texts)


def _declared_spaces(
    metadata: Metadata, left: tuple[str, ...]
) -> tuple[Spaces, tuple[tuple[str, ...], tuple[str, ...]]]:
    """What a file of another's declares: shapes and dtypes, and no bounds.

    Returns:
        The spaces, and the features behind their leaves.

    Raises:
        DatasetError: it has no observations or no actions.
    """
    observed = tuple(name for name in metadata.features if name.startswith(OBSERVATION) and name not in left)
    acted = tuple(name for name in ACTIONS if name in metadata.features)[:1]
    acted = acted or tuple(name for name in metadata.features if name.startswith("action."))
    for found, what in ((observed, "observation.…"), (acted, "action")):
        if not found:
            raise DatasetError(
                f"{metadata.folder} has no feature that is read as {what}",
                got=", ".join(metadata.features)[:200],
            )
    spaces = [
        _space(metadata, names, prefix) for names, prefix in ((observed, OBSERVATION), (acted, "action."))
    ]
    # A Dict space has an order of its own, which the leaves follow.
    ordered = [
        tuple(f"{prefix}{leaf.name}" for leaf in leaves(space)) if len(names) > 1 else names
        for space, names, prefix in zip(spaces, (observed, acted), (OBSERVATION, "action."), strict=True)
    ]
    return Spaces(*spaces), (ordered[0], ordered[1])


def _space(metadata: Metadata, names: tuple[str, ...], prefix: str) -> gym.Space[Any]:
    boxes = {name.removeprefix(prefix): _box(name, metadata.features[name]) for name in names}
    return gym.spaces.Dict(boxes) if len(boxes) > 1 else next(iter(boxes.values()))


def _box(name: str, one: Declared) -> gym.Space[Any]:
    if one.dtype == "image":
        shape = one.shape
        if len(shape) == 3 and (one.names[:1] in {("channels",), ("channel",)}):
            shape = (*shape[1:], shape[0])
        if len(shape) != 3 or shape[2] not in (1, 3):
            raise DatasetError(f"{name} is no picture", expected="height, width, 1 or 3 channels", got=shape)
        return gym.spaces.Box(0, 255, shape if shape[2] == 3 else shape[:2], np.uint8)
    if not DTYPES.fullmatch(one.dtype):
        raise DatasetError(f"the dtype of {name}", expected="numbers", got=one.dtype[:40])
    return unbounded(one.shape, np.dtype(one.dtype))


def _columns(metadata: Metadata, names: tuple[str, ...], space: gym.Space[Any]) -> tuple[Column, ...]:
    """The column behind each leaf.

    Raises:
        DatasetError: there is none, or it is declared as something else.
    """
    found = []
    for name, leaf in zip(names, leaves(space), strict=True):
        one = metadata.features.get(name)
        if one is None:
            raise DatasetError(f"{metadata.folder} has no feature {name}")
        if one.dtype != "image" and (one.dtype != str(leaf.dtype) or one.shape != (leaf.shape or (1,))):
            raise DatasetError(
                f"{metadata.folder}: {name}",
                expected=f"{leaf.dtype} {leaf.shape}",
                got=f"{one.dtype[:20]} {one.shape}",
            )
        found.append(Column(name, leaf, scalar=one.dtype != "image" and one.shape == (1,)))
    return tuple(found)


def _unsaid(metadata: Metadata, lines: list[Line], observed: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    """What is not said, and whether it is only said that an episode ended."""
    features = metadata.features
    of_lines = [*lines[0].own]
    says = {
        "reward": any(name in features for name in REWARDS),
        "truncated": TRUNCATED in features,
        "terminated": TERMINATED in features or (DONE in features and TRUNCATED in features),
        "final_observation": all(f"{FINAL}/{name}" in of_lines for name in observed),
        "seed": "seed" in of_lines,
    }
    unsaid = frozenset(name for name, said in says.items() if not said)
    return unsaid, DONE in features and "terminated" in unsaid


def _files(metadata: Metadata, lines: list[Line], others: tuple[Path, ...]) -> tuple[Path, ...]:
    data = {line.file: None for line in lines}
    episodes = sorted((metadata.folder / "meta").glob("episodes*"))
    tables = [
        path for place in episodes for path in ([place] if place.is_file() else place.rglob("*.parquet"))
    ]
    return (*metadata.files, *others, *sorted(tables), *(metadata.folder / name for name in data))


def _notes(metadata: Metadata, left: tuple[str, ...], tasks: list[str]) -> Iterator[str]:
    if metadata.fps is not None:
        yield f"{metadata.fps:g} frames a second"
    for name in left:
        yield f"{name} ({metadata.features[name].dtype}) is left out"
    if len(tasks) > 1:
        yield f"which of its {len(tasks)} tasks an episode shows is left out"


def _trajectories(
    metadata: Metadata,
    lines: list[Line],
    columns: tuple[tuple[Column, ...], ...],
    unsaid: frozenset[str],
) -> Iterator[Trajectory]:
    """The episodes, file by file; a file is read in pieces.

    Raises:
        DatasetError: a file is missing or damaged, or does not hold what `meta/` says.
    """
    flags = [name for name in (*REWARDS, DONE, TERMINATED, TRUNCATED) if name in metadata.features]
    names = [column.name for side in columns for column in side]
    pictures = any(column.leaf.dtype == np.uint8 for side in columns for column in side)
    rows: _Rows | None = None
    for line in lines:
        if rows is None or rows.file != line.file:
            rows = _Rows(
                metadata, line.file, ["episode_index", *flags, *names], PICTURE_ROWS if pictures else ROWS
            )
        table = rows.take(line.length)
        if not (table["episode_index"].to_numpy() == line.index).all():
            raise DatasetError(
                f"{metadata.folder}/{line.file} does not hold episode {line.index} where it should"
            )
        yield _trajectory(table, line, columns, unsaid, metadata.split_of(line.index))


class _Rows:
    """The rows of a file from the first to the last, as many at a time as are asked for."""

    def __init__(self, metadata: Metadata, file: str, names: list[str], size: int) -> None:
        self.file, self._folder = file, metadata.folder
        opened = open_parquet(metadata.folder, file)
        if missing := {*names} - {*opened.schema_arrow.names}:
            raise DatasetError(f"{metadata.folder}/{file} has no column {min(missing)}")
        self._batches = opened.iter_batches(size, columns=names)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def take(self, count: int) -> pa.Table:
        """The next so many rows.

        Raises:
            DatasetError: there are fewer.
        """
        while self._rows < count:
            try:
                batch = next(self._batches)
            except StopIteration:
                raise DatasetError(f"{self._folder}/{self.file} has fewer rows than episodes need") from None
            except (pa.ArrowException, OSError) as error:
                raise DatasetError(f"{self._folder}/{self.file} is damaged: {str(error)[:200]}") from error
            self._waiting.append(batch)
            self._rows += len(batch)
        table = pa.Table.from_batches(self._waiting)
        self._waiting = table.slice(count).combine_chunks().to_batches()
        self._rows -= count
        return table.slice(0, count)


def _trajectory(
    table: pa.Table,
    line: Line,
    columns: tuple[tuple[Column, ...], ...],
    unsaid: frozenset[str],
    split: str,
) -> Trajectory:
    observations, actions = (tuple(_values(table[one.name], one) for one in side) for side in columns)
    last = {name: _last(table, name) for name in (DONE, TERMINATED, TRUNCATED) if name in table.column_names}
    terminated: bool | None = None
    if "terminated" not in unsaid:
        # Who says that it ended, and that no limit cut it off, says that the environment ended it.
        terminated = last.get(TERMINATED, last.get(DONE, False) and not last.get(TRUNCATED, False))
    seed = line.own.get("seed")
    return Trajectory(
        observations=observations,
        actions=actions,
        final=None if "final_observation" in unsaid else tuple(_final(line, one) for one in columns[0]),
        rewards=None if "reward" in unsaid else _rewards(table),
        terminated=terminated,
        truncated=None if "truncated" in unsaid else last[TRUNCATED],
        ended=last[DONE] if "terminated" in unsaid and DONE in last else None,
        seed=None if seed is None else int(seed),
        index=line.index,
        policy=str(line.own.get("policy") or ""),
        split=split,
    )


def _values(values: pa.ChunkedArray, column: Column) -> Array:
    """A column as an array [T, ...] of its leaf.

    Raises:
        DatasetError: it holds something else.
    """
    leaf = column.leaf
    if not column.scalar:
        flat = Leaf((), leaf.space, leaf.shape, leaf.dtype)
        return from_arrow(flat.space, _plain(values))[0]
    plain = _plain(values)
    if isinstance(plain.type, pa.FixedSizeListType) or pa.types.is_list(plain.type):
        plain = plain.combine_chunks().flatten()  # v2 has them as lists of one
    if plain.null_count or plain.type != pa.from_numpy_dtype(leaf.dtype) or len(plain) != len(values):
        raise DatasetError(f"the column {column.name}", expected=str(leaf.dtype), got=str(values.type))
    found: Array = np.array(plain.to_numpy(), leaf.dtype).reshape(-1, *leaf.shape)
    return found


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without the types that `datasets` adds, which are only names of others."""
    if isinstance(values.type, pa.ExtensionType):
        return pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    return values


def _last(table: pa.Table, name: str) -> bool:
    value = table[name][-1].as_py()
    return bool(value[0] if isinstance(value, list) and value else value)


def _rewards(table: pa.Table) -> Array:
    name = next(name for name in REWARDS if name in table.column_names)
    values: Array = table[name].to_numpy()
    if values.dtype == object:
        values = np.concatenate([np.asarray(value) for value in values])
    if values.dtype.kind not in "biuf" or len(values) != len(table):
        raise DatasetError(f"the column {name}", expected="a number for each step", got=str(table[name].type))
    return values.astype(np.float64)


def _final(line: Line, column: Column) -> Array:
    """What the last action led to.

    Raises:
        DatasetError: it is not what the leaf holds.
    """
    value, leaf = line.own[f"{FINAL}/{column.name}"], column.leaf
    try:
        if isinstance(value, bytes):
            struct = pa.array([{"bytes": value, "path": None}], images.STORAGE)
            return np.asarray(images.decode(struct, leaf.shape)[0])
        return np.array(value, leaf.dtype).reshape(leaf.shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"the final observation of episode {line.index}: {str(error)[:200]}") from error
