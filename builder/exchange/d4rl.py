"""D4RL: one flat HDF5 file, as CORL, JAX-CORL, IQL, ReBRAC and most offline-RL code bases read it.

Source: `d4rl.qlearning_dataset` and CORL's `ReplayBuffer.load_d4rl_dataset`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from builder.environments.info import Kind
from builder.episodes.declared import Declared
from builder.episodes.spaces import Array, Spaces
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.exchange import hdf5
from builder.exchange.arrays import single_leaves
from builder.exchange.contract import (
    REF_MAX,
    REF_MIN,
    Format,
    Incoming,
    Loss,
    Options,
    Source,
    Trajectory,
    usual_losses,
)
from builder.exchange.infos import INFOS, Seen, extras_of, holds_steps, key_of, rows_of
from builder.exchange.note import carried, note_path
from builder.manifest.scores import ReferenceScores

STEPS = ("observations", "actions", "rewards", "next_observations", "terminals", "timeouts")
SPLIT = "infos/test"
"""Bool [N]: of an export with a test split, which steps are of it."""
SEEDS = "metadata/seeds"
UNCUT = "the source has no timeouts: an episode that was cut off runs on into the next"
AS_IT_IS = (
    "`info.*` are the rows of the source's infos: of D4RL's own, qpos and qvel are of before the action"
)
PIECE_ROWS = 1 << 16
"""Flags that are read at a time, to find where episodes end."""


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What a flat file does not say."""
    yield from usual_losses(source, "policy")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the file.

    Raises:
        ConfigError: observations or actions are not one array each, or something that it needs is not known.
    """
    source.needs("reward", "terminated", "truncated", "final_observation", format_name="d4rl")
    observed, acted = single_leaves(source.spaces, "d4rl")
    kinds = {
        "observations": (observed.shape, observed.dtype),
        "actions": (acted.shape, acted.dtype),
        "rewards": ((), np.dtype(np.float64)),
        "next_observations": (observed.shape, observed.dtype),
        "terminals": ((), np.dtype(bool)),
        "timeouts": ((), np.dtype(bool)),
        **({SPLIT: ((), np.dtype(bool))} if len(source.chosen) > 1 else {}),
    }
    told = [column for column in source.declared if _holds(column)]
    for said in told:
        kind = Kind.of(said)
        kinds[f"{INFOS}/{key_of(said)}"] = (kind.shape, np.dtype(kind.dtype))
        kinds[f"{INFOS}/_{key_of(said)}"] = ((), np.dtype(bool))
    with hdf5.writing(path) as file:
        columns = {name: hdf5.Column(file, name, *kind) for name, kind in kinds.items()}
        seeds = []
        for trajectory in source.trajectories():
            for name, rows in {**_rows(trajectory), **_told(trajectory, told)}.items():
                if name in columns:
                    columns[name].add(rows)
            seeds.append(trajectory.seed or 0)
        for column in columns.values():
            column.close()
        file.attrs.update(source.reference)
        if "seed" not in source.unsaid:
            hdf5.put_array(file, SEEDS, np.array(seeds, np.uint64))


def _rows(trajectory: Trajectory) -> dict[str, Array]:
    (observations,) = trajectory.all_observations()
    terminals, timeouts = trajectory.flags()
    return {
        "observations": observations[:-1],
        "actions": trajectory.actions[0],
        "rewards": np.asarray(trajectory.rewards),
        "next_observations": observations[1:],
        "terminals": terminals,
        "timeouts": timeouts,
        SPLIT: np.full(len(trajectory), trajectory.split == "test"),
    }


def _holds(column: Declared) -> bool:
    return holds_steps(column) and f"{INFOS}/{key_of(column)}" != SPLIT


def _told(trajectory: Trajectory, columns: Iterable[Declared]) -> dict[str, Array]:
    """What `info` said, as D4RL's own files have it."""
    found: dict[str, Array] = {}
    for key in map(key_of, columns):
        found[f"{INFOS}/{key}"], found[f"{INFOS}/_{key}"] = rows_of(trajectory, key)
    return found


def read(path: Path, _options: Options) -> Incoming:
    """Open a file of D4RL's layout, ours or another's.

    Raises:
        DatasetError: it is none, is damaged, or its arrays do not fit together.
    """
    with hdf5.reading(path) as file:
        known = carried(note_path(path, folder=False))
        rows = _checked_rows(file, path)
        said = file.attributes() if known else {}
        unsaid = {
            "reward": "rewards" not in file,
            "terminated": "terminals" not in file,
            "truncated": "timeouts" not in file,
            "final_observation": "next_observations" not in file,
            "seed": SEEDS not in file,
        }
        kinds = [(file.shape(name)[1:], file.dtype(name)) for name in ("observations", "actions")]
        bounds = _bounds(file, rows)
        seen = _seen(file, rows)
        seeds = file.read(SEEDS).tolist() if SEEDS in file else [None] * (len(bounds) - 1)
    if len(seeds) != len(bounds) - 1:
        raise DatasetError(f"{path}: {SEEDS}", expected=f"{len(bounds) - 1} of them", got=len(seeds))

    columns = seen.columns(1)
    return Incoming(
        spaces=known.spaces if known else Spaces(*(unbounded(*kind) for kind in kinds)),
        trajectories=lambda: _trajectories(path, bounds.tolist(), seeds, columns),
        files=(path,),
        unsaid=frozenset(name for name, absent in unsaid.items() if absent),
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
        columns=columns,
        notes=(
            *((UNCUT,) if unsaid["truncated"] else ()),
            *((AS_IT_IS,) if columns and not known else ()),
            *seen.notes(),
        ),
        reference=ReferenceScores.stated(
            said.get(REF_MIN), said.get(REF_MAX), f"{REF_MIN} and {REF_MAX} of the file"
        ),
    )


def _trajectories(
    path: Path, bounds: Sequence[int], seeds: Sequence[int | None], columns: Sequence[Declared]
) -> Iterator[Trajectory]:
    """The episodes between the bounds, one after the other."""
    with hdf5.reading(path) as file:
        for index, (start, stop) in enumerate(itertools.pairwise(bounds)):
            values = {name: file.read(name, start, stop) for name in (*STEPS, SPLIT) if name in file}
            infos = {
                name: file.read(f"{INFOS}/{name}", start, stop)
                for key in map(key_of, columns)
                for name in (key, f"_{key}")
                if f"{INFOS}/{name}" in file
            }
            extras, _ = extras_of(columns, infos, stop - start)
            yield dataclasses.replace(_trajectory(values, index, seeds[index]), extras=extras)


def _seen(file: hdf5.Hdf5File, rows: int) -> Seen:
    """What `infos` hold, of all steps at once."""
    seen = Seen()
    names = (
        [name for name in file.children(INFOS) if f"{INFOS}/{name}" != SPLIT] if file.is_group(INFOS) else []
    )
    arrays = {name: file.kind(f"{INFOS}/{name}") for name in names}
    seen.add({name: kind if kind and kind[1][:1] == (rows,) else None for name, kind in arrays.items()}, rows)
    return seen


def _checked_rows(file: hdf5.Hdf5File, path: Path) -> int:
    lengths = {name: file.shape(name)[0] for name in STEPS if name in file}
    if missing := {"observations", "actions"} - lengths.keys():
        raise DatasetError(f"{path} is no file of D4RL's layout", got=f"no {', '.join(sorted(missing))}")
    if len({*lengths.values()}) > 1 or not min(lengths.values()):
        raise DatasetError(f"{path}: its arrays differ in length, or are empty", got=lengths)
    return lengths["observations"]


def _bounds(file: hdf5.Hdf5File, rows: int) -> Array:
    """Where episodes begin, and one past the last row: after each terminal and each timeout."""
    ends: list[Array] = []
    for start in range(0, rows, PIECE_ROWS):
        parts = [
            file.read(name, start, start + PIECE_ROWS).astype(bool)
            for name in ("terminals", "timeouts")
            if name in file
        ]
        if parts:
            ends.append(np.flatnonzero(np.logical_or.reduce(parts)) + start + 1)
    found = np.concatenate([[0], *ends]).astype(np.int64)
    return found if found[-1] == rows else np.append(found, rows)


def _trajectory(values: Mapping[str, Array], index: int, seed: int | None) -> Trajectory:
    """The episode of some rows; what has no array is not known.

    Raises:
        DatasetError: its steps do not follow on each other.
    """
    following, observed = values.get("next_observations"), values["observations"]
    if following is not None and not np.array_equal(following[:-1], observed[1:], equal_nan=True):
        raise DatasetError(
            f"in episode {index} a next observation is not the next row's",
            remedy="the file has steps of several episodes in one, without a flag between them",
        )
    return Trajectory(
        observations=(values["observations"],),
        actions=(values["actions"],),
        final=(values["next_observations"][-1],) if "next_observations" in values else None,
        rewards=values["rewards"].astype(np.float64) if "rewards" in values else None,
        terminated=bool(values["terminals"][-1]) if "terminals" in values else None,
        truncated=bool(values["timeouts"][-1]) if "timeouts" in values else None,
        seed=seed,
        index=index,
        split="test" if SPLIT in values and values[SPLIT][-1] else "train",
    )


FORMAT = Format(
    name="d4rl",
    about="one flat HDF5 file: CORL, IQL, ReBRAC and most code bases of offline RL",
    suffix=".hdf5",
    write=write,
    read=read,
    losses=losses,
    holds=_holds,
    opened=(
        'import h5py; file = h5py.File("{path}")'
        "  # a dict of arrays: observations, actions, rewards, terminals, timeouts"
    ),
)
