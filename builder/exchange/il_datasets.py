"""IL-Datasets: columns obs, actions, rewards and episode_starts, as Parquet for `datasets` or as npz.

Source: imitation_datasets/dataset/dataset.py of IL-Datasets 1.0.0. Its readers leave the last row of every
episode out, so that an episode of T steps is written as T + 1 rows: the last has the final observation, an
action of zeros and the reward 0. Files of others end with a step.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from builder.dataset.shards import check_parquet
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.exchange import npz
from builder.exchange.arrays import fitted, single_leaves
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory, usual_losses
from builder.exchange.nested import from_lists, list_type, to_lists
from builder.exchange.note import NOTE, carried
from builder.storage.limits import TEXT_BYTES
from builder.storage.plain_json import parse_json
from builder.storage.tree import files_in, inside

COLUMNS = ("obs", "actions", "rewards", "episode_starts")
FORMS = ("huggingface", "npz")
GROUP_ROWS = 1 << 14
"""Of a row group, at most an episode more."""
PIECE_ROWS = 1024
"""That are read at a time."""
Rows = Mapping[str, Array]
"""By the names of `COLUMNS`, [n, ...] each."""


def losses(source: Source, options: Options) -> Iterator[Loss]:
    """What IL-Datasets has no place for."""
    yield Loss("terminated", "that an episode ended is there, not how")
    yield Loss("truncated", "likewise")
    if options["form"] == "npz" and len(source.chosen) > 1:
        yield Loss("split", "test lies in a file of its own, test.npz")
    yield from usual_losses(source, "policy", "seed")


def write(source: Source, path: Path, options: Options) -> None:
    """Write the folder: a file for each split.

    Raises:
        ConfigError: there is no such form, or the spaces are none of IL-Datasets'.
    """
    source.needs("reward", "final_observation", format_name="il-datasets")
    form = options["form"]
    if form not in FORMS:
        raise ConfigError("there is no such form", expected=" or ".join(FORMS), got=repr(form)[:80])
    observed, acted = single_leaves(source.spaces, "il-datasets")
    if len(acted.shape) > 1:
        raise ConfigError("il-datasets holds vectors as actions", remedy="choose another format")
    if form == "huggingface" and len(observed.shape) > 1:
        raise ConfigError(
            "il-datasets reads vectors as observations from this form", remedy="to.form=npz holds images"
        )
    path.mkdir()
    for split in source.chosen:
        (_write_npz if form == "npz" else _write_parquet)(source, split, path, (observed, acted))


def _rows(trajectory: Trajectory) -> dict[str, Array]:
    (observations,) = trajectory.all_observations()
    (actions,) = trajectory.actions
    return {
        "obs": observations[:, np.newaxis] if observations.ndim == 1 else observations,
        "actions": np.concatenate([actions, np.zeros_like(actions[:1])]),
        "rewards": np.append(np.asarray(trajectory.rewards), 0.0),
        "episode_starts": (np.arange(len(observations)) == 0).astype(np.float64),
    }


def _write_npz(source: Source, split: str, path: Path, found: tuple[Leaf, Leaf]) -> None:
    observed, acted = found
    kinds = {
        "obs": (observed.shape or (1,), observed.dtype),
        "actions": (acted.shape, acted.dtype),
        "rewards": ((), np.dtype(np.float64)),
        "episode_returns": ((), np.dtype(np.float64)),
        "episode_starts": ((), np.dtype(np.float64)),
    }
    with npz.writing(path / f"{split}.npz", kinds) as columns:
        for trajectory in source.trajectories(split):
            for name, rows in _rows(trajectory).items():
                columns[name].add(rows)
            columns["episode_returns"].add(np.cumsum(np.asarray(trajectory.rewards))[-1:])


def _write_parquet(source: Source, split: str, path: Path, found: tuple[Leaf, Leaf]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    observed, acted = found
    kinds = {
        "obs": list_type(observed.dtype, 1),
        "actions": list_type(acted.dtype, len(acted.shape)),
        "rewards": pa.float64(),
        "episode_starts": pa.float64(),
    }
    schema = pa.schema(kinds.items())
    with pq.ParquetWriter(path / f"{split}.parquet", schema) as file:
        waiting: list[pa.RecordBatch] = []
        for trajectory in source.trajectories(split):
            rows = _rows(trajectory)
            waiting.append(pa.record_batch([to_lists(rows[name]) for name in kinds], schema=schema))
            if sum(batch.num_rows for batch in waiting) >= GROUP_ROWS:
                file.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            file.write_table(pa.Table.from_batches(waiting))


def read(path: Path, _options: Options) -> Incoming:
    """Open files of IL-Datasets': npz, Parquet or JSON lines, one of them or a folder.

    Raises:
        DatasetError: there are none, they are damaged, or have other columns.
    """
    files = _files(path)
    known = carried(path / NOTE) if path.is_dir() else None
    first = next(_pieces(files[0]), None)
    if first is None:
        raise DatasetError(f"{files[0]} holds no steps")
    spaces = known.spaces if known else Spaces(*(_space(first[name]) for name in ("obs", "actions")))
    unsaid = {"terminated", "truncated", "seed"} | (set() if known else {"final_observation"})

    def trajectories() -> Iterator[Trajectory]:
        index = 0
        for file in files:
            for rows in _episodes(file):
                split = "test" if file.stem == "test" else "train"
                yield _trajectory(rows, spaces, (index, split, file), last_is_final=known is not None)
                index += 1

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=files,
        unsaid=frozenset(unsaid),
        ended=True,
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
    )


def _files(path: Path) -> tuple[Path, ...]:
    """Train first.

    Raises:
        DatasetError: there are none, or of several kinds, or one that leads elsewhere.
    """
    if path.is_file():
        return (path,)
    found = [one for one in files_in(path) if one.suffix in _READERS and not one.name.startswith(".")]
    if len({one.suffix for one in found}) != 1:
        raise DatasetError(
            f"{path} is no dataset of IL-Datasets'", expected=f"files of one kind: {', '.join(_READERS)}"
        )
    ordered = sorted(found, key=lambda one: (one.stem == "test", one))
    return tuple(inside(path, one.relative_to(path).as_posix()) for one in ordered)


def _space(values: Array) -> Any:
    return unbounded(values.shape[1:], values.dtype)


def _pieces(path: Path) -> Iterator[Rows]:
    """Some rows after the other.

    Raises:
        DatasetError: the file is damaged, or has other columns.
    """
    if path.suffix not in _READERS:
        raise DatasetError(f"{path} is no file of IL-Datasets'", expected=", ".join(_READERS))
    for rows in _READERS[path.suffix](path):
        if len({len(values) for values in rows.values()}) != 1 or rows["rewards"].ndim != 1:
            raise DatasetError(f"{path}: its columns do not fit together")
        yield rows


def _from_npz(path: Path) -> Iterator[Rows]:
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(npz.reading(path))
        _check_columns(path, file.names())
        count = {(*file.shape(name), 0)[0] for name in COLUMNS}
        if len(count) > 1:
            raise DatasetError(f"{path}: its arrays differ in length")
        columns = {name: opened.enter_context(file.rows(name)) for name in COLUMNS}
        for start in range(0, (total := count.pop()), PIECE_ROWS):
            yield {name: rows.take(min(PIECE_ROWS, total - start)) for name, rows in columns.items()}


def _from_parquet(path: Path) -> Iterator[Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_parquet(path)
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(PIECE_ROWS, columns=list(COLUMNS)):
                yield {name: from_lists(batch.column(name), f"{path}: {name}") for name in COLUMNS}
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path} cannot be read: {str(error)[:200]}") from error


def _from_lines(path: Path) -> Iterator[Rows]:
    with path.open("rb") as file:
        read_line = partial(file.readline, TEXT_BYTES + 1)
        waiting: list[dict[str, Any]] = []
        for line in iter(read_line, b""):
            waiting.append(_parsed(line, path))
            if len(waiting) == PIECE_ROWS:
                yield _columns(waiting, path)
                waiting = []
        if waiting:
            yield _columns(waiting, path)


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        row = parse_json(line) if len(line) <= TEXT_BYTES else None
    except ValueError as error:
        raise DatasetError(f"{path} is no file of JSON lines: {str(error)[:200]}") from error
    if not isinstance(row, dict):
        raise DatasetError(f"{path}: a line is no object, or longer than {TEXT_BYTES} bytes")
    _check_columns(path, list(row))
    return row


def _columns(rows: list[dict[str, Any]], path: Path) -> Rows:
    try:
        found = {name: np.array([row[name] for row in rows]) for name in COLUMNS}
    except ValueError as error:
        raise DatasetError(f"{path}: lines of different shapes") from error
    for name, values in found.items():
        if values.dtype.kind not in "biuf":
            raise DatasetError(f"{path}: {name}", expected="numbers", got=str(values.dtype))
    return found


_READERS: dict[str, Callable[[Path], Iterator[Rows]]] = {
    ".npz": _from_npz,
    ".parquet": _from_parquet,
    ".jsonl": _from_lines,
}
"""By the ending of a file's name."""


def _check_columns(path: Path, names: list[str]) -> None:
    if missing := {*COLUMNS} - {*names}:
        raise DatasetError(f"{path} is no file of IL-Datasets'", got=f"no {', '.join(sorted(missing))}")


def _episodes(path: Path) -> Iterator[Rows]:
    """The rows of one episode after the other; `episode_starts` is 1 on the first of each."""
    held: list[Rows] = []
    for piece in _pieces(path):
        starts = {*np.flatnonzero(piece["episode_starts"].reshape(-1)).tolist()}
        cuts = [0, *sorted(starts - {0}), len(piece["rewards"])]
        for start, stop in itertools.pairwise(cuts):
            if held and start in starts:
                yield _joined(held, path)
                held = []
            held.append({name: values[start:stop] for name, values in piece.items()})
    if held:
        yield _joined(held, path)


def _joined(held: list[Rows], path: Path) -> Rows:
    for name in COLUMNS:
        if len({piece[name].shape[1:] for piece in held}) > 1:
            raise DatasetError(f"{path}: {name} changes its shape")
    return {name: np.concatenate([piece[name] for piece in held]) for name in COLUMNS}


def _trajectory(
    rows: Rows, spaces: Spaces, numbered: tuple[int, str, Path], *, last_is_final: bool
) -> Trajectory:
    index, split, path = numbered
    observed, acted = (leaves(space)[0] for space in spaces)
    steps = len(rows["rewards"]) - last_is_final
    if steps < 1:
        raise DatasetError(f"{path}: episode {index} has no steps")
    observations = fitted(rows["obs"], observed, f"{path}: obs")
    return Trajectory(
        observations=(observations[:steps],),
        actions=(fitted(rows["actions"][:steps], acted, f"{path}: actions"),),
        final=(observations[-1],) if last_is_final else None,
        rewards=rows["rewards"][:steps].astype(np.float64),
        terminated=None,
        truncated=None,
        ended=True,
        index=index,
        split=split,
    )


def _opened(path: Path) -> str:
    found = next(path.glob("*.npz"), None)
    place, source = (found, "local") if found else (path, "huggingface")
    imported = "from imitation_datasets.dataset import BaselineDataset"
    return f'{imported}; dataset = BaselineDataset("{place}", source="{source}")'


FORMAT = Format(
    name="il-datasets",
    about="IL-Datasets, the seed project: Parquet for `datasets`, or npz (form=npz)",
    suffix="",
    write=write,
    read=read,
    losses=losses,
    labels=True,
    opened=_opened,
    options={"form": "huggingface"},
)
