"""A dataset of Minari's: HDF5, Arrow or Parquet with its metadata, whoever wrote it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.declared import Declared
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import DatasetError
from builder.exchange import hdf5
from builder.exchange.arrays import all_fitted
from builder.exchange.contract import REF_MAX, REF_MIN, Incoming, Options, Trajectory
from builder.exchange.infos import INFOS, Seen, extras_of, key_of
from builder.exchange.minari.columnar import (
    KINDS,
    episode_arrays,
    episode_attributes,
    episode_files,
    has_infos,
)
from builder.exchange.minari.environment import environment_of
from builder.exchange.minari.jpeg import decoded, is_jpeg
from builder.exchange.minari.place import MAIN, METADATA, found_dataset, own_file
from builder.exchange.minari.serialized import part_name, space_of
from builder.exchange.note import NOTE, Carried, carried
from builder.manifest.scores import ReferenceScores
from builder.storage.limits import MANIFEST_BYTES, TEXT_BYTES
from builder.storage.plain_json import parse_json, read_bounded

GROUP = "episode_{}"
HDF5 = "hdf5"
FLAGS = ("rewards", "terminations", "truncations")
UNREAD = "the source's infos are left out"
LOSSY = "its images were kept as JPEG: they are near to what was observed, and not the same"


@dataclass(frozen=True)
class Opened:
    """A dataset whose metadata have been read.

    Attributes:
        folder: its folder `data`.
        metadata: as its file says.
        spaces: of its metadata.
        known: our own note beside it; None: there is none.
    """

    folder: Path
    metadata: Mapping[str, Any]
    spaces: Spaces
    known: Carried | None

    @property
    def jpeg(self) -> bool:
        """Whether images are kept as JPEG, which versions before 0.5.4 did unasked."""
        return bool(self.metadata.get("jpeg_encoding", True))

    @property
    def kind(self) -> str:
        """In which of Minari's ways the data are kept."""
        return str(self.metadata.get("data_format", HDF5))


def read(path: Path, options: Options) -> Incoming:
    """Open a dataset of Minari's.

    Args:
        path: the root, the folder of the dataset, or its folder `data`.
        options: `id` names the dataset within the root.

    Raises:
        ConfigError: there are several datasets, or none of the id.
        DatasetError: it is none, is damaged, or is kept in another way.
    """
    opened = opened_dataset(found_dataset(path, options.get("id")))
    files, seeded, trajectories, told = (_from_hdf5 if opened.kind == HDF5 else _from_folders)(opened)
    jpeg = opened.jpeg and any(is_jpeg(leaf) for space in opened.spaces for leaf in leaves(space))
    return Incoming(
        spaces=opened.spaces,
        trajectories=trajectories,
        files=(*files, opened.folder / METADATA),
        unsaid=frozenset() if seeded else frozenset({"seed"}),
        environment=_environment(opened),
        policy=opened.known.policy if opened.known else _text(opened.metadata, "algorithm_name"),
        authors=_texts(opened.metadata.get("author")),
        license=opened.known.license if opened.known else _text(opened.metadata, "license") or None,
        about=_text(opened.metadata, "description") or _text(opened.metadata, "dataset_id"),
        columns=told.columns,
        notes=(*((LOSSY,) if jpeg else ()), *told.notes),
        reference=ReferenceScores.stated(
            opened.metadata.get(REF_MIN),
            opened.metadata.get(REF_MAX),
            f"{REF_MIN} and {REF_MAX} of Minari's {_text(opened.metadata, 'dataset_id')}".strip(),
        ),
    )


@dataclass(frozen=True)
class Told:
    """What infos hold.

    Attributes:
        columns: what they become.
        notes: what is left out of them.
    """

    columns: tuple[Declared, ...] = ()
    notes: tuple[str, ...] = ()


Found = tuple[tuple[Path, ...], bool, Callable[[], Iterator[Trajectory]], Told]
"""The files of the data, whether each episode has a seed, the episodes, and what infos hold."""


def _from_hdf5(opened: Opened) -> Found:
    main = own_file(opened.folder / MAIN)
    with hdf5.reading(main) as file:
        count = _checked_count(file, opened)
        seeded = all("seed" in file.attributes(GROUP.format(number)) for number in range(count))
        told = _told(file, count)

    def trajectories() -> Iterator[Trajectory]:
        with hdf5.reading(main) as file:
            for number in range(count):
                group = GROUP.format(number)
                arrays = {
                    "observations": _arrays(file, f"{group}/observations", opened.spaces.observation, opened),
                    "actions": _arrays(file, f"{group}/actions", opened.spaces.action, opened),
                    **{name: [file.read(f"{group}/{name}")] for name in FLAGS},
                }
                found = _trajectory(f"{main}: {group}", number, arrays, file.attributes(group), opened)
                yield _with_infos(found, file, f"{group}/{INFOS}", told.columns)

    return (main,), seeded, trajectories, told


def _told(file: hdf5.Hdf5File, count: int) -> Told:
    """What the infos of all episodes hold, by the headers of their arrays."""
    seen = Seen()
    for group in map(GROUP.format, range(count)):
        if file.is_group(f"{group}/{INFOS}"):
            names = file.children(f"{group}/{INFOS}")
            steps = file.shape(f"{group}/rewards")[:1]
            kinds = {name: file.kind(f"{group}/{INFOS}/{name}") for name in names}
            masks = {
                name[1:]: file.read(f"{group}/{INFOS}/{name}")
                for name, kind in kinds.items()
                if name.startswith("_")
                and kind
                and kind == (np.dtype(bool), (kinds.get(name[1:]) or kind)[1][:1])
            }
            seen.add(kinds, steps[0] if steps else 0, masks)
    return Told(seen.columns(count), tuple(seen.notes()))


def _with_infos(
    trajectory: Trajectory, file: hdf5.Hdf5File, group: str, columns: Sequence[Declared]
) -> Trajectory:
    """The episode with what its infos hold in the columns."""
    if not columns:
        return trajectory
    names = {name for key in map(key_of, columns) for name in (key, f"_{key}") if f"{group}/{name}" in file}
    infos = {name: file.read(f"{group}/{name}") for name in sorted(names)}
    extras, of_reset = extras_of(columns, infos, len(trajectory))
    return dataclasses.replace(trajectory, extras=extras, attempt_extras=of_reset)


def _from_folders(opened: Opened) -> Found:
    files = episode_files(opened.folder, opened.metadata.get("total_episodes"))
    seeded = all("seed" in episode_attributes(file) for file in files)

    def trajectories() -> Iterator[Trajectory]:
        for number, file in enumerate(files):
            attributes = episode_attributes(file)
            arrays = episode_arrays(file, opened.kind, opened.spaces, attributes, jpeg=opened.jpeg)
            yield _trajectory(str(file), number, arrays, attributes, opened)

    told = Told(notes=(UNREAD,) if has_infos(files, opened.kind) else ())
    paths = tuple(path for file in files for path in (file, file.parent / METADATA))
    return paths, seeded, trajectories, told


def opened_dataset(folder: Path) -> Opened:
    """The metadata of a folder `data`.

    Raises:
        DatasetError: they are damaged, say no spaces, or the data are kept in another way.
    """
    where = own_file(folder / METADATA)
    try:
        metadata = parse_json(read_bounded(where, MANIFEST_BYTES), infinite=True)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{where} cannot be read: {str(error)[:200]}") from error
    if not isinstance(metadata, dict):
        raise DatasetError(f"{where} is no metadata of Minari's")
    if (kind := metadata.get("data_format", HDF5)) not in (HDF5, *KINDS):
        raise DatasetError(
            f"{folder} keeps its data as {str(kind)[:40]}", expected=f"{HDF5}, {' or '.join(KINDS)}"
        )
    if missing := {"observation_space", "action_space"} - metadata.keys():
        raise DatasetError(
            f"{where} says no {' and no '.join(sorted(missing))}", remedy="save it again with a newer Minari"
        )
    note = folder.parent / NOTE
    known = carried(own_file(note)) if note.exists() else None
    spaces = Spaces(
        *(space_of(metadata[name], f"{where}: {name}") for name in ("observation_space", "action_space"))
    )
    return Opened(folder, metadata, known.spaces if known else spaces, known)


def _environment(opened: Opened) -> Mapping[str, Any] | None:
    if opened.known:
        return opened.known.environment
    return environment_of(opened.metadata.get("env_spec"), f"{opened.folder / METADATA}: env_spec")


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value[:TEXT_BYTES] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    """A text, or those of a list."""
    found = value if isinstance(value, list) else [value]
    return tuple(sorted(text[:1000] for text in found if isinstance(text, str)))


def _checked_count(file: hdf5.Hdf5File, opened: Opened) -> int:
    """How many episodes there are.

    Raises:
        DatasetError: there are others than the metadata say.
    """
    count = sum(name.startswith("episode_") for name in file.children())
    stated = opened.metadata.get("total_episodes")
    whole = all(GROUP.format(number) in file for number in range(count))
    if not count or not whole or stated != count:
        raise DatasetError(
            f"{opened.folder / MAIN} does not hold the episodes of its metadata",
            expected=f"{stated!s:.40}",
            got=count,
        )
    return count


def _trajectory(
    where: str,
    number: int,
    arrays: Mapping[str, list[Array]],
    attributes: Mapping[str, Any],
    opened: Opened,
) -> Trajectory:
    """An episode of its arrays by name, once they fit together and the spaces."""
    observed, acted = arrays["observations"], arrays["actions"]
    rewards, terminations, truncations = (arrays[name][0] for name in FLAGS)
    _check_lengths(where, observed, (*acted, rewards, terminations, truncations))
    flags = terminations.astype(bool).reshape(-1), truncations.astype(bool).reshape(-1)
    if any(flag[:-1].any() for flag in flags):
        raise DatasetError(f"{where} goes on after it has ended")
    seed = attributes.get("seed")
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        raise DatasetError(f"{where} has a seed that is none", got=repr(seed)[:40])
    fitted = all_fitted(observed, leaves(opened.spaces.observation), where)
    split = attributes.get("split") if opened.known else None
    return Trajectory(
        observations=tuple(array[:-1] for array in fitted),
        actions=all_fitted(acted, leaves(opened.spaces.action), where),
        final=tuple(array[-1] for array in fitted),
        rewards=rewards.reshape(-1).astype(np.float64),
        terminated=bool(flags[0][-1]),
        truncated=bool(flags[1][-1]),
        seed=seed,
        index=number,
        split="test" if split == "test" else "train",
    )


def _check_lengths(where: str, observed: list[Array], others: tuple[Array, ...]) -> None:
    """Refuse an episode without steps, or whose arrays do not fit together.

    Raises:
        DatasetError: it is one.
    """
    steps = {len(array) if array.ndim else 0 for array in others}
    if steps & {0} or steps != {len(array) - 1 if array.ndim else 0 for array in observed}:
        raise DatasetError(
            f"{where} has arrays of different lengths, or empty ones",
            expected="one observation more than there are actions, rewards and flags",
        )
    if any(array.size != len(array) for array in others[-3:]):
        raise DatasetError(f"{where} has more than one reward or flag a step")


def _arrays(file: hdf5.Hdf5File, name: str, space: gym.Space[Any], opened: Opened) -> list[Array]:
    """One array for each leaf, JPEG decoded."""
    found = []
    for leaf in leaves(space):
        part = "/".join([name, *map(part_name, leaf.path)])
        kept = opened.jpeg and is_jpeg(leaf)
        found.append(_images(file, part, leaf) if kept else file.read(part))
    return found


def _images(file: hdf5.Hdf5File, name: str, leaf: Leaf) -> Array:
    return np.stack([decoded(content, leaf, name) for content in file.contents(name)])
