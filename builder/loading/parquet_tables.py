"""Parquet files as tables of `datasets`: these files, with these types, whatever stands beside them."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.columns import known
from builder.dataset.images import STORAGE
from builder.dataset.schema import features
from builder.episodes.spaces import Spaces
from builder.errors import BuilderError, DatasetError

if TYPE_CHECKING:
    import datasets


def read_table(folder: Path, paths: Sequence[Path], table: str, spaces: Spaces) -> datasets.Dataset:
    """The rows of some files as `datasets` gives them, memory-mapped.

    Args:
        folder: the dataset folder, for an error.
        paths: the files, in order.
        table: transitions or episodes.
        spaces: what was observed, and what was done; they give the types.

    Raises:
        DatasetError: a file is damaged, or does not hold values of these types.
    """
    import datasets

    files = [glob.escape(str(path.absolute())) for path in paths]
    try:  # `load_dataset("parquet")` would report to a host of its own that it was called
        with _no_bar():
            found = datasets.Dataset.from_parquet(files, features=_types(paths[0], table, spaces))
    except BuilderError:
        raise
    except Exception as error:  # whatever its readers raise
        cause = str(error.__cause__ or error).partition("\n")[0]
        raise DatasetError(f"{folder} cannot be read: {cause:.300}", remedy="build it again") from error
    if any(path.null_count != len(path) for path in image_paths(found.data.table)):
        raise DatasetError(f"{folder} names files in place of images", expected="PNG files in its rows")
    return found


@contextmanager
def _no_bar() -> Iterator[None]:
    """Keep the bars of `datasets` off the terminal meanwhile, unless its user has asked for them."""
    from datasets.config import HF_DATASETS_DISABLE_PROGRESS_BARS as ASKED
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if ASKED is not None or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _types(path: Path, table: str, spaces: Spaces) -> datasets.Features:
    """The features of the columns that a file has: of those that are known, what the spaces give."""
    import datasets

    schema = pq.read_schema(path)
    columns = known(spaces, table)
    if table == "episodes" and "seed" in schema.names and str(schema.field("seed").type) == "uint64":
        columns["seed"] = dataclasses.replace(columns["seed"], kind="uint64")  # of an imported dataset
    found = [columns[name] for name in schema.names if name in columns]
    ours = datasets.Features.from_dict(features(found, spaces))
    plain = pa.schema([field for field in schema if field.name not in columns])  # without any metadata
    unknown = datasets.Features.from_arrow_schema(plain)
    return datasets.Features({name: ours.get(name) or unknown[name] for name in schema.names})


def image_paths(table: pa.Table) -> Iterator[pa.ChunkedArray]:
    """Of every image in a table, the field that could name a file, which `datasets` would open."""
    for column in table.columns:
        yield from _paths(column)


def _paths(column: Any) -> Iterator[pa.ChunkedArray]:
    if not pa.types.is_struct(column.type):
        return
    children = column.flatten()
    if column.type == STORAGE:
        yield children[1]
        return
    for child in children:
        yield from _paths(child)
