"""What a dataset amounts to, as files that other tools read: its figures as JSON, its returns as CSV.

The same dataset gives the same files on every machine; DVC shows them as metrics and plots.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from builder.card.contents import read_contents
from builder.card.figures import figures
from builder.errors import storage_error
from builder.manifest.manifest import read_manifest
from builder.replay import RecordedSplit

METRICS = "metrics.json"
RETURNS = "returns.csv"
COLUMNS = ("episode_index", "attempt_index", "length", "episode_return")


def write_report(folder: Path, target: Path) -> None:
    """Write `metrics.json` and `returns.csv` of a dataset folder.

    Args:
        folder: the dataset folder.
        target: where to; made if it is missing.

    Raises:
        DatasetError: the folder cannot be read.
        StorageError: the disk is full or not writable.
    """
    files = {METRICS: _metrics(folder), RETURNS: _returns(folder)}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (target / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise storage_error(error, target) from error


def _metrics(folder: Path) -> str:
    contents = read_contents(folder)
    manifest = contents.manifest
    found = figures(list(contents.endings.values()))
    metrics = {
        "attempts": manifest.attempts,
        "acceptance_rate": manifest.accepted / manifest.attempts,
        **{key: value for key, value in asdict(found).items() if not isinstance(value, dict)},
        "return": asdict(found.returns),
        "length": asdict(found.lengths),
    }
    return json.dumps(metrics, indent=1, sort_keys=True) + "\n"


def _returns(folder: Path) -> str:
    """One line per episode, in the order of `episode_index`."""
    manifest = read_manifest(folder)
    tables = [
        RecordedSplit(folder, manifest, name).episodes.select(COLUMNS) for name in sorted(manifest.splits)
    ]
    rows = pa.concat_tables(tables).sort_by("episode_index").to_pylist()
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
