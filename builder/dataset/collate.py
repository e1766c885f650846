"""Collation: recorded files to the Parquet files of a dataset folder, in a stream.

Memory holds one recorded file and one row group at a time, however many episodes there are.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.columns import FOLDERS, TABLES, Rows, present, recorded
from builder.dataset.distinct import Copies
from builder.dataset.schema import arrow_schema, features
from builder.dataset.tables import to_table
from builder.dataset.writer import ShardWriter
from builder.episodes.acceptance import EVERY_RETURN, Acceptance, first_accepted
from builder.episodes.distinct import first_of_each, trajectory_digests
from builder.episodes.recording import Recording, pieces
from builder.episodes.recording_file import Header, read_recording
from builder.episodes.spaces import (
    Array,
    Spaces,
    describe,
    from_description,
    leaves,
    next_observation_default,
)
from builder.errors import DatasetError
from builder.manifest.identity import identity
from builder.manifest.manifest import Manifest, Split, seal
from builder.storage.layout import BUILD
from builder.storage.paths import AnyPath

SHARD_MB = 512
PIECE_ROWS = 32_768
"""About how many steps are turned into columns at a time, whatever a recorded file holds."""


PLAIN_FIELDS = ("policy", "optional", "episodes", "every", "unique", "instances")
"""What `build.json` holds as it is."""


@dataclass(frozen=True)
class Collation:
    """What collation needs to know beside the recorded files; `build.json` holds it.

    Attributes:
        inputs: of the build, for the manifest.
        policy: the expert's name, for the `policy` column.
        observation_space: what was observed.
        action_space: what was done.
        optional: the names of the optional columns to write.
        acceptance: which returns are accepted.
        episodes: how many accepted ones to keep; None: all.
        every: every k-th episode becomes test; 0: none.
        unique: whether only the first of equal episodes is kept.
        shard_size: uncompressed bytes after which a Parquet file is closed.
        instances: see `Manifest.instances`.
    """

    inputs: Mapping[str, Any]
    policy: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    optional: tuple[str, ...] = ()
    acceptance: Acceptance = EVERY_RETURN
    episodes: int | None = None
    every: int = 0
    unique: bool = False
    shard_size: int = SHARD_MB * 10**6
    instances: str | None = None

    @property
    def spaces(self) -> Spaces:
        """What was observed, and what was done."""
        return Spaces(self.observation_space, self.action_space)

    def to_json(self) -> dict[str, Any]:
        """As `build.json` holds it."""
        return {
            **{name: getattr(self, name) for name in PLAIN_FIELDS},
            "inputs": dict(self.inputs),
            "shard_size": self.shard_size,
            "accepted_returns": self.acceptance.to_json(),
            "observation_space": describe(self.observation_space),
            "action_space": describe(self.action_space),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Collation:
        """Back from `build.json`."""
        known = dict(content)
        acceptance = Acceptance.from_json(known.pop("accepted_returns"))
        spaces = {name: from_description(content[name]) for name in ("observation_space", "action_space")}
        optional = tuple(content["optional"])
        return Collation(**{**known, **spaces, "optional": optional, "acceptance": acceptance})


def describe_files(files: Sequence[AnyPath]) -> Collation:
    """What is to be known of recorded files: `build.json` beside them, else what their arrays tell.

    Raises:
        DatasetError: there are none.
    """
    if not files:
        raise DatasetError("there is no recorded episode to collate")
    beside = files[0].parent / BUILD
    if beside.is_file():
        return Collation.from_json(json.loads(beside.read_text()))
    recording, header = read_recording(files[0])
    observation_space = _space_of(recording.observations, header.observation_names)
    action_space = _space_of(recording.actions, header.action_names)
    return Collation(
        inputs={},
        policy=header.policy,
        observation_space=observation_space,
        action_space=action_space,
        optional=(
            *(("next_observation",) if next_observation_default(observation_space) else ()),
            *recorded(recording),
        ),
    )


def _space_of(arrays: Sequence[Array], names: Sequence[str]) -> gym.Space[Any]:
    """An unbounded space for arrays of which nothing else is known."""
    boxes = []
    for array in arrays:
        whole = array.dtype.kind in "iu"
        limits = np.iinfo(array.dtype) if whole else None
        low, high = (limits.min, limits.max) if limits else (-np.inf, np.inf)
        boxes.append(gym.spaces.Box(low, high, array.shape[1:], array.dtype.type))
    if any(names):
        return gym.spaces.Dict(list(zip(names, boxes, strict=True)))
    return boxes[0] if len(boxes) == 1 else gym.spaces.Tuple(boxes)


def write_dataset(folder: Path, files: Sequence[AnyPath]) -> Manifest:
    """Write `data/`, `episodes/` and `manifest.json` from recorded files.

    Args:
        folder: where to; made if it is missing.
        files: recorded files; attempts that two of them hold count once.

    Raises:
        DatasetError: a file is damaged, or there are fewer accepted episodes than wanted.
        StorageError: the disk is full or not writable.
    """
    plan = describe_files(files)
    with ExitStack() as stack:
        writers = _Writers(folder, plan, stack)
        kept = 0
        for recording in _accepted(files, plan):
            kept = writers.write(recording, kept)
    if plan.episodes is not None and kept < plan.episodes:
        raise DatasetError(
            "the recorded files do not hold enough accepted episodes", expected=plan.episodes, got=kept
        )
    manifest = Manifest(
        inputs=dict(plan.inputs),
        identity=identity(plan.inputs),
        observation_space=describe(plan.observation_space),
        action_space=describe(plan.action_space),
        attempts=writers.attempts,
        accepted=kept,
        splits={name: writer.split for name, writer in sorted(writers.splits.items())},
        files={},
        fingerprint="",
        instances=plan.instances,
        distinct=writers.copies.count() if kept else None,
    )
    return seal(manifest, folder)


def _accepted(files: Sequence[AnyPath], plan: Collation) -> Iterator[Recording]:
    """The accepted attempts of each file, in attempt order, as many as wanted."""
    following, missing, known = 0, plan.episodes, set[int]()
    for path in files:
        recording = _arranged(*read_recording(path), plan, path)
        accepted = plan.acceptance.accepts(recording.returns) & (recording.attempts >= following)
        if plan.unique:
            accepted = _new(accepted, trajectory_digests(recording), known)
        keep = first_accepted(accepted, missing)
        if missing is not None:
            missing -= int(keep.sum())
        following = int(recording.attempts[-1]) + 1
        if keep.any():
            yield from pieces(recording.select(keep), PIECE_ROWS)
        if missing == 0:
            return


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


@dataclass
class _SplitWriter:
    """The tables of one split, and what has gone into them."""

    tables: dict[str, ShardWriter]
    split: Split = field(default_factory=lambda: Split(0, 0))


class _Writers:
    """Writers of the splits, opened when their first episode comes."""

    def __init__(self, folder: Path, plan: Collation, stack: ExitStack) -> None:
        self._folder, self._plan, self._stack = folder, plan, stack
        self._columns = {name: present(table, plan.optional) for name, table in TABLES.items()}
        self._schemas = {
            name: arrow_schema(features(columns, plan.spaces)) for name, columns in self._columns.items()
        }
        self.splits: dict[str, _SplitWriter] = {}
        self.copies = Copies(plan.every)
        self.attempts = 0

    def write(self, recording: Recording, first: int) -> int:
        """Write episodes after the `first` ones; return how many there are now."""
        ordinals = np.arange(first, first + len(recording.attempts))
        test = self.copies.sides(recording, ordinals)
        for name, keep in (("train", ~test), ("test", test)):
            if keep.any():
                self._write_split(name, recording.select(keep), ordinals[keep])
        self.attempts = int(recording.attempts[-1]) + 1
        return first + len(recording.attempts)

    def _write_split(self, name: str, recording: Recording, ordinals: Array) -> None:
        writer = self.splits.get(name) or self._open(name)
        written = writer.split
        policies = np.full(len(ordinals), self._plan.policy, object)
        rows = Rows(recording, ordinals, policies, written.rows)
        for table, shards in writer.tables.items():
            shards.write(to_table(self._columns[table], rows, self._plan.spaces, self._schemas[table]))
        writer.split = Split(written.episodes + len(ordinals), written.rows + len(recording.rewards))

    def _open(self, name: str) -> _SplitWriter:
        tables = {}
        for table, folder in FOLDERS.items():
            target = self._folder / folder
            target.mkdir(parents=True, exist_ok=True)
            shards = ShardWriter(target, name, schema=self._schemas[table], shard_size=self._plan.shard_size)
            tables[table] = self._stack.enter_context(shards)
        self.splits[name] = _SplitWriter(tables)
        return self.splits[name]
