"""A dataset as a researcher uses it: arrays, tensors and episodes, in the environment's own dtypes."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from builder.dataset.schema import from_arrow
from builder.dataset.shards import shards
from builder.episodes.episode import Episode
from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import ConfigError, suggest
from builder.exchange.export import ExportRequest, export
from builder.loading import in_memory
from builder.loading.batches import MEMORY, ParquetReader, Reader, chosen, column_of, epoch, leaf_columns
from builder.loading.parquet_tables import read_table
from builder.loading.stacking import StackedReader, stack, stack_columns
from builder.manifest.manifest import Manifest, read_manifest
from builder.storage.paths import local_path, place

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa
    import torch
    from stable_baselines3.common.buffers import ReplayBuffer


class Trajectories:
    """One split of a dataset.

    `len` counts episodes, indexing gives an `Episode`; `arrays` gives everything at once. The tables behind
    it are those of `datasets`, memory-mapped; nothing is read before it is asked for.

    Args:
        folder: the dataset folder.
        split: train or test; None: train, or the only one that there is.

    Attributes:
        folder: the dataset folder.
        split: which of its splits this is.
        manifest: what the dataset is and what it was made from.
    """

    _reader: tuple[Any, Reader] | None = None
    """What `batches` reads from, kept for the next epoch with the columns that it is for."""

    def __init__(self, folder: Path, split: str | None = None) -> None:
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        self.split = choose_split(split, self.manifest.splits, folder)
        self._spaces = self.manifest.spaces

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r}, split={self.split!r}: {len(self)} episodes)"

    @cached_property
    def transitions(self) -> datasets.Dataset:
        """The "transitions" config as `datasets` gives it: one row per step."""
        return self._table("transitions")

    @cached_property
    def episode_table(self) -> datasets.Dataset:
        """The "episodes" config as `datasets` gives it: one row per episode."""
        return self._table("episodes")

    def _table(self, config: str) -> datasets.Dataset:
        return read_table(self.folder, self._shards(config), config, self._spaces)

    def _shards(self, table: str) -> list[Path]:
        return shards(self.folder, self.manifest, table, self.split, hashed=True)

    def __len__(self) -> int:
        return self.manifest.splits[self.split].episodes

    def __getitem__(self, index: int) -> Episode:
        return self.episode(index)

    def __iter__(self) -> Iterator[Episode]:
        return self.episodes()

    def episodes(self) -> Iterator[Episode]:
        """All episodes in their order, read one by one."""
        return (self.episode(index) for index in range(len(self)))

    def episode(self, index: int) -> Episode:
        """One episode; negative indices count from the end.

        Of an imported dataset, what its source does not say is NaN (the least number of an integer dtype) in
        rewards and the last observation, false in the flags, and 0 as the seed.
        """
        position = self._position(index)
        table = self._episode_table
        start, stop = int(table["row_start"][position].as_py()), int(table["row_end"][position].as_py())
        rows = self.transitions.data.fast_slice(start, stop - start)  # does not search all chunks
        observations = from_arrow(self._spaces[0], rows["observation"])
        finals: tuple[Array, ...] = tuple(map(unknown_like, observations))
        if "final_observation" in table.column_names:
            finals = from_arrow(self._spaces[0], table["final_observation"].slice(position, 1))
        flags = {
            name: rows[name].to_numpy() if name in rows.column_names else np.zeros(len(rows), bool)
            for name in ("terminated", "truncated")
        }
        joined = [np.concatenate(pair) for pair in zip(observations, finals, strict=True)]
        return Episode(
            observations=assemble(self._spaces[0], joined),
            actions=assemble(self._spaces[1], from_arrow(self._spaces[1], rows["action"])),
            rewards=rows["reward"].to_numpy()
            if "reward" in rows.column_names
            else np.full(len(rows), np.nan),
            terminations=flags["terminated"],
            truncations=flags["truncated"],
            seed=int(table["seed"][position].as_py()) if "seed" in table.column_names else 0,
            index=int(table["attempt_index"][position].as_py()),
            policy=str(table["policy"][position].as_py()),
        )

    def _position(self, index: int) -> int:
        """Which episode an index means; past the end it is an error that ends an iteration, as a list's."""
        try:
            return range(len(self))[operator.index(index)]
        except IndexError:
            raise IndexError(f"there is no episode {index}: {self.split} has {len(self)}") from None

    def sample(self, count: int, seed: int = 0) -> list[Episode]:
        """Episodes drawn without replacement, in the order of the draw.

        Raises:
            ConfigError: there are fewer.
        """
        if not 0 <= count <= len(self):
            raise ConfigError(f"{count} episodes cannot be drawn", expected=f"0 to {len(self)}")
        drawn = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return [self.episode(int(index)) for index in drawn]

    def sample_episodes(self, count: int, seed: int = 0) -> list[Episode]:
        """The same as `sample`."""
        return self.sample(count, seed)

    def stacked(self, frames: int) -> Trajectories:
        """The same split with stacks of observations, [..., frames, *shape], oldest first.

        Zeros stand for what was before the episode, as in Stable-Baselines3's `VecFrameStack`. Nothing is
        read or copied before it is asked for.

        Raises:
            ConfigError: `frames` is not positive.
        """
        return StackedTrajectories(self, frames)

    def arrays(self) -> dict[str, Array]:
        """Every column of the transitions as one array [rows, ...], in its exact dtype.

        A column of a Dict or Tuple space comes as one array per leaf, e.g. `observation.position`.
        """
        columns: dict[str, Array] = {}
        for name in self._step_table.column_names:
            columns.update(leaf_columns(name, self._step_table[name], self._spaces))
        return columns

    def tensors(self) -> dict[str, torch.Tensor]:
        """What `arrays` gives as tensors of the same dtypes; float64 stays float64."""
        import torch

        return {
            name: torch.from_numpy(array if array.flags.writeable else array.copy())
            for name, array in self.arrays().items()
        }

    def to_torch(self, columns: Sequence[str] | None = None) -> torch.utils.data.Dataset[Any]:
        """A map-style dataset for a `DataLoader`: item i is step i, a dict of tensors as `tensors` has them.

        Args:
            columns: those that are wanted, e.g. `["observation", "action"]`; None: all.

        Raises:
            ConfigError: there is no such column.
        """
        wanted = chosen(columns, self._step_table.column_names)
        dataset: torch.utils.data.Dataset[Any] = in_memory.to_torch(
            {name: values for name, values in self.tensors().items() if column_of(name) in wanted}
        )
        return dataset

    def to_pandas(self) -> pd.DataFrame:
        """A table with a row per step and the dtypes of `arrays`.

        A vector becomes a column per number (`observation.0`); values with more axes are arrays in the cells.

        Raises:
            ConfigError: pandas is not installed.
        """
        return in_memory.to_pandas(self.arrays())

    def to_sb3(
        self, *, device: str = "auto", scale_actions: bool = True, channels_first: bool = False
    ) -> ReplayBuffer:
        """A full `ReplayBuffer` of Stable-Baselines3 (of a Dict space a `DictReplayBuffer`) to train on.

        `model.replay_buffer = dataset.to_sb3(); model.train(gradient_steps=1000)` trains off-policy. An
        episode that was cut off is a timeout, so that its last value is bootstrapped. Rewards are float32, as
        are actions of float64: the library has no other.

        Args:
            device: where samples go.
            scale_actions: put actions of a Box into [-1, 1], as SAC, TD3 and DDPG store their own; False
                leaves them as recorded.
            channels_first: images as CxHxW, as a model with a CNN policy sees them.

        Raises:
            ConfigError: Stable-Baselines3 has no such spaces.
        """
        buffer: ReplayBuffer = in_memory.to_sb3(
            self._steps(), device=device, scale_actions=scale_actions, channels_first=channels_first
        )
        return buffer

    def to_torchrl(self) -> Any:
        """A `TensorDict` [steps] in TorchRL's format of episodes (TED).

        `observation`, `action`, `episode`, and `next` with `observation`, `reward`, `terminated`, `truncated`
        and `done`; a Dict or Tuple space is nested. dtypes are the recorded ones: rewards are float64.

        Raises:
            ConfigError: tensordict is not installed.
        """
        return in_memory.to_torchrl(self._steps())

    def to_imitation(self) -> list[Any]:
        """The episodes as `imitation.data.types.TrajectoryWithRew`, with all observations.

        `terminal` is always true: to imitation, only a part of an episode is not.

        Raises:
            ConfigError: imitation is not installed, or has no such spaces.
        """
        return in_memory.to_imitation(self.episodes(), self._spaces)

    def to_d3rlpy(self) -> Any:
        """The steps as d3rlpy's `MDPDataset`.

        It has no final observations: of an episode that was cut off, d3rlpy leaves the last transition out.
        Images come with their channels first, rewards as float32.

        Raises:
            ConfigError: d3rlpy is not installed, or has no such spaces.
        """
        return in_memory.to_d3rlpy(self._steps())

    def _steps(self) -> in_memory.Steps:
        arrays = self.arrays()

        def of(column: str) -> tuple[Array, ...]:
            return tuple(values for name, values in arrays.items() if column_of(name) == column)

        episodes, observations = arrays["episode_index"], of("observation")
        last = np.flatnonzero(np.append(episodes[1:] != episodes[:-1], True))
        finals = self._finals([values[last] for values in observations])
        return in_memory.Steps(
            spaces=self._spaces,
            observations=observations,
            next_observations=tuple(
                in_memory.following(values, final, episodes)
                for values, final in zip(observations, finals, strict=True)
            ),
            actions=of("action"),
            rewards=arrays["reward"],
            terminations=arrays["terminated"],
            truncations=arrays["truncated"],
            episodes=episodes,
        )

    def _finals(self, last: Sequence[Array]) -> Sequence[Array]:
        """The final observation of each episode, per leaf, after the last one that was acted on."""
        return from_arrow(self._spaces[0], self._episode_table["final_observation"])

    def batches(
        self,
        size: int,
        *,
        seed: int | None = None,
        columns: Sequence[str] | None = None,
        drop_last: bool = False,
        memory: int = MEMORY,
    ) -> Iterator[dict[str, torch.Tensor]]:
        """One epoch: every step once, as batches of tensors with the dtypes and names of `tensors`.

        Where the columns fit into `memory` they are read once and kept with this object, and the shuffle is
        over all steps. Else row groups are drawn by chance, as many as fit at a time, and shuffled together.

        Args:
            size: steps of a batch; the last one holds what is left.
            seed: of the shuffle, another one for each epoch; None: the stored order. The same seed and
                `memory` give the same batches on every machine.
            columns: those that are wanted, e.g. `["observation", "action"]`; None: all.
            drop_last: leave out a last batch of fewer steps.
            memory: bytes that the steps in memory may take.

        Raises:
            ConfigError: there is no such column, or `size` is not positive.
            DatasetError: the files are missing or damaged.
        """
        key = (type(self), None if columns is None else tuple(columns))
        if self._reader is None or self._reader[0] != key:
            self._reader = (key, self._open_reader(columns))
        return epoch(self._reader[1], size, seed=seed, drop_last=drop_last, memory=memory)

    def _open_reader(self, columns: Sequence[str] | None) -> Reader:
        return self._single_reader(columns)

    def _single_reader(self, columns: Sequence[str] | None) -> ParquetReader:
        return ParquetReader(self.folder, self._shards("transitions"), self._spaces, columns)

    def export(
        self,
        format: str,  # noqa: A002  (the field's word)
        path: str | Path | None = None,
        *,
        episodes: int | list[int] | None = None,
        overwrite: bool = False,
        **options: Any,
    ) -> Path:
        """Write this split in another library's format; `il-builder export` does the same for all splits.

        Args:
            format: its name: minari, lerobot, d4rl, ...; `il-builder export --help` has them.
            path: where to; None: beside the dataset folder.
            episodes: the first so many, or a list of `episode_index`; None: all.
            overwrite: replace what an earlier export has left there.
            **options: of the format.

        Returns:
            The file or folder that was written.

        Raises:
            ConfigError: there is no such format, option or episode, or it cannot hold the dataset.
            ExistsError: something else lies there.
            MissingExtraError: a package of the format is not installed.
        """
        target = None if path is None else local_path(place(str(path)), "export")
        wanted = ExportRequest(format, target, options, self.split, episodes, overwrite)
        return export(self.folder, wanted).path

    @property
    def _step_table(self) -> pa.Table:
        return self.transitions.data.table

    @property
    def _episode_table(self) -> pa.Table:
        return self.episode_table.data.table


def unknown_like(observations: Array) -> Array:
    """One observation, [1, ...], that says that none is known."""
    kind = observations.dtype
    least = np.nan if kind.kind == "f" else False if kind.kind == "b" else np.iinfo(kind).min
    return np.full_like(observations[:1], least)


def choose_split(wanted: str | None, known: Iterable[str], folder: Path) -> str:
    """The split that is wanted; None: train, or the only one that there is.

    Raises:
        ConfigError: there is none of this name, or several without train.
    """
    names = sorted(known)
    chosen = wanted or ("train" if "train" in names or len(names) != 1 else names[0])
    if chosen not in names:
        raise ConfigError(f"{folder} has no split {chosen!r}", remedy=suggest(chosen, names))
    return chosen


class StackedTrajectories(Trajectories):
    """A split whose observations come stacked, with a new axis before their own: [..., frames, *shape].

    Args:
        single: the split as it is.
        frames: how many observations make one.
    """

    def __init__(self, single: Trajectories, frames: int) -> None:
        if frames < 1:
            raise ConfigError("frames of a stack", expected="at least 1", got=frames)
        self.__dict__.update(single.__dict__)
        self.frames = frames
        self._reader = None

    def __repr__(self) -> str:
        return super().__repr__().replace(")", f", {self.frames} observations stacked)")

    def episode(self, index: int) -> Episode:
        """One episode; its observations are [T + 1, frames, *shape]."""
        episode = super().episode(index)
        space: gym.Space[Any] = self._spaces[0]
        steps = np.arange(len(episode.rewards) + 1)
        observed = [stack(leaf.pick(episode.observations), steps, self.frames) for leaf in leaves(space)]
        return dataclasses.replace(episode, observations=assemble(space, observed))

    def arrays(self) -> dict[str, Array]:
        """Every column as one array; those of observations are [rows, frames, *shape]."""
        return stack_columns(super().arrays(), self.frames)

    def _finals(self, last: Sequence[Array]) -> Sequence[Array]:
        finals = super()._finals(last)
        return [
            np.concatenate([before[:, 1:], final[:, None]], axis=1)
            for before, final in zip(last, finals, strict=True)
        ]

    def _open_reader(self, columns: Sequence[str] | None) -> Reader:
        return StackedReader(self._single_reader, self.frames, columns)
