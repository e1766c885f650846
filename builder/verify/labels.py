"""Labels of recorded observations: the expert that gave them is asked again, and each must be the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from builder.augment.labels import ROLLOUT, labeller_of
from builder.augment.relabel import labelled, relabel
from builder.config import ParallelConfig
from builder.episodes.declared import VALID
from builder.episodes.spaces import Array
from builder.experts.sources.expert import Expert
from builder.experts.sources.load import load_expert
from builder.manifest.manifest import Manifest
from builder.manifest.rebuild import Given, expert_again
from builder.manifest.settings import RELABELLED, before_labels, rebuild_settings
from builder.replay import Difference, RecordedSplit
from builder.replay.difference import first_difference
from builder.verify.checks import Check
from builder.verify.claims import REBUILD
from builder.verify.rebuild import check_rebuild


def check_labels(folder: Path, manifest: Manifest, given: Given, parallel: ParallelConfig) -> Check:
    """Ask the expert again for every label; where what it has labelled can be built again, do both.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        given: what no manifest says.
        parallel: on what it is played.

    Raises:
        BuilderError: the expert cannot be had here, or not asked.
    """
    stated = manifest.inputs[RELABELLED]["expert"]
    config = expert_again(stated, given)
    if config is None:
        said = f"its labels are of {stated['name']!r}, which was a program's own, or is not known here"
        return Check("rebuild", said, possible=False)
    expert, teacher = load_expert(config, ROLLOUT), manifest.inputs[RELABELLED].get("teacher", ())
    steps = sum(split.rows for split in manifest.splits.values())
    compared = f"the labels of {steps:,} steps, given again; its episodes cannot be built again"
    found = _another(stated, expert.identity) or next(_differences(folder, manifest, expert), None)
    if found or rebuild_settings(before_labels(manifest)) is None:
        return Check("rebuild", compared, found, proves=(REBUILD,))
    return check_rebuild(
        folder,
        manifest,
        given,
        parallel,
        lambda built, out: relabel(built, expert, out, teacher=teacher).manifest,
    )


def _another(stated: Mapping[str, Any], found: Mapping[str, Any]) -> Difference | None:
    """Whether the expert that was found is another one than the manifest names."""
    for key in ("sha256", "version"):
        if stated.get(key) != found.get(key):
            what = f"the {key} of the expert {stated['name']!r}"
            return Difference(what=what, expected=stated.get(key), got=found.get(key))
    return None


def _differences(folder: Path, manifest: Manifest, expert: Expert) -> Iterator[Difference]:
    """Episode by episode, the first label that is another one."""
    labeller = labeller_of(expert, manifest, manifest.inputs[RELABELLED].get("teacher", ()))
    for split, rows, given in labelled(folder, manifest, labeller):
        labels = _as_read(given)
        recording, here = rows.recording, RecordedSplit(folder, manifest, split)
        if lost := [name for name in labels if name not in recording.extras]:
            yield Difference(what=f"the column {lost[0]} is not there, which the expert was asked for")
            return
        recorded = {name: recording.extras[name] for name in labels}
        for index, first, steps in zip(rows.episode_index, recording.starts, recording.lengths, strict=True):
            expected, got = (
                {name: values[first : first + steps] for name, values in side.items()}
                for side in (labels, recorded)
            )
            file = here.file_of(rows.first_row + int(first))
            if found := first_difference(expected, got, file=file, episode=int(index)):
                yield found


def _as_read(labels: Mapping[str, Array]) -> dict[str, Array]:
    """Labels with NaN where they have no value, as they are read from a file."""
    found = dict(labels)
    for name, valid in labels.items():
        base, _, last = name.rpartition(".")
        if last == VALID and base in labels and labels[base].dtype.kind == "f":
            found[base] = labels[base].copy()
            found[base][~valid] = np.nan
    return found
