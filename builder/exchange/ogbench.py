"""OGBench: `NAME.npz`, and `NAME-val.npz` of the split test; T + 1 rows for an episode of T steps.

Source: `ogbench.utils.load_dataset` of OGBench 1.2.2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.exchange import npz
from builder.exchange.arrays import fitted, single_leaves
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory, usual_losses
from builder.exchange.note import Carried, carried, note_path
from builder.storage.tree import inside

COLUMNS = ("observations", "actions", "terminals")
PIECE_ROWS = 1 << 16
"""Flags that are read at a time, to find where episodes end."""


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What OGBench has no place for."""
    yield Loss("reward", "OGBench learns to reach goals, and has none")
    yield Loss("terminated", "that an episode ended is there, not how")
    yield Loss("truncated", "likewise")
    for name, leaf in zip(Spaces._fields, single_leaves(source.spaces, "ogbench"), strict=True):
        if leaf.dtype != np.float32:
            yield Loss(f"{name} dtype", f"{leaf.dtype} in the file; OGBench's reader makes it float32")
    yield from usual_losses(source, "policy", "seed")


def validation(path: Path) -> Path:
    """Where the episodes of the split test lie."""
    return path.with_name(f"{path.stem}-val{path.suffix}")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the file, and that of the split test beside it.

    Raises:
        ConfigError: observations or actions are not one array each, or a final observation is not known.
    """
    source.needs("final_observation", format_name="ogbench")
    observed, acted = single_leaves(source.spaces, "ogbench")
    kinds = {
        "observations": (observed.shape, observed.dtype),
        "actions": (acted.shape, acted.dtype),
        "terminals": ((), np.dtype(bool)),
    }
    for target, split in zip((path, validation(path)), source.chosen, strict=False):
        with npz.writing(target, kinds) as columns:
            for trajectory in source.trajectories(split):
                (observations,) = trajectory.all_observations()
                (actions,) = trajectory.actions
                columns["observations"].add(observations)
                columns["actions"].add(np.concatenate([actions, np.zeros_like(actions[:1])]))
                columns["terminals"].add(np.arange(len(observations)) == len(actions))


def read(path: Path, _options: Options) -> Incoming:
    """Open a file of OGBench's layout, and the one of the split test beside it.

    Raises:
        DatasetError: it is none, is damaged, or its arrays do not fit together.
    """
    files = [path]
    if validation(path).exists():
        files.append(inside(path.parent, validation(path).name))
    known = carried(note_path(path, folder=False))
    opened = [_opened(file) for file in files]
    spaces = known.spaces if known else opened[0].spaces
    observed, acted = (leaves(space)[0] for space in spaces)
    left = sorted({name for one in opened for name in one.others})

    def trajectories() -> Iterator[Trajectory]:
        first = 0
        for file, one, split in zip(files, opened, ("train", "test"), strict=False):
            yield from _trajectories(file, one.lengths, (observed, acted), _Place(first, split, known))
            first += len(one.lengths)

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=tuple(files),
        unsaid=frozenset({"reward", "terminated", "truncated", "seed"}),
        ended=True,
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
        notes=(f"{', '.join(left)} of the source are left out",) if left else (),
    )


class _Opened:
    """What a file says before its episodes are read.

    Attributes:
        spaces: unbounded ones of its arrays.
        lengths: of the episodes, in steps.
        others: the arrays that are not read.
    """

    def __init__(self, spaces: Spaces, lengths: list[int], others: list[str]) -> None:
        self.spaces, self.lengths, self.others = spaces, lengths, others


class _Place:
    """Where the episodes of a file stand among those of all."""

    def __init__(self, first: int, split: str, known: Carried | None) -> None:
        self.first, self._split, self._known = first, split, known

    def split_of(self, index: int) -> str:
        return self._known.split_of(index) if self._known else self._split


def _opened(path: Path) -> _Opened:
    with npz.reading(path) as file:
        if missing := {*COLUMNS} - {*file.names()}:
            raise DatasetError(f"{path} is no file of OGBench's", got=f"no {', '.join(sorted(missing))}")
        shapes = {name: file.shape(name) for name in COLUMNS}
        if len(shapes["terminals"]) != 1 or len({shape[:1] for shape in shapes.values()}) > 1:
            raise DatasetError(f"{path}: its arrays differ in length", got=shapes)
        spaces: list[gym.Space[object]] = [
            unbounded(shapes[name][1:], file.dtype(name)) for name in ("observations", "actions")
        ]
        ends = _ends(file, shapes["terminals"][0])
    lengths = np.diff(ends, prepend=-1) - 1
    if not len(ends) or ends[-1] != shapes["terminals"][0] - 1 or lengths.min() < 1:
        raise DatasetError(
            f"{path}: terminals", expected="a last observation of each episode, and steps before"
        )
    others = [name for name in file.names() if name not in COLUMNS]
    return _Opened(Spaces(*spaces), lengths.tolist(), others)


def _ends(file: npz.NpzFile, rows: int) -> Array:
    """The rows that hold the last observation of an episode."""
    found: list[Array] = []
    with file.rows("terminals") as terminals:
        for start in range(0, rows, PIECE_ROWS):
            marks = terminals.take(min(PIECE_ROWS, rows - start)).astype(bool)
            found.append(np.flatnonzero(marks) + start)
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _trajectories(
    path: Path, lengths: list[int], found: tuple[Leaf, Leaf], place: _Place
) -> Iterator[Trajectory]:
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(npz.reading(path))
        observations, actions = (opened.enter_context(file.rows(name)) for name in COLUMNS[:2])
        for index, length in enumerate(lengths, place.first):
            seen = fitted(observations.take(length + 1), found[0], f"{path}: observations")
            acted = fitted(actions.take(length + 1)[:-1], found[1], f"{path}: actions")
            yield Trajectory(
                observations=(seen[:-1],),
                actions=(acted,),
                final=(seen[-1],),
                rewards=None,
                terminated=None,
                truncated=None,
                ended=True,
                index=index,
                split=place.split_of(index),
            )


FORMAT = Format(
    name="ogbench",
    about="OGBench's npz, with NAME-val.npz of the split test",
    suffix=".npz",
    write=write,
    read=read,
    losses=losses,
    opened='from ogbench.utils import load_dataset; dataset = load_dataset("{path}")',
)
