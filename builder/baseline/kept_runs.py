"""The clones of a baseline that was interrupted, kept beside the dataset folder until it is whole."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.errors import storage_error
from builder.manifest.baseline import Run
from builder.storage.layout import RUNS, is_note
from builder.storage.limits import NOTE_BYTES
from builder.storage.paths import write_whole
from builder.storage.plain_json import read_json
from builder.storage.tree import is_file

log = logging.getLogger(__name__)


@dataclass
class KeptRuns:
    """Clones that are trained and have played, by the number of their demonstrations and their seed.

    Attributes:
        path: the file that holds them; None: they are not kept.
        about: what decides how a clone plays, beside these two; clones of anything else are not taken up.
        found: the clones.
    """

    path: Path | None
    about: Mapping[str, Any]
    found: dict[tuple[int, int], Run] = field(default_factory=dict)

    def take_up(self) -> None:
        """Read what an interrupted call has left; what is damaged or of something else is nothing."""
        if self.path is None or not is_file(self.path):
            return
        try:
            content = read_json(self.path, NOTE_BYTES)
            runs = [_run(entry) for entry in content[RUNS]] if content["about"] == self.about else []
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("%s is damaged: every clone is trained", self.path)
            return
        self.found = {(run.demos, run.seed): run for run in runs}

    def keep(self, run: Run) -> None:
        """Add a clone to the file.

        Raises:
            StorageError: it cannot be written.
        """
        self.found[run.demos, run.seed] = run
        if self.path is None:
            return
        whole = (run for run in self.found.values() if math.isfinite(run.mean + run.std))
        runs = [dataclasses.asdict(run) for run in whole]
        try:
            write_whole(self.path, json.dumps({"about": self.about, RUNS: runs}) + "\n")
        except OSError as error:
            raise storage_error(error, self.path) from error


def remove_runs(path: Path) -> None:
    """Remove such a file: its baseline is whole, or begins anew."""
    if is_note(path, RUNS):
        path.unlink()


def _run(entry: Mapping[str, Any]) -> Run:
    """A clone as the file has it.

    Raises:
        ValueError: it is none.
    """
    run = Run(**entry)
    counts, figures = (run.demos, run.seed), (run.mean, run.std)
    whole = all(type(count) is int for count in counts)
    if not whole or not all(type(figure) is float and math.isfinite(figure) for figure in figures):
        raise ValueError(f"no clone: {run}")
    return run
