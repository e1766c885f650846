"""Datasets in the format of the seed project, IL-Datasets: columns obs, actions, rewards, episode_starts.

They say neither what an episode's last action led to, nor whether it was terminated or truncated.
"""

from __future__ import annotations

import glob
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Spaces, describe
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.loading.batches import ArrayReader, leaf_columns
from builder.loading.split_tables import SplitTables
from builder.loading.trajectories import Trajectories, choose_split
from builder.manifest.manifest import Manifest, Split
from builder.storage.tree import files_in, inside

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

RENAMED = {"obs": "observation", "actions": "action", "rewards": "reward"}
STARTS = "episode_starts"
BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".arrow": "arrow"}
"""What kind of file each is."""
SPLITS = {
    "test": re.compile(r"test|testing|eval|evaluation"),
    "validation": re.compile(r"validation|valid|dev|val"),
}
"""What a word in a file's path says of its split, as `datasets` has it; else it is train."""
WORDS = re.compile(r"[^a-z]+")


def looks_like_data(folder: Path) -> bool:
    """Whether a folder holds files that `datasets` can read."""
    return folder.is_dir() and bool(_data_in(folder))


def _data_in(folder: Path) -> list[Path]:
    """Those files."""
    return [path for path in files_in(folder) if path.suffix in BUILDERS and not path.name.startswith(".")]


class SeedTables(SplitTables):
    """The tables of one split of such a dataset, with our names for its columns.

    Args:
        folder: where its files are.
        split: what the split is called.
        table: what `datasets` reads in its files.
    """

    def __init__(self, folder: Path, split: str, table: datasets.Dataset) -> None:
        columns = table.data.table
        spaces = Spaces(_space(columns["obs"], "obs"), _space(columns["actions"], "actions"))
        self._read, self._bounds = table, _bounds(columns[STARTS])
        super().__init__(folder, _manifest(spaces, split, self._bounds), split, spaces)

    @property
    def bounds(self) -> Array:
        """int64 [episodes + 1]: where each episode begins, and at the end how many rows there are."""
        return self._bounds

    @cached_property
    def transitions(self) -> datasets.Dataset:
        """One row per step; the rows themselves stay memory-mapped."""
        import datasets

        lengths = np.diff(self._bounds)
        steps = np.arange(self._bounds[-1]) - np.repeat(self._bounds[:-1], lengths)
        index = {"episode_index": np.repeat(np.arange(len(lengths)), lengths), "step_index": steps}
        table = self._read.rename_columns(RENAMED).select_columns(list(RENAMED.values()))
        joined = datasets.concatenate_datasets([datasets.Dataset.from_dict(index), table], axis=1)
        return joined.cast_column("reward", datasets.Value("float64"))

    @cached_property
    def episodes(self) -> datasets.Dataset:
        """One row per episode."""
        import datasets

        rewards = self._read.data.table["rewards"].to_numpy().astype(np.float64)
        starts, ends = self._bounds[:-1], self._bounds[1:]
        returns = [float(np.cumsum(rewards[a:b])[-1]) for a, b in itertools.pairwise(self._bounds)]
        columns = {
            "episode_index": np.arange(len(starts)),
            "length": ends - starts,
            "episode_return": returns,
            "row_start": starts,
            "row_end": ends,
        }
        return datasets.Dataset.from_dict(columns)

    def step_columns(self) -> list[str]:
        """The columns of the transitions."""
        return ["episode_index", "step_index", *RENAMED.values()]

    def has_finals(self, places: Array | None = None) -> bool:
        """Never: it is not recorded."""
        return False

    def of_episodes(self, *names: str) -> dict[str, Array]:
        """Plain columns of the episodes, of those that are there."""
        table = self.episodes.data.table
        return {name: table[name].to_numpy() for name in names if name in table.column_names}

    def check_exportable(self) -> None:
        """Refuse: what its source does not say would be guessed.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"{self.folder} is a dataset of the seed project's",
            remedy=f"il-builder import from=il-datasets path={self.folder} out=FOLDER, and export that",
        )

    def reader(self, columns: Sequence[str] | None) -> ArrayReader:
        """What reads the steps for batches."""
        table = self.transitions.data.table
        return ArrayReader(
            {
                name: values
                for key in self.step_columns()
                for name, values in leaf_columns(key, table[key], self.spaces).items()
            },
            columns,
        )


def _manifest(spaces: Spaces, split: str, bounds: Array) -> Manifest:
    """What is known of such a dataset, where ours have a manifest."""
    episodes, rows = len(bounds) - 1, int(bounds[-1])
    return Manifest(
        inputs={},
        identity="",
        observation_space=describe(spaces[0]),
        action_space=describe(spaces[1]),
        attempts=episodes,
        accepted=episodes,
        splits={split: Split(episodes, rows)},
        files={},
        fingerprint="",
    )


class SeedTrajectories(Trajectories):
    """One split of such a dataset.

    An episode's last observation is not recorded: it is NaN, or the least number of an integer dtype.
    Terminations and truncations are all false. Observations and actions are taken to be unbounded.

    Args:
        folder: where its files are.
        split: as `Trajectories` takes it.
    """

    def __init__(self, folder: Path, split: str | None = None) -> None:
        tables = _read(folder)
        chosen = choose_split(split, tables, folder)
        self._open(SeedTables(folder, chosen, tables[chosen]))


def _read(folder: Path) -> dict[str, Any]:
    """Its splits by name.

    Raises:
        DatasetError: `datasets` cannot read it, or it has other columns.
    """
    kind, files = _data_files(folder)
    try:
        tables = {split: _READERS[kind](named) for split, named in files.items()}
    except Exception as error:
        raise DatasetError(f"{folder} cannot be read by `datasets`: {error}") from error
    for table in tables.values():
        if missing := {*RENAMED, STARTS} - set(table.column_names):
            raise DatasetError(
                f"{folder} is neither a dataset of ours nor one of the seed project",
                expected=f"a manifest.json, or the columns {', '.join([*RENAMED, STARTS])}",
                got=f"no {', '.join(sorted(missing))}",
                remedy="datasets.load_dataset opens it as it is",
            )
    return tables


def _from_arrow(files: list[str]) -> Any:
    import datasets

    return datasets.concatenate_datasets([datasets.Dataset.from_file(path) for path in files])


def _reader(name: str) -> Callable[[list[str]], Any]:
    """A reader of `datasets`, of patterns; its `load_dataset` would tell a host of its own of the call."""

    def read(files: list[str]) -> Any:
        import datasets

        return getattr(datasets.Dataset, name)([glob.escape(path) for path in files])

    return read


_READERS: dict[str, Callable[[list[str]], Any]] = {
    "json": _reader("from_json"),
    "parquet": _reader("from_parquet"),
    "csv": _reader("from_csv"),
    "arrow": _from_arrow,
}


def _data_files(folder: Path) -> tuple[str, dict[str, list[str]]]:
    """Who reads the files of a folder, and which they are by split: those in it, whatever its card names.

    Raises:
        DatasetError: one is a link that leads elsewhere.
    """
    found = _data_in(folder)
    kinds = Counter(BUILDERS[path.suffix] for path in found)
    builder = kinds.most_common(1)[0][0]
    splits: dict[str, list[str]] = {}
    for path in found:
        if BUILDERS[path.suffix] == builder:
            name = path.relative_to(folder)
            words = WORDS.split(name.with_suffix("").as_posix().lower())
            split = next((key for key, known in SPLITS.items() if any(map(known.fullmatch, words))), "train")
            file = inside(folder, name.as_posix()).absolute()
            splits.setdefault(split, []).append(str(file))
    return builder, splits


def _bounds(starts: pa.ChunkedArray) -> Array:
    """Where episodes begin and, at the end, how many rows there are."""
    marks = starts.to_numpy().astype(bool)
    return np.concatenate([[0], np.flatnonzero(marks[1:]) + 1, [len(marks)]]).astype(np.int64)


def _space(column: pa.ChunkedArray, name: str) -> gym.Space[Any]:
    """An unbounded space for the values of a column.

    Raises:
        DatasetError: they are not numbers.
    """
    kind = column.type
    while hasattr(kind, "value_type") or hasattr(kind, "storage_type"):
        kind = getattr(kind, "storage_type", None) or kind.value_type
    try:
        dtype = np.dtype(kind.to_pandas_dtype())
    except NotImplementedError:
        dtype = np.dtype(object)
    if dtype.kind not in "iuf":
        raise DatasetError(f"the column {name} cannot be used", expected="numbers", got=str(column.type))
    return unbounded(np.shape(column[0].as_py()), dtype)
