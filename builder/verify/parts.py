"""A merged dataset against the datasets that it was made of, those that are at hand."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.augment.merging import merge
from builder.augment.parts import Part
from builder.augment.plan import Plan
from builder.augment.stretches import merged_tables, observed, stretches
from builder.dataset.column import Column
from builder.dataset.schema import column_from_arrow
from builder.errors import DatasetError
from builder.manifest.identity import differences
from builder.manifest.manifest import MANIFEST, Manifest, covered, read_manifest
from builder.replay import Difference, RecordedSplit
from builder.replay.difference import first_difference
from builder.storage.limits import MANIFEST_BYTES
from builder.storage.plain_json import read_bounded
from builder.verify.checks import Check
from builder.verify.claims import PARTS
from builder.verify.files import check_files, check_manifest
from builder.versions import OURS

NEIGHBOURS = 1000
"""In so many folders beside a dataset its parts are looked for."""


def at_hand(folder: Path, manifest: Manifest, given: Sequence[Part], *, beside: bool) -> list[Part | None]:
    """The parts of a merged dataset, in their order; None: it is not here.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        given: what the user names.
        beside: look into the folders beside it, too.
    """
    entries = manifest.inputs["merged"]["parts"]
    wanted = {entry["fingerprint"] for entry in entries}
    found: dict[str, Part] = {part.manifest.fingerprint: part for part in given}
    if beside and wanted - found.keys():
        for part in _neighbours(folder, wanted - found.keys()):
            found.setdefault(part.manifest.fingerprint, part)
    return [_as_taken(found.get(entry["fingerprint"]), entry) for entry in entries]


def _as_taken(part: Part | None, entry: Mapping[str, Any]) -> Part | None:
    """The part with what the manifest says was taken of it."""
    if part is None:
        return None
    return dataclasses.replace(part, episodes=entry.get("taken"), quality=entry.get("quality"))


def _neighbours(folder: Path, wanted: set[str]) -> Iterator[Part]:
    for path in sorted(folder.absolute().parent.iterdir())[:NEIGHBOURS]:
        try:
            text = read_bounded(path / MANIFEST, MANIFEST_BYTES).decode()
            if any(fingerprint in text for fingerprint in wanted):
                yield Part(path.name, path, read_manifest(path))
        except (OSError, ValueError, DatasetError):
            continue


def check_parts(
    folder: Path, manifest: Manifest, given: Sequence[Part] = (), *, beside: bool = True
) -> Check:
    """Every value of the episodes whose part is at hand against that part, once its own files are checked.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        given: the parts that the user names.
        beside: look into the folders beside it, too.
    """
    if other := next(_others(manifest, given), None):
        return Check("parts", other, possible=False)
    parts = at_hand(folder, manifest, given, beside=beside)
    here = [part for part in parts if part]
    if not here:
        why = "none of them lies beside it; parts=[...] names them"
        return Check("parts", why, possible=False, asked=False)
    entries = manifest.inputs["merged"]["parts"]
    pairs = zip(parts, entries, strict=True)
    episodes = sum(sum(entry["episodes"].values()) for part, entry in pairs if part)
    compared = f"{len(here)} of {len(parts)} parts, {episodes:,} episodes, value for value"
    proves = (PARTS,) if len(here) == len(parts) else ()
    return Check("parts", compared, next(_differences(folder, manifest, parts), None), proves=proves)


def check_merged_again(
    folder: Path, manifest: Manifest, given: Sequence[Part] = (), *, beside: bool = True
) -> Check:
    """The parts, merged again, and the hashes of all files; the arguments are those of `check_parts`.

    Raises:
        BuilderError: they cannot be merged here.
    """
    found = at_hand(folder, manifest, given, beside=beside)
    parts, entries = [part for part in found if part], manifest.inputs["merged"]["parts"]
    if len(parts) < len(entries):
        why = f"{len(entries) - len(parts)} of its {len(entries)} parts are not here; parts=[...] names them"
        return Check("rebuild", why, possible=False)
    named = [
        dataclasses.replace(part, repo_id=entry.get("repo_id"))
        for part, entry in zip(parts, entries, strict=True)
    ]
    with tempfile.TemporaryDirectory(prefix="il-builder-verify-") as scratch:
        seed = manifest.inputs["merged"].get("seed", 0)
        again = merge(named, Path(scratch) / "merged", seed=seed).manifest
    expected, got = covered(again.files), covered(manifest.files)
    compared = f"{len(parts)} parts merged again, {len(expected)} files by sha256"
    for path in sorted(expected.keys() | got.keys()):
        if expected.get(path) != got.get(path):
            difference = Difference("another content", path, expected=expected.get(path), got=got.get(path))
            return Check("rebuild", compared, difference)
    return Check("rebuild", compared, next(_otherwise_said(again, manifest), None), proves=(PARTS,))


def _otherwise_said(again: Manifest, manifest: Manifest) -> Iterator[Difference]:
    """What a manifest says otherwise than that of its parts merged again, whatever version merged it."""
    for ours, theirs in ((again.inputs, manifest.inputs), (_counted(again), _counted(manifest))):
        for key, expected, got in differences(ours, theirs):
            if key != f"packages.{OURS}":
                yield Difference(
                    what=f"not what its parts say: {key}", file=MANIFEST, expected=expected, got=got
                )


def _counted(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in ("instances", "attempts", "accepted")}


def _others(manifest: Manifest, given: Sequence[Part]) -> Iterator[str]:
    """What is named and is no part, or no longer."""
    entries = manifest.inputs["merged"]["parts"]
    known = {entry["fingerprint"] for entry in entries}
    for part in given:
        if part.manifest.fingerprint not in known:
            yield f"{part.name} is none of its parts, or has changed since: merge again"


def _differences(folder: Path, manifest: Manifest, parts: Sequence[Part | None]) -> Iterator[Difference]:
    plan = Plan(
        tuple(part for part in parts if part),
        manifest.inputs,
        manifest.spaces,
        manifest.inputs["merged"].get("seed", 0),
        (),
    )
    splits = {name: RecordedSplit(folder, manifest, name) for name in manifest.splits}
    first, places = 0, dict.fromkeys(splits, 0)
    for part, entry in zip(parts, manifest.inputs["merged"]["parts"], strict=True):
        for name in sorted(entry["episodes"], key=lambda split: (split != "train", split)):
            count = entry["episodes"][name]
            if part:
                yield from _of_files(part)
                yield from _of_values(part, splits[name], plan, (first, places[name], count))
            first += count
            places[name] += count


def _of_files(part: Part) -> Iterator[Difference]:
    for check in (check_manifest(part.folder), check_files(part.folder, part.manifest)):
        if check.difference:
            yield dataclasses.replace(check.difference, what=f"the part {part.name}: {check.difference}")


def _of_values(
    part: Part, split: RecordedSplit, plan: Plan, where: tuple[int, int, int]
) -> Iterator[Difference]:
    """The first value of a split that is not the part's.

    Args:
        part: at hand.
        split: of the merged dataset.
        plan: of the merge.
        where: the number of the part's first episode, its place in the split, and how many follow.
    """
    episode, place, count = where
    end = place + count
    if split.split not in part.manifest.splits:
        yield Difference(what=f"the part {part.name} has no split {split.split!r}")
        return
    for stretch in stretches(part, split.split, plan):
        lines = split.episodes.slice(place, len(stretch.lengths))
        if lines.num_rows < len(stretch.lengths):
            break  # the count below says so
        row = lines["row_start"][0].as_py()
        expected = merged_tables(stretch, observed(stretch, plan.spaces), plan, episode, row)
        got = {"transitions": split.steps(row, row + stretch.steps.num_rows), "episodes": lines}
        for name, columns in plan.columns.items():
            for column in columns:
                if found := _first(column, expected[name], got[name], plan):
                    index = _episode(got[name], found.step)
                    yield dataclasses.replace(found, what=f"not what the part {part.name} has", episode=index)
        episode += len(stretch.lengths)
        place += len(stretch.lengths)
    if place != end:
        yield Difference(what=f"the number of episodes of the part {part.name}", expected=count, got=place)


def _first(column: Column, expected: pa.Table, got: pa.Table, plan: Plan) -> Difference | None:
    if column.name not in got.column_names or expected[column.name].equals(got[column.name]):
        return None
    known = dataclasses.replace(column, nullable=True)  # bit by bit, since NaN is not equal to itself
    arrays: list[Mapping[str, Any]] = [
        dict(
            zip(
                known.names(plan.spaces),
                column_from_arrow(known, table[column.name], plan.spaces),
                strict=True,
            )
        )
        for table in (expected, got)
    ]
    return first_difference(*arrays, file=None, episode=0)


def _episode(table: pa.Table, row: int | None) -> int:
    return int(table["episode_index"][min(row or 0, table.num_rows - 1)].as_py())
