"""A dataset in Minari's HDF5 (0.5.4, minari/dataset/_storages/hdf5_storage.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, Leaf, leaves
from builder.exchange import hdf5
from builder.exchange.contract import Loss, Options, Source, Trajectory
from builder.exchange.infos import INFOS, of_numbers, rows_from_reset
from builder.exchange.minari.environment import requirements, spec_text
from builder.exchange.minari.place import DATA, MAIN, METADATA, dataset_id
from builder.exchange.minari.serialized import part_name, space_text
from builder.storage.paths import write_whole

VERSION = "0.5.4"
"""Which Minari reads it: the first that can be told that images are not JPEG."""
EPISODE = "episode_{}"


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What Minari's readers do not say."""
    if len(source.chosen) > 1:
        yield Loss("split", "only the attribute `split` of an episode's group says which are of test")
    if spec_text(source.environment) is None:
        yield Loss("environment", "it is not registered here, or has arguments that JSON does not hold")
    elif source.environment and {"preprocessing", "wrappers"} & source.environment.keys():
        yield Loss("wrappers", "env_spec is of the environment without what was put around it")
    steps, of_reset = (of_numbers(source.declared, table) for table in ("transitions", "episodes"))
    for key in sorted({*steps} & {*of_reset}):
        if steps[key].kind != of_reset[key].kind:
            yield Loss(f"info.{key} of episodes", "it is of another type than that of steps")
    for leaf in (*leaves(source.spaces.observation), *leaves(source.spaces.action)):
        if isinstance(leaf.space, gym.spaces.Discrete) and leaf.dtype != np.int64:
            yield Loss(
                "dtype", f"Minari declares every Discrete space as int64; the values stay {leaf.dtype}"
            )
            return


def write(source: Source, path: Path, options: Options) -> None:
    """Write the folder of the dataset.

    Raises:
        ConfigError: something that it needs is not known, or a key cannot be named in HDF5.
    """
    needed = ("reward", "terminated", "truncated", "final_observation")
    source.needs(*needed, format_name="minari")
    spaces = [space_text(space) for space in source.spaces]  # refuses what HDF5 cannot name
    data = path / DATA
    data.mkdir(parents=True)
    steps = 0
    with hdf5.writing(data / MAIN) as file:
        for number, trajectory in enumerate(source.trajectories()):
            _write_episode(file.create_group(EPISODE.format(number)), number, trajectory, source)
            steps += len(trajectory)
    metadata = _metadata(source, options, steps, (data / MAIN).stat().st_size)
    metadata |= {"observation_space": spaces[0], "action_space": spaces[1]}
    write_whole(data / METADATA, json.dumps(metadata, indent=1, sort_keys=True) + "\n")


def _write_episode(group: Any, number: int, trajectory: Trajectory, source: Source) -> None:
    group.attrs["id"] = number
    group.attrs["total_steps"] = len(trajectory)
    group.attrs["split"] = trajectory.split
    if trajectory.seed is not None:
        group.attrs["seed"] = trajectory.seed
    _put(group, "observations", leaves(source.spaces.observation), trajectory.all_observations())
    _put(group, "actions", leaves(source.spaces.action), trajectory.actions)
    hdf5.put_array(group, "rewards", np.asarray(trajectory.rewards))
    steps, of_reset = (of_numbers(source.declared, table) for table in ("transitions", "episodes"))
    for key in sorted({*steps, *of_reset}):
        values, said = rows_from_reset(trajectory, key, steps)
        hdf5.put_array(group, f"{INFOS}/{key}", values)
        hdf5.put_array(group, f"{INFOS}/_{key}", said)
    for name, flags in zip(("terminations", "truncations"), trajectory.flags(), strict=True):
        hdf5.put_array(group, name, flags)


def _put(group: Any, name: str, parts: Sequence[Leaf], arrays: Sequence[Array]) -> None:
    """Nested arrays as groups in groups, as their space is."""
    for leaf, array in zip(parts, arrays, strict=True):
        hdf5.put_array(group, "/".join([name, *map(part_name, leaf.path)]), array)


def _metadata(source: Source, options: Options, steps: int, size: int) -> dict[str, Any]:
    environment = source.environment
    played = f" in {environment['id']}" if environment else ""
    found: dict[str, Any] = {
        "total_episodes": source.episodes,
        "total_steps": steps,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "dataset_id": dataset_id(source, options),
        "minari_version": VERSION,
        "dataset_size": round(size / 1e6, 1),
        "algorithm_name": source.name,
        "description": f"{source.episodes:,} episodes of {source.name}{played}, recorded by il-builder;"
        f" fingerprint {source.manifest.fingerprint}",
        "requirements": requirements(source),
    }
    found |= source.reference
    if authors := source.manifest.inputs.get("imported", {}).get("authors"):
        found["author"] = list(authors)
    if spec := spec_text(environment):
        found["env_spec"] = spec
    return found
