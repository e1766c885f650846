"""What the card reads of a dataset folder: its manifest, the sizes of its tables, the ends of its episodes.

Of `data/` it reads only the footers of the files, whose rows are for `sample`; of `episodes/`, a few narrow
columns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.card.markdown import code, count_of
from builder.dataset.column import Column
from builder.dataset.columns import FOLDERS, tables_of, unsaid
from builder.dataset.partial import bring_column
from builder.dataset.schema import plain_from_arrow
from builder.dataset.shards import shards
from builder.episodes.spaces import Array
from builder.errors import DatasetError
from builder.manifest.baseline import Baseline, read_baseline
from builder.manifest.manifest import Manifest, read_manifest

SUCCESS = ("info.is_success", "info.success")
"""The columns that say, by the conventions of the field, whether a task is solved; the first there counts."""
SPLIT_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class TableSize:
    """How much one split of one config holds.

    Attributes:
        rows: how many.
        arrow_bytes: of the values once they are read.
        file_bytes: of the Parquet files.
    """

    rows: int
    arrow_bytes: int
    file_bytes: int


@dataclass(frozen=True)
class Endings:
    """How the episodes of a split went: arrays [episodes].

    Attributes:
        returns: float64; NaN where an imported dataset has no rewards.
        lengths: int64.
        terminated: bool; None: an imported dataset does not say.
        truncated: bool; likewise.
        success: bool: whether the last step says so; None: nothing says that.
    """

    returns: Array
    lengths: Array
    terminated: Array | None
    truncated: Array | None
    success: Array | None = None


@dataclass(frozen=True)
class Origin:
    """Episodes of a merged dataset that are of one kind.

    Attributes:
        source: the dataset that they come from.
        policy: who played.
        quality: what it is called; None: nobody has said.
        episodes: how many.
        mean: of their returns; None: not known.
    """

    source: str
    policy: str
    quality: str | None
    episodes: int
    mean: float | None


@dataclass(frozen=True)
class Contents:
    """What the card is computed from.

    Attributes:
        manifest: of the folder.
        sizes: per config and split.
        endings: per split.
        columns: per config.
        players: who played how many episodes, in the order of their names.
        plots: those of `PLOTS` that are there.
        origins: of a merged dataset, in the order of its episodes.
        learned: what `il-builder baseline` has found of it; None: nothing, or that was of other episodes.
    """

    manifest: Manifest
    sizes: Mapping[str, Mapping[str, TableSize]]
    endings: Mapping[str, Endings]
    columns: Mapping[str, tuple[Column, ...]]
    players: Mapping[str, int]
    plots: frozenset[str]
    origins: tuple[Origin, ...] = ()
    learned: Baseline | None = None

    @property
    def amount(self) -> str:
        """How many episodes and steps of what, as Markdown."""
        splits, environment = self.manifest.splits.values(), self.manifest.inputs.get("environment")
        episodes = count_of(sum(split.episodes for split in splits), "episode")
        steps = count_of(sum(split.rows for split in splits), "step")
        return f"{episodes} ({steps})" + (f" of {code(environment['id'])}" if environment else "")


RETURNS, COMPONENTS = PLOTS = ("assets/returns.png", "assets/components.png")


def read_contents(folder: Path) -> Contents:
    """Read what the card needs.

    Raises:
        DatasetError: there is no dataset, or its files do not hold what its manifest says.
    """
    manifest = read_manifest(folder)
    splits = sorted(manifest.splits, key=lambda name: (name != "train", name))
    if not splits or not all(SPLIT_NAME.fullmatch(name) for name in splits):
        raise DatasetError(f"the manifest of {folder} names no usable splits", got=splits)
    try:
        sizes = {
            config: {split: _size(shards(folder, manifest, config, split)) for split in splits}
            for config in FOLDERS
        }
        lacking = unsaid(manifest.inputs)
        endings = {
            split: _endings(
                shards(folder, manifest, "episodes", split),
                shards(folder, manifest, "transitions", split),
                lacking,
            )
            for split in splits
        }
        lines = [path for split in splits for path in shards(folder, manifest, "episodes", split)]
        players = _players(lines)
        origins = _origins(lines) if "merged" in manifest.inputs else ()
        names = {
            config: pq.read_schema(shards(folder, manifest, config, splits[0])[0]).names for config in FOLDERS
        }
        columns = {config: tables_of(manifest.inputs, names[config])[config] for config in FOLDERS}
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DatasetError(f"the Parquet files of {folder} cannot be read: {error}") from error
    for split, stated in manifest.splits.items():
        found = (sizes["episodes"][split].rows, sizes["transitions"][split].rows)
        if found != (stated.episodes, stated.rows):
            raise DatasetError(
                f"the files of {folder} are not those of its manifest",
                expected=f"{stated.episodes} episodes and {stated.rows} steps in {split!r}",
                got=f"{found[0]} and {found[1]}",
            )
    plots = frozenset(name for name in PLOTS if (folder / name).is_file())
    return Contents(
        manifest, sizes, endings, columns, players, plots, origins, _learned(folder, manifest.fingerprint)
    )


def _learned(folder: Path, fingerprint: str) -> Baseline | None:
    """What was learned from just this dataset; what is damaged is no part of a card."""
    try:
        found = read_baseline(folder)
    except DatasetError:
        return None
    return found if found and found.dataset == fingerprint else None


def _endings(files: Sequence[Path], steps: Sequence[Path], lacking: frozenset[str]) -> Endings:
    """Of what not every episode says, nothing."""
    names = ["episode_return", "length", "terminated", "truncated"]
    columns = pa.concat_tables([pq.ParquetFile(path).read(names) for path in files])
    said = {*columns.column_names} - lacking
    known = {name: plain_from_arrow(columns[name]) for name in names if name in said}
    return Endings(
        returns=known.get("episode_return", np.full(len(columns), np.nan)),
        lengths=known["length"],
        terminated=known.get("terminated"),
        truncated=known.get("truncated"),
        success=_success(steps, np.cumsum(known["length"]) - 1, lacking),
    )


def _success(steps: Sequence[Path], last: Array, lacking: frozenset[str]) -> Array | None:
    """Bool [episodes]: whether the step that is an episode's last says that the task is solved."""
    known = pq.read_schema(steps[0])
    numbers = {
        name
        for name in SUCCESS
        if name in {*known.names} - lacking and pa.types.is_primitive(known.field(name).type)
    }
    if not numbers:
        return None
    name = next(name for name in SUCCESS if name in numbers)
    bring_column(steps, name)
    said = pa.concat_tables([pq.ParquetFile(path).read([name]) for path in steps])[name]
    ends = said.take(pa.array(last)).cast(pa.float64()).fill_null(0.0)
    return np.asarray(ends.to_numpy() > 0)


def _players(files: Sequence[Path]) -> dict[str, int]:
    names = pa.concat_tables([pq.ParquetFile(path).read(["policy"]) for path in files])["policy"]
    counts = names.value_counts().to_pylist()
    return {str(count["values"]): count["counts"] for count in sorted(counts, key=lambda c: str(c["values"]))}


def _origins(files: Sequence[Path]) -> tuple[Origin, ...]:
    """Of which kinds the episodes are, in the order in which each is met."""
    kinds: dict[tuple[str, str, str | None], list[float | None]] = {}
    for path in files:
        table = pq.ParquetFile(path).read(["source", "policy", "quality", "episode_return"])
        unknown = [None] * table.num_rows
        columns = [
            table[name].to_pylist() if name in table.column_names else unknown
            for name in ("source", "policy", "quality", "episode_return")
        ]
        for source, policy, quality, total in zip(*columns, strict=True):
            kinds.setdefault((source, policy, quality), []).append(total)
    return tuple(Origin(*kind, len(returns), _mean(returns)) for kind, returns in kinds.items())


def _mean(returns: Sequence[float | None]) -> float | None:
    """None: one is not known."""
    known = [total for total in returns if total is not None]
    return math.fsum(known) / len(known) if len(known) == len(returns) else None


def _size(files: Sequence[Path]) -> TableSize:
    footers = [pq.ParquetFile(path) for path in files]
    return TableSize(
        rows=sum(footer.metadata.num_rows for footer in footers),
        arrow_bytes=sum(_arrow_bits(footer) for footer in footers) // 8,
        file_bytes=sum(path.stat().st_size for path in files),
    )


def _arrow_bits(file: pq.ParquetFile) -> int:
    """Bits of the values in memory, from the footer alone; what varies in size counts as it is stored."""
    kinds = [kind for field in file.schema_arrow for kind in _primitives(field.type)]
    bits = 0
    for group in range(file.metadata.num_row_groups):
        chunks = file.metadata.row_group(group)
        for index, kind in enumerate(kinds):
            chunk = chunks.column(index)
            fixed = pa.types.is_primitive(kind)
            bits += chunk.num_values * kind.bit_width if fixed else 8 * chunk.total_uncompressed_size
    return bits


def _primitives(kind: Any) -> Iterator[Any]:
    """The types of a column's leaves, in the order of Parquet's columns."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _primitives(field.type)
    elif pa.types.is_nested(kind):
        yield from _primitives(kind.value_type)
    else:
        yield kind
