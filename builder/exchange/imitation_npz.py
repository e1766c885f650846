"""imitation's older form: one npz file, all trajectories one after the other; read, never written.

Source: `imitation.data.serialize.load` of imitation 1.0.1. Its `infos` are pickled, and left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from builder.episodes.spaces import Array, Spaces
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.exchange import npz
from builder.exchange.contract import Incoming, Trajectory


def read(path: Path) -> Incoming:
    """Open the file.

    Raises:
        DatasetError: it is none, is damaged, or its arrays do not fit together.
    """
    with npz.reading(path) as file:
        if missing := {"obs", "acts", "terminal", "indices"} - {*file.names()}:
            raise DatasetError(f"{path} is no file of imitation's", got=f"no {', '.join(sorted(missing))}")
        ends, lengths = file.read("terminal").reshape(-1).astype(bool), _lengths(file, path)
        rewarded = "rews" in file
        spaces = Spaces(*(unbounded(file.shape(name)[1:], file.dtype(name)) for name in ("obs", "acts")))
    if len(ends) != len(lengths):
        raise DatasetError(f"{path}: terminal", expected=f"{len(lengths)} of them", got=len(ends))

    def trajectories() -> Iterator[Trajectory]:
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(npz.reading(path))
            observations, actions = (opened.enter_context(file.rows(name)) for name in ("obs", "acts"))
            rewards = opened.enter_context(file.rows("rews")) if rewarded else None
            for index, length in enumerate(lengths):
                seen = observations.take(length + 1)
                yield Trajectory(
                    observations=(seen[:-1],),
                    actions=(actions.take(length),),
                    final=(seen[-1],),
                    rewards=rewards.take(length).astype(np.float64) if rewards else None,
                    terminated=None,
                    truncated=None,
                    ended=bool(ends[index]),
                    index=index,
                )

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=(path,),
        unsaid=frozenset({"terminated", "truncated", "seed", *(() if rewarded else ("reward",))}),
        ended=True,
        notes=("infos of the source are left out; nothing in them is unpickled",),
    )


def _lengths(file: npz.NpzFile, path: Path) -> list[int]:
    """The steps of each trajectory; `indices` has where all but the first begin.

    Raises:
        DatasetError: they do not fit the arrays.
    """
    steps = _rows(file, "acts")
    starts: Array = file.read("indices").reshape(-1)
    if starts.dtype.kind not in "iu" and starts.size:
        raise DatasetError(f"{path}: indices", expected="whole numbers", got=str(starts.dtype))
    lengths = np.diff(starts.astype(np.int64), prepend=0, append=steps)
    if lengths.min() < 1 or _rows(file, "obs") != steps + len(lengths):
        raise DatasetError(f"{path}: its arrays do not fit together")
    if "rews" in file and file.shape("rews") != (steps,):
        raise DatasetError(f"{path}: rews", expected=f"{steps} of them", got=file.shape("rews"))
    return [int(length) for length in lengths]


def _rows(file: npz.NpzFile, name: str) -> int:
    return (*file.shape(name), 0)[0]
