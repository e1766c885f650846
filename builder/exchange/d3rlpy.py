"""d3rlpy: the file of its ReplayBuffer, version 2.1.

Source: d3rlpy 2.8.1, dataset/io.py and dataset/components.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.exchange import hdf5
from builder.exchange.arrays import all_fitted
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory, usual_losses
from builder.exchange.note import Carried, carried, note_path

VERSION = "2.1"
COLUMNS = ("observations", "actions", "rewards", "terminated")


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What d3rlpy has no place for."""
    yield Loss("final_observation", "d3rlpy has none, and leaves the last step of a truncated episode out")
    yield Loss("reward", "float32, as d3rlpy has it")
    yield Loss("truncated", "an episode is terminated, or else was cut off; both at once it cannot be")
    (acted,) = leaves(source.spaces.action)[:1]
    if isinstance(acted.space, gym.spaces.Discrete) and acted.space.start:
        yield Loss("start", f"d3rlpy counts actions from 0, and these begin at {acted.space.start}")
    elif acted.dtype.kind in "iu":
        yield Loss("action space", "d3rlpy takes whole numbers for one choice among several")
    yield from usual_losses(source, "policy", "seed", "split")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the file.

    Raises:
        ConfigError: d3rlpy has no such spaces, or something that it needs is not known.
    """
    source.needs("reward", "terminated", format_name="d3rlpy")
    _check(source.spaces)
    with hdf5.writing(path) as file:
        hdf5.put_array(file, "columns", np.array(COLUMNS, "S"))
        hdf5.put_array(file, "num_episodes", np.array(source.episodes))
        hdf5.put_array(file, "version", np.array(VERSION, "S"))
        nested = isinstance(source.spaces.observation, gym.spaces.Tuple)
        for number, trajectory in enumerate(source.trajectories()):
            for place, leaf in enumerate(trajectory.observations):
                name = f"observations_{number}_{place}" if nested else f"observations_{number}"
                hdf5.put_array(file, name, _rows(leaf))
            hdf5.put_array(file, f"actions_{number}", _rows(trajectory.actions[0]))
            rewards = np.asarray(trajectory.rewards).astype(np.float32)
            hdf5.put_array(file, f"rewards_{number}", _rows(rewards))
            hdf5.put_array(file, f"terminated_{number}", np.array(bool(trajectory.terminated)))


def _check(spaces: Spaces) -> None:
    """Refuse what no array of d3rlpy's is.

    Raises:
        ConfigError: a Dict, nested Tuples, or actions that are no vectors.
    """
    observed, acted = leaves(spaces.observation), leaves(spaces.action)
    wrong = ""
    if any(len(leaf.path) > 1 or isinstance((*leaf.path, 0)[0], str) for leaf in observed):
        wrong = "one array for each observation, or a Tuple of them"
    elif acted[0].path or len(acted[0].shape) > 1:
        wrong = "vectors as actions"
    if wrong:
        raise ConfigError(f"d3rlpy holds {wrong}", remedy="to=minari holds nested spaces")


def _rows(values: Array) -> Array:
    """[T, ...], one number a step as [T, 1]."""
    return values[:, np.newaxis] if values.ndim == 1 else values


def read(path: Path, _options: Options) -> Incoming:
    """Open a file of d3rlpy's ReplayBuffer.

    Raises:
        DatasetError: it is none, is damaged, or its arrays do not fit together.
    """
    with hdf5.reading(path) as file:
        count = _checked_count(file, path)
        known = carried(note_path(path, folder=False))
        spaces = known.spaces if known else _spaces(file, path)

    def trajectories() -> Iterator[Trajectory]:
        with hdf5.reading(path) as file:
            for number in range(count):
                yield _trajectory(file, number, spaces, path, known)

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=(path,),
        unsaid=frozenset({"final_observation", "seed"}),
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
        notes=("in d3rlpy's files an episode that was not terminated was cut off",),
    )


def _checked_count(file: hdf5.Hdf5File, path: Path) -> int:
    """How many episodes there are.

    Raises:
        DatasetError: it is no file of this version, or one of them is not there.
    """
    if missing := {"columns", "num_episodes", "version"} - {*file.children()}:
        raise DatasetError(f"{path} is no file of d3rlpy's", got=f"no {', '.join(sorted(missing))}")
    if (version := file.texts("version")) != [VERSION]:
        raise DatasetError(f"{path} is of another version", expected=VERSION, got=", ".join(version)[:80])
    if missing := {*COLUMNS} - {*file.texts("columns")}:
        raise DatasetError(f"{path} has no {', '.join(sorted(missing))}")
    stated = file.read("num_episodes")
    count = int(stated) if stated.shape == () and stated.dtype.kind in "iu" else 0
    if not 0 < count <= len(file.children()) or f"actions_{count - 1}" not in file:
        raise DatasetError(f"{path} does not hold the episodes that it names", got=str(stated)[:80])
    return count


def _names(file: hdf5.Hdf5File, number: int) -> list[str]:
    """The arrays of the observations of an episode."""
    if (name := f"observations_{number}") in file:
        return [name]
    places = range(len(file.children()))
    found: list[str] = []
    for place in places:
        if f"{name}_{place}" not in file:
            break
        found.append(f"{name}_{place}")
    return found


def _spaces(file: hdf5.Hdf5File, path: Path) -> Spaces:
    """Unbounded ones of the first episode's arrays.

    Raises:
        DatasetError: it has none.
    """
    observed = [unbounded(file.shape(name)[1:], file.dtype(name)) for name in _names(file, 0)]
    if not observed:
        raise DatasetError(f"{path} has no observations_0")
    acted = unbounded(file.shape("actions_0")[1:], file.dtype("actions_0"))
    single = len(observed) == 1 and "observations_0" in file
    return Spaces(observed[0] if single else gym.spaces.Tuple(observed), acted)


def _trajectory(
    file: hdf5.Hdf5File, number: int, spaces: Spaces, path: Path, known: Carried | None
) -> Trajectory:
    where = f"{path}: episode {number}"
    observed = [file.read(name) for name in _names(file, number)]
    actions, rewards, terminated = (file.read(f"{name}_{number}") for name in COLUMNS[1:])
    lengths = {len(array) if array.ndim else 0 for array in (*observed, actions)} | {rewards.size}
    if len(lengths) > 1 or not min(lengths) or terminated.size != 1:
        raise DatasetError(f"{where} has arrays of different lengths, or empty ones")
    ended = bool(terminated.reshape(-1)[0])
    return Trajectory(
        observations=all_fitted(observed, leaves(spaces.observation), where),
        actions=all_fitted([actions], leaves(spaces.action), where),
        final=None,
        rewards=rewards.reshape(-1).astype(np.float64),
        terminated=ended,
        truncated=not ended,
        index=number,
        split=known.split_of(number) if known else "train",
    )


FORMAT = Format(
    name="d3rlpy",
    about="the file of d3rlpy's ReplayBuffer (HDF5, version 2.1)",
    suffix=".h5",
    write=write,
    read=read,
    losses=losses,
    opened=(
        "from d3rlpy.dataset import InfiniteBuffer, ReplayBuffer; "
        'replay = ReplayBuffer.load(open("{path}", "rb"), InfiniteBuffer())'
    ),
)
