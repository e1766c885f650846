"""Recorded files become the Parquet files and the manifest of a dataset folder, in a stream.

Memory holds one recorded file and one row group at a time, however many episodes there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.collation import Collation, collation_of
from builder.dataset.column import Rows
from builder.dataset.columns import FOLDERS, tables_of
from builder.dataset.distinct import Copies
from builder.dataset.features import arrow_schema
from builder.dataset.schema import features
from builder.dataset.tables import to_table
from builder.dataset.within import count_beyond, refuse_outside
from builder.dataset.writer import Packing, ShardWriter
from builder.episodes.acceptance import first_accepted
from builder.episodes.distinct import first_of_each, trajectory_digests
from builder.episodes.recording import Recording, pieces
from builder.episodes.recording_file import Header, read_recording
from builder.episodes.spaces import (
    Array,
    describe,
    leaves,
)
from builder.errors import DatasetError
from builder.experts.mixture import who_played
from builder.manifest.identity import identity
from builder.manifest.manifest import MOST_RETURNS, Manifest, Rejected, Split, seal
from builder.storage.paths import AnyPath
from builder.versions import data_format_of

PIECE_ROWS = 32_768
"""About how many steps are turned into columns at a time, whatever a recorded file holds."""


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
    with ExitStack() as stack:
        writers = _Accepted(folder, plan, stack)
        kept, left_out = 0, _LeftOut()
        for recording, policies in _accepted(files, plan, left_out):
            kept = writers.write(recording, policies, kept)
    manifest = Manifest(
        inputs=dict(plan.inputs),
        identity=identity(plan.inputs),
        observation_space=describe(plan.observation_space),
        action_space=describe(plan.action_space),
        attempts=writers.attempts,
        accepted=kept,
        splits=dict(sorted(writers.tables.splits.items())),
        files={},
        fingerprint="",
        instances=plan.instances,
        notes=plan.notes,
        distinct=writers.copies.count() if kept else None,
        beyond_bounds=writers.beyond_bounds,
        failed=sum(attempt < writers.attempts for attempt in left_out.failed),
        rejected=left_out.rejected(writers.attempts),
    )
    return seal(manifest, folder)


@dataclass
class _LeftOut:
    """Attempts that do not become episodes, but for copies.

    Attributes:
        failed: those in which something went wrong.
        attempts: int64 arrays of those that were rejected for their returns.
        returns: float64 arrays, likewise.
    """

    failed: list[int] = field(default_factory=list)
    attempts: list[Array] = field(default_factory=list)
    returns: list[Array] = field(default_factory=list)

    def add(self, recording: Recording, among: Array) -> None:
        """Take those of a recording's attempts, bool [A]."""
        failed = recording.lengths == 0
        self.failed.extend(recording.attempts[among & failed].tolist())
        self.attempts.append(recording.attempts[among & ~failed])
        self.returns.append(recording.returns[among & ~failed])

    def rejected(self, stop: int) -> Rejected | None:
        """Those that were rejected before an attempt; None: there are none."""
        attempts, returns = (np.concatenate([*found, []]) for found in (self.attempts, self.returns))
        found = np.sort(returns[(attempts < stop) & np.isfinite(returns)])
        if not len(found):
            return None
        ranks = np.arange(len(found))
        if len(found) > MOST_RETURNS:
            ranks = np.arange(MOST_RETURNS) * (len(found) - 1) // (MOST_RETURNS - 1)
        return Rejected(len(found), tuple(found[ranks].tolist()))


def _accepted(
    files: Sequence[AnyPath], plan: Collation, left_out: _LeftOut
) -> Iterator[tuple[Recording, Array]]:
    """The accepted attempts of each file, in attempt order, as many as wanted, and who played them.

    A file of a user's own may name somebody else than the expert; most name nobody.

    Args:
        files: recorded ones.
        plan: which are accepted, and how many are wanted.
        left_out: takes the attempts that failed, or were rejected for their returns.

    Raises:
        DatasetError: a file is damaged, or they do not hold as many.
    """
    following, missing, known = 0, plan.episodes, set[int]()
    for path in files:
        recording, header = read_recording(path)
        recording = _arranged(recording, header, plan, path)
        unknown = recording.attempts >= following
        accepted = plan.acceptance.accepts(recording.returns) & unknown
        left_out.add(recording, unknown & ~accepted)
        if plan.unique:
            accepted = _new(accepted, trajectory_digests(recording), known)
        keep = first_accepted(accepted, missing)
        if missing is not None:
            missing -= int(keep.sum())
        following = int(recording.attempts[-1]) + 1
        if keep.any():
            for piece in pieces(recording.select(keep), PIECE_ROWS):
                identity = plan.inputs.get("expert", {})
                yield piece, who_played(identity, piece.attempts, header.policy or plan.policy)
        if missing == 0:
            return
    if missing:
        raise DatasetError(
            "the recorded files do not hold enough accepted episodes",
            expected=plan.episodes,
            got=(plan.episodes or 0) - missing,
        )


def _new(accepted: Array, digests: Array, known: set[int]) -> Array:
    """Bool [n]: which of the accepted ones are the first of their kind; `known` holds the kinds so far."""
    first = first_of_each(digests, accepted)
    fresh = np.array([digest not in known for digest in digests.tolist()], bool)
    known.update(digests[accepted].tolist())
    found: Array = first & fresh
    return found


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

    def __init__(self, folder: Path, plan: Collation, stack: ExitStack) -> None:
        self._plan = plan
        self.tables = Tables(folder, plan, stack)
        self.copies = Copies(plan.every)
        self.attempts = self.beyond_bounds = 0

    def write(self, recording: Recording, policies: Array, first: int) -> int:
        """Write episodes, each with who played it, after the `first` ones; return how many there are now.

        Raises:
            SpaceError: an action is not of its space.
        """
        refuse_outside(recording, self._plan.spaces)
        self.beyond_bounds += count_beyond(self._plan.observation_space, recording)
        ordinals = np.arange(first, first + len(recording.attempts))
        test = self.copies.sides(recording, ordinals)
        for name, keep in (("train", ~test), ("test", test)):
            if keep.any():
                self.tables.write(name, recording.select(keep), policies[keep], ordinals[keep])
        self.attempts = int(recording.attempts[-1]) + 1
        return first + len(recording.attempts)
