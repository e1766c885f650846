"""What a process that was killed has left beside a dataset folder, found by the next one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.storage.layout import Layout
from builder.storage.paths import is_part_of
from builder.storage.staging import recover
from builder.storage.workplace import passing_workplace, remove_passed


def remove_left_overs(out: Path) -> None:
    """Remove them, or bring back what was moved aside; the caller holds the lock of `out`."""
    recover(out)
    beside = Layout.of(out)
    remove_passed(out.parent, beside.rebuilds.name)
    notes = (beside.metrics.name, beside.request.name)
    for path in sorted(out.parent.iterdir()):
        if any(is_part_of(note, path) for note in notes):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def rebuild_folder(dataset: Path) -> Iterator[Path]:
    """A folder beside a dataset where it is built again, for the length of the block.

    Raises:
        OSError: it cannot be made.
    """
    prefix = Layout.of(dataset).rebuilds.name
    remove_passed(dataset.parent, prefix)
    with passing_workplace(dataset.parent, prefix) as folder:
        yield folder
