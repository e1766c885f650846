"""robomimic: one HDF5 file with a group for each demonstration.

Source: robomimic 0.3.0, utils/dataset.py (`SequenceDataset`) and scripts/conversion/convert_d4rl.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf, Spaces, is_image, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import BuilderError, ConfigError, DatasetError
from builder.exchange import hdf5
from builder.exchange.arrays import all_fitted
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory
from builder.exchange.note import carried, note_path
from builder.manifest.environment import arguments_of
from builder.storage.plain_json import parse_json

GYM_TYPE = 2
"""Of `EnvType` in robomimic/envs/env_base.py: an environment of gym's."""
ID_LENGTH = 500
"""Characters, as in a manifest."""
VALID = "mask/valid"
DEMO = re.compile(r"demo_(\d{1,12})")
KINDS = ("terminated", "truncated")
"""Of the end of a demonstration: attributes of ours, which robomimic passes over."""


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What robomimic's readers do not see."""
    yield Loss(
        "truncated", "robomimic has `dones` alone, the terminated; truncated is an attribute of its own"
    )
    for leaf in leaves(source.spaces.action):
        if not isinstance(leaf.space, gym.spaces.Box):
            yield Loss("action space", "robomimic takes the numbers of choices for continuous actions")
        elif np.any(leaf.space.low < -1) or np.any(leaf.space.high > 1):
            yield Loss("action bounds", "robomimic's policies act between -1 and 1; actions are not rescaled")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the file.

    Raises:
        ConfigError: robomimic has no such spaces, or something that it needs is not known.
    """
    source.needs("reward", "terminated", "truncated", "final_observation", format_name="robomimic")
    keys = [_key(leaf) for leaf in leaves(source.spaces.observation)]
    if len(leaves(source.spaces.action)) > 1:
        raise ConfigError("robomimic holds one array for each action", remedy="to=minari holds nested spaces")
    masks: dict[str, list[str]] = {}
    total = 0
    with hdf5.writing(path) as file:
        data = file.create_group("data")
        for number, trajectory in enumerate(source.trajectories()):
            _write_demo(data.create_group(f"demo_{number}"), keys, trajectory)
            masks.setdefault(trajectory.split, []).append(f"demo_{number}")
            total += len(trajectory)
        data.attrs["total"] = total
        data.attrs["env_args"] = _environment_text(source)
        if len(masks) > 1:
            hdf5.put_array(file, "mask/train", np.array(masks["train"], "S"))
            hdf5.put_array(file, VALID, np.array(masks["test"], "S"))


def _key(leaf: Leaf) -> str:
    """What an observation is called: as robomimic calls those of D4RL, where it has no name.

    Raises:
        ConfigError: its name has a slash, which would be a group.
    """
    if not leaf.path:
        return "image" if is_image(leaf) else "flat"
    if "/" in leaf.name:
        raise ConfigError(f"robomimic cannot hold {leaf.name!r}", expected="no '/' in a name")
    return leaf.name


def _write_demo(group: Any, keys: list[str], trajectory: Trajectory) -> None:
    for key, values in zip(keys, trajectory.all_observations(), strict=True):
        rows = _rows(values)
        hdf5.put_array(group, f"obs/{key}", rows[:-1])
        hdf5.put_array(group, f"next_obs/{key}", rows[1:])
    terminations, _ = trajectory.flags()
    hdf5.put_array(group, "actions", trajectory.actions[0].reshape(len(trajectory), -1))
    hdf5.put_array(group, "rewards", np.asarray(trajectory.rewards))
    hdf5.put_array(group, "dones", terminations)
    group.attrs["num_samples"] = len(trajectory)
    group.attrs["policy"] = trajectory.policy
    for name in KINDS:
        group.attrs[name] = bool(getattr(trajectory, name))
    if trajectory.seed is not None:
        group.attrs["seed"] = np.uint64(trajectory.seed)


def _rows(values: Array) -> Array:
    """[T, ...] with a last axis for numbers or channels: one number a step as [T, 1]."""
    grey = values.dtype == np.uint8 and values.ndim == 3
    return values[..., np.newaxis] if values.ndim == 1 or grey else values


def _environment_text(source: Source) -> str:
    """What robomimic makes the environment by; kwargs that JSON does not hold stay away."""
    environment = source.environment or {}
    try:
        kwargs = arguments_of(environment) if environment else {}
        json.dumps(kwargs, allow_nan=False)
    except (BuilderError, TypeError, ValueError):
        kwargs = {}
    named = {"env_name": environment.get("id", ""), "type": GYM_TYPE, "env_kwargs": kwargs}
    return json.dumps(named, sort_keys=True)


@dataclass(frozen=True)
class _Opened:
    """What a file says before its demonstrations are read.

    Attributes:
        demos: their groups, in the order of their numbers.
        keys: of the observations.
        spaces: of its arrays, without bounds.
        has: which arrays and attributes every demonstration has.
        test: the names of those that are kept apart.
        environment: as a manifest describes it; None: not known.
    """

    demos: list[str]
    keys: list[str]
    spaces: Spaces
    has: frozenset[str]
    test: frozenset[str]
    environment: dict[str, Any] | None


def read(path: Path, _options: Options) -> Incoming:
    """Open a file of robomimic's layout, ours or another's.

    Raises:
        DatasetError: it is none, is damaged, or its arrays do not fit together.
    """
    known = carried(note_path(path, folder=False))
    with hdf5.reading(path) as file:
        opened = _opened(file, path)
        spaces = known.spaces if known else opened.spaces
        keys = [_key(leaf) for leaf in leaves(spaces.observation)] if known else opened.keys

    def trajectories() -> Iterator[Trajectory]:
        with hdf5.reading(path) as file:
            for demo in opened.demos:
                yield _trajectory(file, demo, _Shape(spaces, keys, opened, path))

    unsaid = {
        "reward": "rewards" not in opened.has,
        "final_observation": "next_obs" not in opened.has,
        **{name: name not in opened.has for name in (*KINDS, "seed")},
    }
    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=(path,),
        unsaid=frozenset(name for name, absent in unsaid.items() if absent),
        ended="terminated" not in opened.has and "dones" in opened.has,
        environment=known.environment if known else opened.environment,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
    )


def _opened(file: hdf5.Hdf5File, path: Path) -> _Opened:
    if not file.is_group("data"):
        raise DatasetError(f"{path} is no file of robomimic's", got="no group data")
    numbers = {name: DEMO.fullmatch(name) for name in file.children("data")}
    demos = sorted((name for name, found in numbers.items() if found), key=lambda name: int(name[5:]))
    if not demos:
        raise DatasetError(f"{path} has no demonstrations", expected="data/demo_0")
    first = f"data/{demos[0]}"
    if not file.is_group(f"{first}/obs") or f"{first}/actions" not in file:
        raise DatasetError(f"{path}: {first}", expected="obs and actions")
    # A Dict space has an order of its own, which the leaves follow.
    keys = sorted(file.children(f"{first}/obs"))
    boxes = {key: _box(file, f"{first}/obs/{key}") for key in keys}
    if not boxes:
        raise DatasetError(f"{path}: {first} has no observations")
    observed = gym.spaces.Dict(boxes) if len(boxes) > 1 else boxes[keys[0]]
    spaces = Spaces(observed, _box(file, f"{first}/actions"))
    test = frozenset(file.texts(VALID)) if VALID in file else frozenset()
    if len(boxes) > 1:
        keys = [leaf.name for leaf in leaves(observed)]
    return _Opened(demos, keys, spaces, _common(file, demos), test, _environment(file))


def _box(file: hdf5.Hdf5File, name: str) -> gym.Space[Any]:
    return unbounded(file.shape(name)[1:], file.dtype(name))


def _common(file: hdf5.Hdf5File, demos: list[str]) -> frozenset[str]:
    """The arrays and attributes that every demonstration has; what only some say is not known."""
    parts = [{*file.children(f"data/{demo}"), *file.attributes(f"data/{demo}")} for demo in demos]
    return frozenset(set.intersection(*parts))


def _environment(file: hdf5.Hdf5File) -> dict[str, Any] | None:
    """Of gym's environments id and kwargs; those of other simulators are not ours to make."""
    try:
        given = parse_json(str(file.attributes("data").get("env_args", "null")).encode())
    except ValueError:
        return None
    if not isinstance(given, dict) or given.get("type") != GYM_TYPE:
        return None
    name, kwargs = given.get("env_name"), given.get("env_kwargs") or {}
    if not isinstance(name, str) or not 0 < len(name) <= ID_LENGTH or not isinstance(kwargs, dict):
        return None
    return {"id": name, "kwargs": kwargs, "max_episode_steps": None}


@dataclass(frozen=True)
class _Shape:
    """What the arrays of a demonstration become."""

    spaces: Spaces
    keys: list[str]
    opened: _Opened
    path: Path


def _trajectory(file: hdf5.Hdf5File, demo: str, shape: _Shape) -> Trajectory:
    """One demonstration.

    Raises:
        DatasetError: its arrays differ in length, or do not fit.
    """
    place, has, where = f"data/{demo}", shape.opened.has, f"{shape.path}: {demo}"
    found, attributes = leaves(shape.spaces.observation), file.attributes(f"data/{demo}")
    observed = [file.read(f"{place}/obs/{key}") for key in shape.keys]
    acted = file.read(f"{place}/actions")
    rewards = file.read(f"{place}/rewards") if "rewards" in has else None
    dones = file.read(f"{place}/dones") if "dones" in has else None
    following = shape.keys if "next_obs" in has else []
    nexts = [file.read(f"{place}/next_obs/{key}", len(acted) - 1) for key in following]
    arrays = [*observed, acted, *(one for one in (rewards, dones) if one is not None)]
    lengths = {one.shape[0] if one.ndim else 0 for one in arrays}
    if len(lengths) > 1 or not min(lengths) or any(len(one) != 1 for one in nexts):
        raise DatasetError(f"{where}: its arrays differ in length, or are empty", got=sorted(lengths))
    says = {name: bool(attributes[name]) for name in KINDS if name in has}
    return Trajectory(
        observations=all_fitted(observed, found, where),
        actions=all_fitted([acted], leaves(shape.spaces.action), where),
        final=tuple(one[0] for one in all_fitted(nexts, found, where)) if nexts else None,
        rewards=None if rewards is None else rewards.astype(np.float64).reshape(len(acted)),
        terminated=says.get("terminated"),
        truncated=says.get("truncated"),
        ended=bool(dones[-1]) if "terminated" not in says and dones is not None else None,
        seed=int(attributes["seed"]) if "seed" in has else None,
        index=int(demo.removeprefix("demo_")),
        policy=str(attributes["policy"]) if "policy" in has else "",
        split="test" if demo in shape.opened.test else "train",
    )


FORMAT = Format(
    name="robomimic",
    about="one HDF5 file with a group for each demonstration: robomimic",
    suffix=".hdf5",
    write=write,
    read=read,
    losses=losses,
    labels=True,
    opened=(
        "import h5py; from robomimic.utils.dataset import SequenceDataset; "
        'dataset = SequenceDataset("{path}", obs_keys=[*h5py.File("{path}")["data/demo_0/obs"]], '
        'dataset_keys=("actions", "rewards", "dones"))'
    ),
)
