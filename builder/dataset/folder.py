"""Recorded files become the Parquet files and the manifest of a dataset folder, in a stream.

Memory holds one recorded file and one row group at a time, however many episodes there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.collation import Collation, collation_of
from builder.dataset.column import Rows
from builder.dataset.columns import FOLDERS, tables_of
from builder.dataset.distinct import Copies
from builder.dataset.features import arrow_schema
from builder.dataset.ledger import Admitted, Figures, Ledger
from builder.dataset.schema import features
from builder.dataset.tables import PIECE_ROWS, to_table
from builder.dataset.within import count_beyond, refuse_outside
from builder.dataset.writer import Packing, ShardWriter
from builder.episodes.distinct import trajectory_digests
from builder.episodes.recording import Recording, pieces
from builder.episodes.recording_file import Header, read_recording
from builder.episodes.spaces import Array, leaves
from builder.errors import DatasetError
from builder.experts.mixture import who_played
from builder.manifest.manifest import Manifest, Split, seal
from builder.storage.paths import AnyPath
from builder.versions import data_format_of


def write_dataset(folder: Path, files: Sequence[AnyPath]) -> Manifest:
    """Write `data/`, `episodes/` and `manifest.json` from recorded files.

    Args:
        folder: where to; made if it is missing.
        files: recorded files; attempts that two of them hold count once.

    Raises:
        DatasetError: a file is damaged, or there are fewer accepted episodes than wanted.
        StorageError: the disk is full or not writable.
    """
    plan = collation_of(files)
    ledger = Ledger(plan)
    with ExitStack() as stack:
        writers = _Accepted(folder, plan, ledger.copies, stack)
        for path in files:
            recording, header = read_recording(path)
            recording = _arranged(recording, header, plan, path)
            writers.write(recording, header.policy or plan.policy, ledger.admit(figures_of(recording)))
            if ledger.full:
                break
        ledger.check_full()
    manifest = ledger.manifest(writers.tables.splits, ledger.copies.count(), writers.beyond_bounds)
    return seal(manifest, folder)


def figures_of(recording: Recording) -> Figures:
    """What decides what becomes of recorded attempts."""
    return Figures(recording.attempts, recording.returns, recording.lengths, trajectory_digests(recording))


def _arranged(recording: Recording, header: Header, plan: Collation, path: AnyPath) -> Recording:
    """The recording with its leaves in the order of the spaces; a dict of the user's own may have another.

    Raises:
        DatasetError: the leaves are not those of the spaces.
    """
    observed = _order(header.observation_names, recording.observations, plan.observation_space, path)
    done = _order(header.action_names, recording.actions, plan.action_space, path)
    return dataclasses.replace(
        recording,
        observations=tuple(recording.observations[i] for i in observed),
        finals=tuple(recording.finals[i] for i in observed),
        actions=tuple(recording.actions[i] for i in done),
    )


def _order(names: Sequence[str], arrays: Sequence[Array], space: gym.Space[Any], path: AnyPath) -> list[int]:
    expected = [leaf.name for leaf in leaves(space)]
    found = list(names) or expected
    if len(arrays) != len(expected) or sorted(found) != sorted(expected):
        raise DatasetError(
            f"{path} was not recorded in these spaces",
            expected=", ".join(expected) or "one array",
            got=", ".join(names) or f"{len(arrays)} arrays",
        )
    return list(range(len(found))) if found == expected else [found.index(name) for name in expected]


class Tables:
    """The tables of a dataset folder while they are written, split by split; opened when an episode comes.

    Args:
        folder: the dataset folder.
        plan: its inputs, spaces, optional columns and size of a file.
        stack: closes the files.
    """

    def __init__(self, folder: Path, plan: Collation, stack: ExitStack) -> None:
        self._folder, self._spaces, self._shard_size, self._stack = (
            folder,
            plan.spaces,
            plan.shard_size,
            stack,
        )
        self._columns = tables_of(plan.inputs, plan.optional)
        self._schemas = {
            name: arrow_schema(features(columns, plan.spaces)) for name, columns in self._columns.items()
        }
        self._packing = Packing(plan.shard_size, data_format=data_format_of(plan.inputs))
        self._writers: dict[str, dict[str, ShardWriter]] = {}
        self.splits: dict[str, Split] = {}

    def write(self, name: str, recording: Recording, policy: str | Array, ordinals: Array) -> None:
        """Write episodes of a split, after those before.

        Args:
            name: of the split.
            recording: the episodes [A].
            policy: who played; or who played each: object [A].
            ordinals: int64 [A]: their `episode_index`.
        """
        writers = self._writers.get(name) or self._open(name)
        written = self.splits.get(name, Split(0, 0))
        policies = np.full(len(ordinals), policy, object)
        rows = Rows(recording, ordinals, policies, written.rows)
        for table, shards in writers.items():
            shards.write(to_table(self._columns[table], rows, self._spaces, self._schemas[table]))
        self.splits[name] = Split(written.episodes + len(ordinals), written.rows + len(recording.rewards))

    def _open(self, name: str) -> dict[str, ShardWriter]:
        tables = self._writers[name] = {}
        for table, folder in FOLDERS.items():
            target = self._folder / folder
            target.mkdir(parents=True, exist_ok=True)
            shards = ShardWriter(target, name, schema=self._schemas[table], packing=self._packing)
            tables[table] = self._stack.enter_context(shards)
        return tables


class _Accepted:
    """The accepted episodes of a build on their way into its tables."""

    def __init__(self, folder: Path, plan: Collation, copies: Copies, stack: ExitStack) -> None:
        self._plan, self._copies = plan, copies
        self.tables = Tables(folder, plan, stack)
        self.beyond_bounds = 0

    def write(self, recording: Recording, policy: str, admitted: Admitted) -> None:
        """Write what became of recorded attempts.

        A file of a user's own may name somebody else than the expert; most name nobody.

        Raises:
            SpaceError: an action is not of its space.
        """
        if not admitted.keep.any():
            return
        first, expert = 0, self._plan.inputs.get("expert", {})
        for piece in pieces(recording.select(admitted.keep), PIECE_ROWS):
            stop = first + len(piece.attempts)
            refuse_outside(piece, self._plan.spaces)
            self.beyond_bounds += count_beyond(self._plan.observation_space, piece)
            ordinals, test = admitted.ordinals[first:stop], admitted.test[first:stop]
            policies = who_played(expert, piece.attempts, policy)
            for name, keep in (("train", ~test), ("test", test)):
                if keep.any():
                    part = piece.select(keep)
                    self._copies.add(name, part, ordinals[keep])
                    self.tables.write(name, part, policies[keep], ordinals[keep])
            first = stop
