"""A split as what other libraries train from: the methods of `Trajectories` that hand it on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.dataset.columns import column_of
from builder.episodes.declared import EXPERT_ACTION, VALID
from builder.episodes.episode import Episode
from builder.episodes.spaces import Array, Spaces, assemble
from builder.errors import ConfigError
from builder.exchange.export import ExportRequest, export
from builder.loading import in_memory
from builder.loading.batches import chosen
from builder.loading.shapes import Steps
from builder.loading.split_tables import FINAL, PER_STEP, SplitTables
from builder.storage.paths import local_path, place

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import torch
    from stable_baselines3.common.buffers import ReplayBuffer


class Conversions(ABC):
    """What follows from a split's arrays and episodes alone."""

    folder: Path
    split: str
    episode_table: datasets.Dataset
    _positions: Array | None
    _tables: SplitTables
    _thin: Steps | None
    _spaces: Spaces

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Every column of the transitions as one array [rows, ...]."""

    @abstractmethod
    def episodes(self) -> Iterator[Episode]:
        """All episodes in their order."""

    @abstractmethod
    def column_names(self) -> list[str]:
        """The columns of the transitions."""

    @abstractmethod
    def known_columns(self) -> list[str]:
        """The columns that can be asked for."""

    @abstractmethod
    def _stored_columns(self) -> list[str]:
        """The stored columns that all of these episodes have."""

    @abstractmethod
    def _refuse_null(self, columns: Sequence[str]) -> None:
        """Refuse columns that some of these episodes of a merged dataset do not have."""

    @abstractmethod
    def _columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Some columns as `arrays` gives them."""

    @abstractmethod
    def _whole(self, names: Sequence[str]) -> dict[str, Array]:
        """Some columns of every step of these episodes."""

    @property
    @abstractmethod
    def _kept(self) -> Array:
        """int64: which of these steps are kept, where not all are."""

    def _refuse_thinned(self, what: str) -> None:
        """Refuse what takes whole episodes.

        Raises:
            ConfigError: only every k-th step of them is here.
        """
        if self._thin is not None:
            raise ConfigError(
                f"{what} is not to be had: every={self._thin.every} keeps single steps of the episodes",
                remedy="arrays(), batches(), to_sb3() and to_torchrl() have these; or leave every= out",
            )

    @abstractmethod
    def _finals(self, last: Sequence[Array]) -> Sequence[Array]:
        """The final observation of each episode, per leaf, after the last one that was acted on."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """What `arrays` gives as tensors of the same dtypes; float64 stays float64."""
        return _tensors(self.arrays())

    def to_torch(self, columns: Sequence[str] | None = None) -> torch.utils.data.Dataset[Any]:
        """A map-style dataset for a `DataLoader`: item i is step i, a dict of tensors as `tensors` has them.

        Args:
            columns: those that are wanted, e.g. `["observation", "action"]`; None: all.

        Raises:
            ConfigError: there is no such column.
        """
        self._refuse_null(columns or ())
        wanted = chosen(self.column_names() if columns is None else columns, self.known_columns())
        dataset: torch.utils.data.Dataset[Any] = in_memory.to_torch(_tensors(self._columns(wanted)))
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

        `terminal` is always true: to imitation, only a part of an episode is not. Where the dataset has
        `expert_action`, these are the actions; in a merged one, those of the episodes that have it.

        Raises:
            ConfigError: imitation is not installed, or has no such spaces.
        """
        self._refuse_thinned("a trajectory")
        return in_memory.to_imitation(self._labelled(), self._spaces)

    def _labelled(self) -> Iterator[Episode]:
        """The episodes, with the expert's labels as actions where there are some."""
        if EXPERT_ACTION not in self.known_columns():
            yield from self.episodes()
            return
        found, at = self._whole([EXPERT_ACTION]), 0
        valid = found.pop(f"{EXPERT_ACTION}.{VALID}", None)  # of a merged dataset: some have none
        for episode in self.episodes():
            rows = slice(at, at := at + len(episode))
            if valid is None or valid[rows].all():
                labels = [leaf[rows] for leaf in found.values()]
                episode = replace(episode, actions=assemble(self._spaces.action, labels))  # noqa: PLW2901
            yield episode

    def to_d3rlpy(self) -> Any:
        """The steps as d3rlpy's `MDPDataset`; its actions are what was done.

        It has no final observations: of an episode that was cut off, d3rlpy leaves the last transition out.
        Images come with their channels first, rewards as float32.

        Raises:
            ConfigError: d3rlpy is not installed, or has no such spaces.
        """
        self._refuse_thinned("a dataset of d3rlpy's, whose steps follow each other,")
        return in_memory.to_d3rlpy(self._steps())

    def _steps(self) -> in_memory.Steps:
        stored = self._stored_columns()
        missing = [name for name in PER_STEP if name not in stored]
        missing += [] if self._tables.has_finals(self._positions) else [FINAL]
        if missing:
            raise ConfigError(
                f"what these episodes come from does not say {', '.join(missing)}", remedy="take arrays()"
            )
        arrays = self._whole(stored)

        def of(column: str) -> tuple[Array, ...]:
            return tuple(values for name, values in arrays.items() if column_of(name) == column)

        episodes, observations = arrays["episode_index"], of("observation")
        last = np.flatnonzero(np.append(episodes[1:] != episodes[:-1], True))
        finals = self._finals([values[last] for values in observations])
        steps = in_memory.Steps(
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
        return steps if self._thin is None else in_memory.some(steps, self._kept)

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

        Of a view its episodes are written, in the order in which they are stored.

        Args:
            format: its name: minari, lerobot, d4rl, ...; `il-builder export --help` has them.
            path: where to; None: beside the dataset folder.
            episodes: the first so many, or a list of `episode_index`; None: all of these.
            overwrite: replace what an earlier export has left there.
            **options: of the format.

        Returns:
            The file or folder that was written.

        Raises:
            ConfigError: there is no such format, option or episode, or it cannot hold the dataset.
            ExistsError: something else lies there.
            MissingExtraError: a package of the format is not installed.
        """
        self._tables.check_exportable()
        self._refuse_thinned("an export")
        target = None if path is None else local_path(place(str(path)), "export")
        wanted = ExportRequest(format, target, options, self.split, self._exported(episodes), overwrite)
        return export(self.folder, wanted).path

    def _exported(self, wanted: int | list[int] | None) -> int | list[int] | None:
        """Which episodes of the split an export of these is to hold.

        Raises:
            ConfigError: none, or one that is not among these.
        """
        if self._positions is None:
            return wanted
        held: list[int] = sorted(self.episode_table["episode_index"])
        if isinstance(wanted, list) and (missing := {*wanted} - {*held}):
            raise ConfigError(f"the view has no episode {min(missing)}", expected=f"some of its {len(held)}")
        if not held or (isinstance(wanted, int) and wanted < 1):
            raise ConfigError(
                "an export needs episodes", expected="at least 1", got=min(len(held), wanted or 0)
            )
        return wanted if isinstance(wanted, list) else held[:wanted]


def _tensors(arrays: dict[str, Array]) -> dict[str, torch.Tensor]:
    import torch

    return {
        name: torch.from_numpy(array if array.flags.writeable else array.copy())
        for name, array in arrays.items()
    }
