"""Pictures for a dataset that has none: its episodes are stepped again and drawn; no expert is needed.

What comes of it is what a build with `dataset.pixels` gives, byte for byte: all else is copied from the
dataset, and compared bit for bit with what the environment gives while it is drawn.
"""

from __future__ import annotations

import copy
import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from builder.card import read_notes, write_card
from builder.config import ParallelConfig, check_size
from builder.dataset.collation import SHARD_MB, Collation
from builder.dataset.columns import asked_for
from builder.dataset.folder import Tables
from builder.environments.drawing import with_pixels
from builder.environments.environment import EnvironmentSpec
from builder.environments.pool import EnvironmentPool, turn
from builder.episodes.recording import joined
from builder.episodes.recording_file import SUFFIX, Header, read_recording, write_recording
from builder.errors import ConfigError, DatasetError, ExistsError, NotRepeatedError
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, Manifest, owned_files, read_manifest, seal
from builder.manifest.provenance import write_provenance
from builder.manifest.schema import check_inputs
from builder.parallel.backends import open_workers
from builder.parallel.cancellation import cancelled
from builder.replay import Difference, RecordedSplit, recorded_environment, settle
from builder.replay.replay import repeated, stepped
from builder.storage.lock import locked
from builder.storage.staging import replaced
from builder.versions import OURS, identity_version, package_versions

ONE = ParallelConfig(backend="threading", n_jobs=1)


@dataclass(frozen=True)
class PixelsRequest:
    """Pictures that are asked for.

    Attributes:
        out: the folder of the new dataset.
        size: `height` and `width`.
        parallel: on what the episodes are stepped.
        trusted: what only the manifest names may be imported, opened and run.
        kwargs: what the manifest keeps only as a reference.
        overwrite: replace another dataset.
        task_bytes: what the pictures of one task take in memory.
    """

    out: Path
    size: Mapping[str, int]
    parallel: ParallelConfig = ONE
    trusted: bool = False
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    task_bytes: int = 128 * 10**6


@dataclass(frozen=True)
class _Task:
    """Neighbouring episodes of a split, by their positions in its table; `path` is for what comes of them."""

    order: int
    folder: Path
    split: str
    positions: range
    environment: EnvironmentSpec
    path: Path


def add_pixels(
    folder: Path, request: PixelsRequest, report: Callable[[int, int], None] = lambda _, __: None
) -> Manifest:
    """Make a dataset of another one and of pictures of its steps.

    Args:
        folder: the dataset folder.
        request: what, and how.
        report: called with the episodes so far, and how many there are.

    Raises:
        ConfigError: this is no size of a picture.
        DatasetError: the dataset is damaged, has pictures, or does not say how to step its episodes again.
        NotRepeatedError: the environment gives something else than is recorded.
        EnvironmentError_: it cannot be drawn.
        ExistsError: something else is at `out`.
        StorageError: the disk is full or not writable.
    """
    check_size("to", request.size, remedy="add to.height=84 to.width=84")
    manifest, out = read_manifest(folder), request.out
    _refuse(folder, manifest)
    if out.absolute() == folder.absolute():
        raise ConfigError("to.path is the dataset itself", remedy="give another folder")
    positions = {name: range(split.episodes) for name, split in sorted(manifest.splits.items())}
    spec = recorded_environment(manifest, trusted=request.trusted, kwargs=request.kwargs)
    spec = with_pixels(settle(spec, folder, manifest, positions), **request.size)
    drawn = dataclasses.replace(manifest, **_inputs(manifest, request.size, spec), files={}, sha256="")
    with locked(out):
        if _stands(out, drawn, overwrite=request.overwrite):
            return read_manifest(out)
        notes = read_notes(out) or read_notes(folder)
        with replaced(out, MANIFEST, owned_files) as new, tempfile.TemporaryDirectory("il-builder-") as parts:
            tasks = _tasks(folder.absolute(), manifest, spec, Path(parts), request.task_bytes)
            _draw(tasks, request.parallel, report)
            _write(new, drawn, tasks)
            if (folder / "expert").is_dir():
                shutil.copytree(folder / "expert", new / "expert")
            seal(drawn, new)
            write_card(new, notes=notes)
            write_provenance(new)
    return read_manifest(out)


def _refuse(folder: Path, manifest: Manifest) -> None:
    """Refuse a dataset whose build could not have recorded pictures.

    Raises:
        DatasetError: it is such a one.
    """
    inputs = manifest.inputs
    why = (
        "it was imported"
        if "imported" in inputs
        else "it was merged; draw its parts and merge these"
        if "merged" in inputs
        else "it holds no episodes of a build of il-builder"
        if not manifest.splits or "environment" not in inputs or "config" not in inputs
        else "functions of its author's own recorded it"
        if inputs.get("own")
        else "it has pictures already"
        if manifest.spaces.shown is not None
        else ""
    )
    if why:
        raise DatasetError(f"{folder} takes no pictures: {why}")


def _inputs(manifest: Manifest, size: Mapping[str, int], spec: EnvironmentSpec) -> dict[str, Any]:
    """Inputs and identity of a build that records the pictures, and a note where other versions played."""
    inputs = copy.deepcopy(dict(manifest.inputs))
    inputs["config"]["dataset"]["pixels"] = dict(size)
    inputs["environment"]["drawn_by"] = spec.drawn_by
    played = inputs["packages"]
    here = {name: identity_version(name) or wanted for name, wanted in played.items() if name != OURS}
    drawing = package_versions("builder", images=True, drawn_by=spec.drawn_by)
    inputs["packages"] = dict(sorted({**drawing, **here, OURS: played[OURS]}.items()))
    check_inputs(inputs)
    others = [
        f"{name} {version}" for name, version in sorted(played.items()) if here.get(name, version) != version
    ]
    note = [f"it was played with {', '.join(others)}, and drawn with the versions that its manifest lists"]
    return {
        "inputs": inputs,
        "identity": identity(inputs),
        "notes": (*manifest.notes, *(note if others else [])),
    }


def _stands(out: Path, drawn: Manifest, *, overwrite: bool) -> bool:
    """Whether just this dataset is at `out`, whole.

    Raises:
        ExistsError: something else is.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / MANIFEST).is_file():
        raise ExistsError(f"{out} exists and is not a dataset of ours", remedy="choose another to.path")
    found = read_manifest(out)
    if found.identity == drawn.identity and found.whole(out):
        return True
    if not overwrite:
        raise ExistsError(
            f"{out} holds another dataset", remedy="choose another to.path, or add overwrite=true"
        )
    return False


def _tasks(folder: Path, manifest: Manifest, spec: EnvironmentSpec, parts: Path, most: int) -> list[_Task]:
    tasks: list[_Task] = []
    step = 3 * int(np.prod(spec.pixels or (1,)))
    for name, split in sorted(manifest.splits.items()):
        size = max(1, most * split.episodes // (step * max(split.rows, 1)))
        for first in range(0, split.episodes, size):
            positions = range(first, min(first + size, split.episodes))
            path = parts / f"{len(tasks)}{SUFFIX}"
            tasks.append(_Task(len(tasks), folder, name, positions, spec, path))
    return tasks


def _draw(tasks: Sequence[_Task], parallel: ParallelConfig, report: Callable[[int, int], None]) -> None:
    """Step and draw all episodes; each task leaves a file.

    Raises:
        NotRepeatedError: an episode is not repeated; of several, the first.
    """
    total, so_far = sum(len(task.positions) for task in tasks), 0
    found: dict[int, Difference] = {}
    with open_workers(parallel, shared=tasks[0].path.parent) as workers:
        for order, difference in stepped(workers, tasks[0].environment, _draw_task, tasks):
            if difference:
                found[order] = difference
            so_far += len(tasks[order].positions)
            report(so_far, total)
    if found:
        first = found[min(found)]
        raise NotRepeatedError(
            f"{tasks[0].environment.id}, stepped again, does not give what is recorded: {first}",
            expected=first.expected,
            got=first.got,
            remedy="only what is recorded is drawn; il-builder verify level=replay says more",
        )


def _draw_task(task: _Task) -> tuple[int, Difference | None]:
    """Step and draw a task's episodes, and write them as a recording; or the first difference."""
    split = RecordedSplit(task.folder, read_manifest(task.folder), task.split)
    pool, parts, policy = EnvironmentPool(task.environment), [], ""
    with turn(task.environment), closing(pool):
        for position in task.positions:
            if cancelled():
                return task.order, None
            episode = split.episode(position)
            played, difference = repeated(pool, episode)
            if played is None or difference:
                return task.order, difference
            recording, policy = episode.rows.recording, str(episode.rows.policies[0])
            parts.append(
                dataclasses.replace(
                    recording,
                    extras={**recording.extras, **played.extras},
                    attempt_extras={**recording.attempt_extras, **played.attempt_extras},
                )
            )
    write_recording(joined(parts), task.path, Header("", task.positions.start, task.positions.stop, policy))
    return task.order, None


def _write(new: Path, drawn: Manifest, tasks: Sequence[_Task]) -> None:
    """The tables, from what the tasks have left."""
    dataset = drawn.inputs["config"]["dataset"]
    plan = Collation(
        drawn.inputs,
        "",
        *drawn.spaces,
        optional=asked_for(drawn.inputs),
        shard_size=dataset.get("shard_mb", SHARD_MB) * 10**6,
    )
    folder = tasks[0].folder
    splits = {name: RecordedSplit(folder, read_manifest(folder), name) for name in drawn.splits}
    with ExitStack() as stack:
        tables = Tables(new, plan, stack)
        for task in tasks:
            recording, header = read_recording(task.path)
            ordinals = splits[task.split].episodes["episode_index"].to_numpy()
            chosen = ordinals[task.positions.start : task.positions.stop]
            tables.write(task.split, recording, header.policy, chosen)
            task.path.unlink()
