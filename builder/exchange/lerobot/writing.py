"""A dataset of LeRobot's, version v3.0, written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.writer import SETTINGS
from builder.episodes.spaces import Array
from builder.errors import ConfigError
from builder.exchange.contract import Loss, Options, Source, Trajectory
from builder.exchange.lerobot.features import (
    DONE,
    REWARD,
    SCALARS,
    TERMINATED,
    TRUNCATED,
    Feature,
    features_of,
    schema_of,
)
from builder.exchange.lerobot.files import CHUNK_FILES, Files
from builder.exchange.lerobot.statistics import ImageStatistics, Statistics
from builder.versions import DATA_FORMAT

VERSION = "v3.0"
FINAL = "final_observation"
"""Beside LeRobot's own columns of `meta/episodes`: what the last action led to, a column for each feature."""
VIDEO_MB = 200
UNSAID_BY = {"reward": {REWARD}, "terminated": {TERMINATED, DONE}, "truncated": {TRUNCATED, DONE}}
"""The features that there are not where a source does not say something."""


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What LeRobot's readers do not give."""
    if "final_observation" not in source.unsaid:
        yield Loss("final observation", f"LeRobot has none; it stands in meta/episodes as {FINAL}/...")
    yield Loss(
        "dtypes", "the files keep them; LeRobotDataset gives float32, int64 and bool, pictures as 0 to 1"
    )
    yield Loss("time", "the environment has no clock: timestamps are frame_index / fps")


def write(source: Source, path: Path, options: Options) -> None:
    """Write the folder.

    Raises:
        ConfigError: a part of the spaces that LeRobot cannot hold, or an option out of range.
        StorageError: the disk is full or not writable.
    """
    for key in ("fps", "file_mb"):
        if options[key] < 1:
            raise ConfigError(f"the option {key} of lerobot", expected="at least 1", got=options[key])
    observed, acted = features_of(source.spaces)
    absent = {name for column in source.unsaid for name in UNSAID_BY.get(column, ())}
    scalars = [feature for feature in SCALARS if feature.name not in absent]
    features = [*observed, *acted, *scalars]
    statistics = {feature.name: _statistics(feature) for feature in features}
    task = options["task"] or _task(source)
    limit = options["file_mb"] << 20
    schema = schema_of(features)
    finals = () if "final_observation" in source.unsaid else observed
    counts: dict[str, int] = {}
    total = 0
    with (
        Files(path / "data", schema, limit) as data,
        Files(path / "meta" / "episodes", _episode_schema(source, finals), limit) as episodes,
    ):
        for number, trajectory in enumerate(source.trajectories()):
            values = _values(trajectory, number, total, options["fps"])
            arrays = (*trajectory.observations, *trajectory.actions)
            values |= {one.name: array for one, array in zip((*observed, *acted), arrays, strict=True)}
            for feature in features:
                statistics[feature.name].add(values[feature.name])
            place = data.add(_table(features, values, schema))
            line = _episode(trajectory, number, total, task)
            line |= dict(zip(("data/chunk_index", "data/file_index"), place, strict=True))
            episodes.add_line(line | _finals(trajectory, finals))
            total += len(trajectory)
            counts[trajectory.split] = counts.get(trajectory.split, 0) + 1
    _write_tasks(path, task)
    gathered = {name: one.found() for name, one in statistics.items()}
    _write_json(path / "meta" / "stats.json", {name: one for name, one in gathered.items() if one})
    _write_json(path / "meta" / "info.json", _info(source, features, counts, total, options))


def _statistics(feature: Feature) -> Statistics | ImageStatistics:
    return (ImageStatistics if feature.dtype == "image" else Statistics)(feature.shape)


def _task(source: Source) -> str:
    return str((source.environment or {}).get("id") or source.name)


def _values(trajectory: Trajectory, number: int, before: int, fps: int) -> dict[str, Array]:
    """What each step has beside observation and action, by the names of features."""
    steps = np.arange(len(trajectory), dtype=np.int64)
    terminations, truncations = trajectory.flags()
    return {
        REWARD: np.asarray(trajectory.rewards, np.float64),
        DONE: terminations | truncations,
        TERMINATED: terminations,
        TRUNCATED: truncations,
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full_like(steps, number),
        "index": before + steps,
        "task_index": np.zeros_like(steps),
    }


def _table(features: Sequence[Feature], values: Mapping[str, Array], schema: pa.Schema) -> pa.Table:
    return pa.table([feature.column(values[feature.name]) for feature in features], schema=schema)


def _episode_schema(source: Source, finals: Sequence[Feature]) -> pa.Schema:
    whole = pa.int64()
    fields = [
        ("episode_index", whole),
        ("tasks", pa.list_(pa.string())),
        ("length", whole),
        ("dataset_from_index", whole),
        ("dataset_to_index", whole),
        ("policy", pa.string()),
        *([] if "seed" in source.unsaid else [("seed", pa.uint64())]),
        ("data/chunk_index", whole),
        ("data/file_index", whole),
        ("meta/episodes/chunk_index", whole),
        ("meta/episodes/file_index", whole),
    ]
    own = [(f"{FINAL}/{feature.name}", _final_type(feature)) for feature in finals]
    return pa.schema([*fields, *own])


def _final_type(feature: Feature) -> pa.DataType:
    """Plain bytes and lists: readers take all of an episode's line, and should not decode pictures then."""
    if feature.dtype == "image":
        return pa.binary()
    return pa.list_(pa.from_numpy_dtype(np.dtype(feature.dtype)))


def _episode(trajectory: Trajectory, number: int, before: int, task: str) -> dict[str, Any]:
    return {
        "episode_index": number,
        "tasks": [task],
        "length": len(trajectory),
        "dataset_from_index": before,
        "dataset_to_index": before + len(trajectory),
        "policy": trajectory.policy,
        "seed": trajectory.seed,
    }


def _finals(trajectory: Trajectory, features: Sequence[Feature]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for feature, value in zip(features, trajectory.final or (), strict=True):
        if feature.dtype == "image":
            png = feature.column(value[np.newaxis]).field("bytes")
            found[f"{FINAL}/{feature.name}"] = png[0].as_py()
        else:
            found[f"{FINAL}/{feature.name}"] = np.asarray(value).reshape(-1)
    return found


def _write_tasks(path: Path, task: str) -> None:
    """Texts are the index of a table of pandas, whose own metadata say so."""
    column = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object"}
    columns = [
        {**column, "name": "task_index", "field_name": "task_index", "pandas_type": "int64"},
        {**column, "name": "task", "field_name": "task"},
    ]
    columns[0]["numpy_type"] = "int64"
    metadata = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task], pa.string())})
    table = table.replace_schema_metadata({"pandas": json.dumps(metadata)})
    pq.write_table(table, path / "meta" / "tasks.parquet", **SETTINGS[DATA_FORMAT])


def _info(
    source: Source, features: Sequence[Feature], counts: Mapping[str, int], total: int, options: Options
) -> dict[str, Any]:
    splits, first = {}, 0
    for name, count in counts.items():
        splits[name], first = f"{first}:{first + count}", first + count
    return {
        "codebase_version": VERSION,
        "robot_type": (source.environment or {}).get("id"),
        "total_episodes": first,
        "total_frames": total,
        "total_tasks": 1,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": options["file_mb"],
        "video_files_size_in_mb": VIDEO_MB,
        "fps": options["fps"],
        "splits": splits,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": {feature.name: feature.declared for feature in features},
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=4, allow_nan=False) + "\n")
