"""`merge`: the episodes of several datasets become those of one, whole or not at all, in a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.progress import TextColumn

from builder.augment.parts import Part
from builder.augment.plan import SHORT, Plan, plan_of
from builder.augment.stretches import merged_tables, observed, stretches
from builder.card import read_notes, write_card
from builder.dataset.columns import FOLDERS
from builder.dataset.distinct import Copies
from builder.dataset.within import count_beyond
from builder.dataset.writer import ShardWriter
from builder.display import Display
from builder.episodes.distinct import trajectory_digests
from builder.episodes.spaces import describe
from builder.errors import ConfigError, ExistsError
from builder.manifest.identity import identity
from builder.manifest.manifest import MANIFEST, Manifest, Split, owned_files, read_manifest, seal
from builder.manifest.provenance import write_provenance
from builder.manifest.reference import common_reference
from builder.manifest.schema import check_inputs
from builder.storage.lock import locked
from builder.storage.staging import replaced


@dataclass(frozen=True)
class Merged:
    """What a merge ends with.

    Attributes:
        out: the dataset folder.
        manifest: of it.
        fresh: False where it was there already.
        grown: of what was there before, the parts that have more episodes now, a sentence each.
    """

    out: Path
    manifest: Manifest
    fresh: bool = True
    grown: tuple[str, ...] = ()


def merge(parts: Sequence[Part], out: Path, *, seed: int = 0, overwrite: bool = False) -> Merged:
    """Put the episodes of datasets together in one, in the order of the parts, numbered anew.

    Each episode stays in its split. The same parts give the same bytes. Where the parts of what is at `out`
    have only become more, or longer, it is made anew; memory holds one row group, however much there is.

    Args:
        parts: at least one.
        out: the folder of the new dataset.
        seed: of the draws, where only some episodes of a part are taken.
        overwrite: replace another dataset.

    Raises:
        ConfigError: `out` is a part, or a part has fewer episodes than are wanted of it.
        DatasetError: the spaces of the parts differ, or one is damaged.
        ExistsError: `out` holds something else.
        StorageError: the disk is full or not writable.
    """
    if inside := [part.name for part in parts if part.folder.resolve() == out.resolve()]:
        raise ConfigError(f"out is the part {inside[0]}", remedy="give another folder")
    plan = plan_of(parts, seed)
    check_inputs(plan.inputs)
    with locked(out):
        grown = _standing(out, plan, overwrite=overwrite)
        if grown is None:
            return Merged(out, read_manifest(out), fresh=False)
        notes = read_notes(out)
        with replaced(out, MANIFEST, owned_files) as folder:
            seal(_written(folder, plan), folder)
            write_card(folder, notes=notes)
            write_provenance(folder)
    return Merged(out, read_manifest(out), grown=grown)


def _standing(out: Path, plan: Plan, *, overwrite: bool) -> tuple[str, ...] | None:
    """What has grown of the parts of what is at `out`; None: just this merge is there, whole.

    Raises:
        ExistsError: something else is.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return ()
    if not (out / MANIFEST).is_file():
        raise ExistsError(f"{out} exists and is not a dataset of ours", remedy="choose another `out`")
    found = read_manifest(out)
    if found.identity == identity(plan.inputs):
        return None if found.whole(out) else ()
    grown = _grown(found.inputs, plan)
    if grown is None and not overwrite:
        raise ExistsError(
            f"{out} holds another dataset{_why(found.inputs, plan)}",
            remedy="choose another `out`, or give overwrite=true to replace it",
        )
    return grown or ()


def _grown(before: Mapping[str, Any], plan: Plan) -> tuple[str, ...] | None:
    """What has become more since, a sentence for each part; None: it is another merge, or may have lost."""
    old = before.get("merged", {}).get("parts")
    new = plan.inputs["merged"]["parts"]
    if not old or len(old) > len(new) or before["merged"].get("seed", plan.seed) != plan.seed:
        return None
    told = []
    for part, was, now in zip(plan.parts, old, new, strict=False):
        if was["fingerprint"] == now["fingerprint"] and _asked(was) == _asked(now):
            continue
        if "taken" in now or _asked(was) != _asked(now) or not _more(was, now):
            return None
        told.append(f"{part.name} has grown from {_count(was):,} to {_count(now):,} episodes")
    told.extend(f"{part.name} is new, {_count(now):,} episodes" for part, now in _after(old, plan))
    return tuple(told) or None


def _after(old: Sequence[Any], plan: Plan) -> Iterator[tuple[Part, Mapping[str, Any]]]:
    """The parts that follow those of before."""
    return zip(plan.parts[len(old) :], plan.inputs["merged"]["parts"][len(old) :], strict=True)


def _asked(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry.get("taken"), entry.get("quality")


def _more(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a part is the same one with more episodes."""
    same = "lineage" in now and was.get("lineage") == now["lineage"]
    return same and _count(now) > _count(was)


def _count(entry: Mapping[str, Any]) -> int:
    return sum(entry["episodes"].values())


def _why(before: Mapping[str, Any], plan: Plan) -> str:
    """Where it is this merge of earlier days, what has changed of a part."""
    old = before.get("merged", {}).get("parts", ())
    for part, was, now in zip(plan.parts, old, plan.inputs["merged"]["parts"], strict=False):
        if was["fingerprint"] != now["fingerprint"] and _asked(was) == _asked(now):
            if "lineage" in now and was.get("lineage") == now["lineage"]:
                return f": {part.name} had {_count(was):,} episodes in it, and would have {_count(now):,}"
            first = was["fingerprint"][:SHORT]
            return f": {part.name} is not the dataset that it was made of, whose fingerprint is {first}..."
    return ""


class _Tables:
    """The tables of a merged dataset while they are written, split by split."""

    def __init__(self, folder: Path, plan: Plan, stack: ExitStack) -> None:
        self._folder, self._plan, self._stack = folder, plan, stack
        self._writers: dict[str, dict[str, ShardWriter]] = {}
        self.splits: dict[str, Split] = {}

    def rows(self, split: str) -> int:
        """How many steps of a split have been written."""
        return self.splits[split].rows if split in self.splits else 0

    def write(self, split: str, tables: Mapping[str, pa.Table]) -> None:
        """Write the rows of both tables after those before."""
        if split not in self._writers:
            self._writers[split] = {name: self._opened(name, split) for name in FOLDERS}
        for name, table in tables.items():
            self._writers[split][name].write(table)
        before = self.splits.get(split, Split(0, 0))
        episodes, rows = tables["episodes"].num_rows, tables["transitions"].num_rows
        self.splits[split] = Split(before.episodes + episodes, before.rows + rows)

    def _opened(self, table: str, split: str) -> ShardWriter:
        target = self._folder / FOLDERS[table]
        target.mkdir(parents=True, exist_ok=True)
        return self._stack.enter_context(ShardWriter(target, split, schema=self._plan.schemas[table]))


def _written(folder: Path, plan: Plan) -> Manifest:
    """Write the tables; the manifest is not sealed yet."""
    copies, beyond, count = Copies(0), 0, 0
    total = sum(map(_count, plan.inputs["merged"]["parts"]))
    with ExitStack() as stack:
        tables = _Tables(folder, plan, stack)
        display = stack.enter_context(Display("merge", total, TextColumn("{task.completed} episodes")))
        for part in plan.parts:
            for split in sorted(part.manifest.splits, key=lambda name: (name != "train", name)):
                for stretch in stretches(part, split, plan):
                    recording = observed(stretch, plan.spaces)
                    tables.write(split, merged_tables(stretch, recording, plan, count, tables.rows(split)))
                    beyond += count_beyond(plan.spaces.observation, recording)
                    copies.sides(
                        trajectory_digests(recording), np.arange(count, count + len(stretch.lengths))
                    )
                    count += len(stretch.lengths)
                    display.show(count, f"{count:,} of {total:,} episodes")
    return Manifest(
        inputs=plan.inputs,
        identity=identity(plan.inputs),
        observation_space=describe(plan.spaces.observation),
        action_space=describe(plan.spaces.action),
        attempts=count,
        accepted=count,
        splits=dict(sorted(tables.splits.items())),
        files={},
        fingerprint="",
        instances=plan.instances,
        notes=plan.notes,
        distinct=copies.count(),
        beyond_bounds=beyond,
        reference=common_reference([part.manifest for part in plan.parts]),
    )
