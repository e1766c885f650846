"""Rebuild: the expert plays again, from nothing but the manifest, and every file must be the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa

from builder.composition import build_config
from builder.config import ParallelConfig
from builder.dataset.columns import arrays_by_name, recorded, tables_of
from builder.errors import storage_error
from builder.manifest.manifest import MANIFEST, Manifest, covered, fingerprint
from builder.manifest.rebuild import Given, rebuilt_config
from builder.manifest.settings import RELABELLED, before_labels
from builder.pipeline.controller import Controller
from builder.replay import Difference, RecordedSplit
from builder.replay.difference import first_difference
from builder.storage.left_overs import rebuild_folder
from builder.verify.checks import Check
from builder.verify.claims import REBUILD, REPLAY


def check_rebuild(
    folder: Path,
    manifest: Manifest,
    given: Given,
    parallel: ParallelConfig,
    labelled: Callable[[Path, Path], Manifest] | None = None,
) -> Check:
    """Build the dataset again beside the folder and compare the hashes of its files.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        given: what no manifest says.
        parallel: on what it is played.
        labelled: makes of the folder that was built another one, with labels.

    Raises:
        BuilderError: it cannot be built here.
    """
    with _beside(folder.resolve()) as parent:
        out = parent / "rebuilt"
        asked = dataclasses.replace(
            build_config([]), out=out, parallel=parallel, keep_chunks=False, verify_sample=0
        )
        before = before_labels(manifest)
        result = Controller().start(rebuilt_config(before, folder, asked, given), wanted=before)
        rebuilt = result.manifest or manifest
        made_of = fingerprint(before.identity, rebuilt.files)
        count = len(covered(manifest.files))
        compared = f"{manifest.accepted:,} episodes played again, {count} files by sha256"
        if labelled is not None:
            compared = compared.replace("played", "played and labelled")
            rebuilt, out = labelled(out, parent / "labelled"), parent / "labelled"
        found = _difference((folder, manifest), (out, rebuilt)) or _of_another(manifest, made_of)
        return Check("rebuild", compared, found, proves=(REPLAY, REBUILD))


def _of_another(manifest: Manifest, built: str) -> Difference | None:
    """Whether the labels are said to be of another dataset than the one that was built."""
    stated = manifest.inputs.get(RELABELLED, {}).get("dataset", built)
    if stated == built:
        return None
    what = "the dataset that was labelled"
    return Difference(what=what, file=MANIFEST, expected=built, got=stated)


@contextmanager
def _beside(dataset: Path) -> Iterator[Path]:
    """A folder beside a dataset for the length of the block.

    Raises:
        StorageError: it cannot be made.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(rebuild_folder(dataset))
        except OSError as error:
            raise storage_error(error, dataset.parent) from error
        yield folder


Dataset = tuple[Path, Manifest]


def _difference(given: Dataset, rebuilt: Dataset) -> Difference | None:
    files = [covered(manifest.files) for _, manifest in (given, rebuilt)]
    for path in sorted({**files[0], **files[1]}):
        got, expected = (side.get(path) for side in files)
        if got is None:
            return Difference(what="a rebuild has it, and the dataset does not", file=path)
        if expected is None:
            return Difference(what="not part of the rebuilt dataset", file=path)
        if expected != got:
            return _within(given, rebuilt, path) or Difference(
                what="another content", file=path, expected=f"sha256 {expected}", got=got
            )
    if given[1].rejected not in (None, rebuilt[1].rejected):
        return Difference(what="the returns of rejected attempts are others", file=MANIFEST)
    return None


def _within(given: Dataset, rebuilt: Dataset, path: str) -> Difference | None:
    """The first value that differs in a table; None where only its packing does."""
    split = Path(path).name.rsplit("-", 3)[0]
    sides = [RecordedSplit(folder, manifest, split) for folder, manifest in (rebuilt, given)]
    if path.startswith("episodes/"):
        return _first_unequal([side.episodes for side in sides], path)
    for position in range(min(side.episodes.num_rows for side in sides)):
        episodes = [side.episode(position) for side in sides]
        optional = set.intersection(*(set(recorded(episode.rows.recording)) for episode in episodes))
        tables = tables_of(rebuilt[1].inputs, optional)  # what a recording holds decides all other columns
        columns = [column for column in tables["transitions"] if column.holds]
        expected, got = (arrays_by_name(columns, episode.rows, sides[0].spaces) for episode in episodes)
        if found := first_difference(expected, got, file=episodes[1].file, episode=episodes[1].index):
            return found
    return None


def _first_unequal(sides: Sequence[pa.Table], path: str) -> Difference | None:
    expected, got = sides
    for position in range(min(expected.num_rows, got.num_rows)):
        for name in expected.column_names:
            pair = (expected[name][position].as_py(), got[name][position].as_py())
            if pair[0] != pair[1]:
                index = expected["episode_index"][position].as_py()
                return Difference(file=path, episode=index, column=name, expected=pair[0], got=pair[1])
    return None
