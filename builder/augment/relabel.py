"""`relabel`: an expert says what it would do on recorded observations, whoever has played there.

Everything else is copied as it is, in a stream: memory holds the episodes that are shown in lockstep and one
row group.
"""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from builder.augment.labels import Labeller, labeller_of, shown
from builder.card import read_notes, write_card
from builder.dataset.collation import SHARD_MB, Collation
from builder.dataset.column import Rows
from builder.dataset.columns import asked_for
from builder.dataset.folder import Tables
from builder.display import Display
from builder.episodes.annotations import notes_of
from builder.episodes.declared import COLUMNS, EXPERT_ACTION
from builder.errors import ConfigError, DatasetError, ExistsError
from builder.experts.sources.expert import Expert
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, Manifest, owned_files, read_manifest, seal
from builder.manifest.provenance import write_provenance
from builder.manifest.schema import check_inputs
from builder.manifest.settings import RELABELLED
from builder.replay import RecordedSplit
from builder.storage.lock import locked
from builder.storage.staging import replaced
from builder.versions import package_versions


@dataclass(frozen=True)
class Relabelled:
    """What a relabelling ends with.

    Attributes:
        out: the folder of the new dataset.
        manifest: of it.
        fresh: False where it was there already.
    """

    out: Path
    manifest: Manifest
    fresh: bool = True


def relabel(
    folder: Path, expert: Expert, out: Path, *, teacher: Sequence[str] = (), overwrite: bool = False
) -> Relabelled:
    """Make a dataset of another one and of what an expert does on its observations.

    Args:
        folder: the dataset folder.
        expert: who labels.
        out: the folder of the new dataset.
        teacher: what the expert thinks of each step; of `builder.config.TEACHER`.
        overwrite: replace another dataset.

    Raises:
        ConfigError: `out` is the dataset itself, or the expert cannot say what it thinks.
        DatasetError: the dataset is damaged, has labels already, or lacks steps that the expert remembers.
        ExpertError: the expert cannot be asked.
        SpaceError: the expert is one of other spaces.
        ExistsError: something else is at `out`.
        StorageError: the disk is full or not writable.
    """
    manifest = read_manifest(folder)
    _refuse(folder, manifest)
    if out.resolve() == folder.resolve():
        raise ConfigError("to is the dataset itself", remedy="give another folder")
    labeller = labeller_of(expert, manifest, teacher)
    inputs = _inputs(folder, manifest, labeller, {"expert": dict(expert.identity), "teacher": [*teacher]})
    check_inputs(inputs)
    with locked(out):
        if _stands(out, inputs, pinned=expert.pinned, overwrite=overwrite):
            return Relabelled(out, read_manifest(out), fresh=False)
        notes = read_notes(out) or read_notes(folder)
        with replaced(out, MANIFEST, owned_files) as new:
            _write(new, inputs, folder, manifest, labeller)
            if (folder / "expert").is_dir():
                shutil.copytree(folder / "expert", new / "expert")
            seal(_labelled(manifest, inputs, [*expert.notes, *notes_of(labeller.thoughts)], expert.name), new)
            write_card(new, notes=notes)
            write_provenance(new)
    return Relabelled(out, read_manifest(out))


def _refuse(folder: Path, manifest: Manifest) -> None:
    """Refuse a dataset that takes no labels.

    Raises:
        DatasetError: it is such a one.
    """
    if not manifest.splits or not manifest.inputs:
        raise DatasetError(f"{folder} takes no labels: nothing says what its episodes are of")
    if "merged" in manifest.inputs:
        raise DatasetError(
            f"{folder} takes no labels: it was merged", remedy="relabel its parts, and merge what comes of it"
        )


_BUILT = (
    "its own expert gave it as it played (rollout.noise, rollout.switch, dataset.teacher); for another one's,"
    " relabel what export to=d4rl and import make of it"
)
"""What to do with a dataset that has been built with labels."""


def _inputs(folder: Path, manifest: Manifest, labeller: Labeller, asked: dict[str, Any]) -> dict[str, Any]:
    """The dataset's own inputs, and what labelled it: the expert, what it was asked, and of which dataset.

    Raises:
        DatasetError: the dataset has such columns.
    """
    inputs = copy.deepcopy(dict(manifest.inputs))
    names = [column.name for column in labeller.columns]
    if there := sorted({*names} & {*asked_for(inputs)}):
        built = not {RELABELLED, "imported"} & {*inputs}
        remedy = _BUILT if built else "relabel the dataset that it was made of"
        raise DatasetError(f"{folder} has a column {there[0]} already", remedy=remedy)
    inputs[COLUMNS] = [*inputs.get(COLUMNS, ()), *(column.to_json() for column in labeller.columns)]
    inputs[RELABELLED] = {
        **{key: value for key, value in asked.items() if value},
        "dataset": manifest.fingerprint,
        "columns": names,
        "packages": package_versions("builder", images=False),
    }
    return inputs


def _labelled(manifest: Manifest, inputs: dict[str, Any], notes: Sequence[str], name: str) -> Manifest:
    """The manifest of the new dataset, not yet sealed."""
    notes = [f"{EXPERT_ACTION} is of {name}: {note}" for note in notes]
    return dataclasses.replace(
        manifest,
        inputs=inputs,
        identity=identity(inputs),
        notes=(*manifest.notes, *notes),
        files={},
        sha256="",
    )


def _stands(out: Path, inputs: dict[str, Any], *, pinned: bool, overwrite: bool) -> bool:
    """Whether just this dataset is at `out`, whole.

    Raises:
        ExistsError: something else is, or may be.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / MANIFEST).is_file():
        raise ExistsError(f"{out} exists and is not a dataset of ours", remedy="choose another `to`")
    found = read_manifest(out)
    same = found.identity == identity(inputs)
    if same and pinned and found.whole(out):
        return True
    if not overwrite and not (same and pinned):
        raise ExistsError(
            f"{out} holds labels of an expert that is not pinned, so it may be another one"
            if same
            else f"{out} holds another dataset",
            remedy="choose another `to`, or give overwrite=true to replace it",
        )
    return False


def _write(new: Path, inputs: dict[str, Any], folder: Path, manifest: Manifest, labeller: Labeller) -> None:
    """The tables, episode after episode as they were."""
    dataset = inputs.get("config", {}).get("dataset", {})
    plan = Collation(
        inputs,
        "",
        manifest.spaces.observation,
        manifest.spaces.action,
        optional=asked_for(inputs),
        shard_size=dataset.get("shard_mb", SHARD_MB) * 10**6,
    )
    total = sum(split.episodes for split in manifest.splits.values())
    with ExitStack() as stack:
        tables = Tables(new, plan, stack)
        display = stack.enter_context(Display("relabel", total, MofNCompleteColumn(), TimeRemainingColumn()))
        written = 0
        for split, rows, labels in labelled(folder, manifest, labeller):
            recording = rows.recording
            recording = dataclasses.replace(recording, extras={**recording.extras, **labels})
            for policy, some in _by_policy(rows):
                tables.write(split, recording.select(some), policy, rows.episode_index[some])
            written += len(rows.episode_index)
            display.show(written, f"{written:,} of {total:,} episodes")


def labelled(
    folder: Path, manifest: Manifest, labeller: Labeller
) -> Iterator[tuple[str, Rows, dict[str, np.ndarray[Any, Any]]]]:
    """The episodes of a dataset in their order, some at a time: their split, they, and their labels by name.

    Raises:
        DatasetError: episodes lack steps, and the expert remembers.
        BuilderError: see `Labeller.labels`.
    """
    for split in sorted(manifest.splits):
        for some in shown(RecordedSplit(folder, manifest, split), manifest, labeller.lanes):
            labels = None if not some.whole and labeller.remembers else labeller.labels(some.rows.recording)
            if labels is None or (not some.whole and labeller.remembered(len(some.rows.episode_index))):
                raise DatasetError(
                    f"{labeller.name} remembers earlier steps, and {folder} does not hold all of them",
                    remedy="relabel the whole dataset, and take some of its steps then",
                )
            yield split, some.rows, labels


def _by_policy(rows: Rows) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Neighbouring episodes that one policy has played: its name, and which they are, bool [A]."""
    changes = np.flatnonzero(rows.policies[1:] != rows.policies[:-1]) + 1
    for part in np.split(np.arange(len(rows.policies)), changes):
        some = np.zeros(len(rows.policies), bool)
        some[part] = True
        yield str(rows.policies[part[0]]), some
