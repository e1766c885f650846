"""`import`: files in another library's format become an ordinary dataset folder, whole or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import TextColumn

from builder.card import read_notes, write_card
from builder.dataset.collation import Collation
from builder.dataset.columns import ENDED, asked_for
from builder.dataset.distinct import Copies
from builder.dataset.folder import Tables
from builder.dataset.within import count_beyond, first_outside
from builder.display import Display
from builder.episodes.declared import stated
from builder.episodes.distinct import trajectory_digests
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.spaces import Array, Spaces, describe, leaves, next_observation_default
from builder.errors import DatasetError, ExistsError
from builder.exchange.contract import Incoming, Trajectory
from builder.exchange.formats import format_named, packages_of
from builder.exchange.repeats import repeated
from builder.exchange.spaces import adopted, exactly
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, Manifest, owned_files, read_manifest, seal
from builder.manifest.provenance import write_provenance
from builder.manifest.schema import check_inputs
from builder.storage.digest import file_sha256
from builder.storage.lock import locked
from builder.storage.staging import replaced
from builder.versions import DATA_FORMAT, OURS


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported, and how.

    Attributes:
        format: the name of a format.
        path: the file or folder.
        options: of the format.
        environment: id and kwargs, which go before what the source names; None: unsaid.
        license: what its author states; None: what the source states.
        replay: step the environment again, where it and the seeds are known, and say what it repeats.
        overwrite: replace another dataset.
    """

    format: str
    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
    license: str | None = None
    replay: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import ends with.

    Attributes:
        out: the dataset folder.
        manifest: of it.
        fresh: False where it was there already.
    """

    out: Path
    manifest: Manifest
    fresh: bool = True


def import_(request: ImportRequest, out: Path) -> Imported:
    """Bring files in another library's format to a dataset folder.

    Args:
        request: what, and how.
        out: the folder.

    Raises:
        ConfigError: there is no such format, option or environment.
        DatasetError: the files are damaged, do not fit together, or hold no episode.
        ExistsError: `out` holds something else.
        MissingExtraError: a package of the format is not installed.
        StorageError: the disk is full or not writable.
    """
    chosen = format_named(request.format)
    options = chosen.with_defaults(request.options, chosen.import_options)
    if not request.path.exists():
        raise DatasetError(
            f"there is nothing at {request.path}", remedy=f"path= takes a {chosen.name} dataset"
        )
    with packages_of(chosen), locked(out):
        incoming = adopted(chosen.read(request.path, options), request.environment)
        inputs = _inputs(request, incoming)
        check_inputs(inputs)
        if _stands(out, inputs, overwrite=request.overwrite):
            return Imported(out, read_manifest(out), fresh=False)
        notes = read_notes(out)
        with replaced(out, MANIFEST, owned_files) as folder:
            manifest = seal(_written(folder, incoming, inputs, chosen.name), folder)
            if request.replay and (said := repeated(folder, manifest)):
                manifest = seal(dataclasses.replace(manifest, notes=(*manifest.notes, *said)), folder)
            write_card(folder, notes=notes)
            write_provenance(folder)
    return Imported(out, read_manifest(out))


def _inputs(request: ImportRequest, incoming: Incoming) -> dict[str, Any]:
    """The inputs of the manifest: what was imported, and nothing of when or where."""
    root = request.path if request.path.is_dir() else request.path.parent
    files = [
        {"name": path.relative_to(root).as_posix(), "sha256": file_sha256(path), "size": path.stat().st_size}
        for path in sorted(incoming.files)
    ]
    whole = "final_observation" not in incoming.unsaid and next_observation_default(incoming.spaces[0])
    optional = [
        *(["next_observation"] if whole else []),
        *([ENDED] if incoming.ended else []),
        *incoming.extras,
    ]
    said = {
        "policy": incoming.policy,
        "authors": list(incoming.authors),
        "license": request.license or incoming.license,
        "about": incoming.about,
        "exported_from": incoming.exported_from,
    }
    return {
        "imported": {
            "format": request.format,
            "files": files,
            "unsaid": sorted(incoming.unsaid),
            "optional": sorted(optional),
            **{key: value for key, value in said.items() if value},
        },
        "packages": {OURS: DATA_FORMAT},
        **({"environment": dict(incoming.environment)} if incoming.environment else {}),
        **stated(incoming.columns),
    }


def _stands(out: Path, inputs: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Whether just this import is at `out`, whole.

    Raises:
        ExistsError: something else is.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / MANIFEST).is_file():
        raise ExistsError(f"{out} exists and is not a dataset of ours", remedy="choose another `out`")
    found = read_manifest(out)
    if found.identity == identity(inputs):
        hashes = {path: entry.sha256 for path, entry in found.files.items()}
        if all((out / path).is_file() and file_sha256(out / path) == sha for path, sha in hashes.items()):
            return True
    elif not overwrite:
        raise ExistsError(
            f"{out} holds another dataset",
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    return False


def _written(folder: Path, incoming: Incoming, inputs: dict[str, Any], name: str) -> Manifest:
    """Write the tables; the manifest is not sealed yet.

    Raises:
        DatasetError: there is no episode, or one does not fit.
    """
    copies, beyond, outside, count = Copies(0), 0, 0, 0
    plan = Collation(inputs, incoming.policy, *incoming.spaces, optional=asked_for(inputs))
    with ExitStack() as stack:
        tables = Tables(folder, plan, stack)
        display = stack.enter_context(Display(f"import from {name}", 0, TextColumn("")))
        for trajectory in incoming.trajectories():
            recording = recording_of(exactly(trajectory, incoming.spaces), count, incoming.spaces)
            beyond += count_beyond(incoming.spaces.observation, recording)
            outside += first_outside(incoming.spaces.action, recording.actions) is not None
            ordinals = np.array([count], np.int64)
            copies.sides(trajectory_digests(recording), ordinals)
            tables.write(trajectory.split, recording, trajectory.policy or incoming.policy, ordinals)
            count += 1
            display.show(count, f"{count:,} episodes")
    if not count:
        raise DatasetError("there is no episode in it")
    return Manifest(
        inputs=inputs,
        identity=identity(inputs),
        observation_space=describe(incoming.spaces.observation),
        action_space=describe(incoming.spaces.action),
        attempts=count,
        accepted=count,
        splits=dict(sorted(tables.splits.items())),
        files={},
        fingerprint="",
        notes=(*incoming.notes, *_of_actions(outside, count)),
        distinct=copies.count(),
        reference=incoming.reference,
        beyond_bounds=0 if "final_observation" in incoming.unsaid else beyond,
    )


def _of_actions(outside: int, count: int) -> Iterator[str]:
    if outside:
        yield f"{outside:,} of {count:,} episodes hold actions beyond the space that the source declares"


def recording_of(trajectory: Trajectory, index: int, spaces: Spaces) -> Recording:
    """An episode as the tables of a dataset take it; what is not known holds zeros, and has no column there.

    Args:
        trajectory: the episode.
        index: of the episode.
        spaces: what was observed, and what was done.

    Raises:
        DatasetError: its arrays differ in length, are of another shape, or it has no step.
    """
    steps = len(trajectory)
    rewards = np.zeros(steps) if trajectory.rewards is None else np.asarray(trajectory.rewards, np.float64)
    _check_shapes(trajectory, rewards, index, spaces)
    unknown = tuple(np.zeros_like(leaf[:1]) for leaf in trajectory.observations)
    ended = np.zeros(steps, bool)
    ended[-1] = bool(trajectory.ended)
    return Recording(
        attempts=np.array([index], np.int64),
        seeds=np.array([trajectory.seed or 0], np.uint64),
        lengths=np.array([steps], np.int64),
        returns=episode_returns(rewards, np.array([steps])),
        terminated=np.array([bool(trajectory.terminated)]),
        truncated=np.array([bool(trajectory.truncated)]),
        observations=trajectory.observations,
        actions=trajectory.actions,
        rewards=rewards,
        finals=unknown if trajectory.final is None else tuple(leaf[np.newaxis] for leaf in trajectory.final),
        extras={**trajectory.extras, **({} if trajectory.ended is None else {ENDED: ended})},
        attempt_extras={
            name: np.asarray(value)[np.newaxis] for name, value in trajectory.attempt_extras.items()
        },
    )


def _check_shapes(trajectory: Trajectory, rewards: Array, index: int, spaces: Spaces) -> None:
    steps = len(trajectory)
    if not steps:
        raise DatasetError(f"episode {index} has no step")
    if rewards.shape != (steps,):
        raise DatasetError(f"episode {index} has {steps} actions", got=f"rewards of shape {rewards.shape}")
    for what, space, arrays, rows in (
        ("observations", spaces.observation, trajectory.observations, (steps,)),
        ("actions", spaces.action, trajectory.actions, (steps,)),
        ("final observation", spaces.observation, trajectory.final, ()),
    ):
        for leaf, array in zip(leaves(space), arrays or (), strict=arrays is not None):
            if array.shape != (*rows, *leaf.shape):
                raise DatasetError(
                    f"the {what} of episode {index}", expected=f"{(*rows, *leaf.shape)}", got=array.shape
                )
