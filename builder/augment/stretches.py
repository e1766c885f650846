"""Episodes of a part, a few at a time, as rows of the merged tables.

Values pass as Arrow has them: nothing is decoded and encoded again, whatever columns there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.augment.parts import Part
from builder.augment.plan import FINAL, NEXT, QUALITY, SOURCE, Plan, name_of, positions_of
from builder.dataset.column import Column, Rows
from builder.dataset.schema import from_arrow, to_arrow
from builder.dataset.shards import shards
from builder.dataset.writer import row_group_rows
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array, Spaces
from builder.errors import DatasetError
from builder.replay import RecordedSplit, check_ranges


@dataclass(frozen=True)
class Stretch:
    """Neighbouring episodes of one source.

    Attributes:
        source: its name.
        steps: their rows of the part's transitions.
        episodes: their rows of the part's episodes.
        given: what the user calls the part; None: nothing.
        stated: what the source says of itself; None: nothing.
    """

    source: str
    steps: pa.Table
    episodes: pa.Table
    given: str | None = None
    stated: str | None = None

    @property
    def lengths(self) -> Array:
        """int64 [episodes]: the steps of each."""
        lengths: Array = self.episodes["row_end"].to_numpy() - self.episodes["row_start"].to_numpy()
        return lengths


def stretches(part: Part, split: str, plan: Plan) -> Iterator[Stretch]:
    """The episodes that are taken of a part's split, in order.

    About a row group's rows are held at a time, or one episode.

    Raises:
        DatasetError: a file is damaged, or another than the part's manifest says.
    """
    recorded = RecordedSplit(part.folder, part.manifest, split)
    positions = positions_of(part, split, plan.seed)
    wanted = None if positions is None else np.array(positions, np.int64)
    labels = {entry["name"]: entry.get("quality") for entry in plan.inputs["merged"]["sources"]}
    most, first = row_group_rows(plan.schemas["transitions"]), 0
    shards(part.folder, part.manifest, "transitions", split, hashed=True)
    for lines in _episodes(part, split):
        count = lines.num_rows
        kept = (
            np.arange(count)
            if wanted is None
            else wanted[(wanted >= first) & (wanted < first + count)] - first
        )
        for run in _runs(lines, kept, most):
            found = lines.slice(run.start, len(run))
            steps = recorded.steps(found["row_start"][0].as_py(), found["row_end"][-1].as_py())
            source = found[SOURCE][0].as_py() if SOURCE in found.column_names else name_of(part.manifest)
            yield Stretch(source, steps, found, part.quality, labels.get(source))
        first += count


def _episodes(part: Part, split: str) -> Iterator[pa.Table]:
    """The table of a split's episodes, a row group at a time."""
    import datasets  # noqa: F401  (makes the Arrow types of its arrays known, before a file is read)

    for path in shards(part.folder, part.manifest, "episodes", split, hashed=True):
        try:
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                lines = file.read_row_group(group)
                check_ranges(lines, part.name)
                yield lines
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(
                f"{part.name} cannot be read: {error}", remedy="build or pull it again"
            ) from error


def _runs(lines: pa.Table, kept: Array, most: int) -> Iterator[range]:
    """Neighbours among the kept lines: of one source, and of at most so many steps unless one has more."""
    if not len(kept):
        return
    starts, ends = (lines[name].to_numpy() for name in ("row_start", "row_end"))
    sources = lines[SOURCE].to_pylist() if SOURCE in lines.column_names else [""] * lines.num_rows
    begin = before = int(kept[0])
    for place in map(int, kept[1:]):
        apart = place != before + 1 or sources[place] != sources[begin]
        if apart or ends[place] - starts[begin] > most:
            yield range(begin, before + 1)
            begin = place
        before = place
    yield range(begin, before + 1)


def observed(stretch: Stretch, spaces: Spaces) -> Recording:
    """What was observed and done in a stretch; all else of the recording is zeros.

    Raises:
        DatasetError: a column does not hold the values of its space.
    """
    lengths = stretch.lengths
    count, rows = len(lengths), stretch.steps.num_rows
    observations = from_arrow(spaces.observation, stretch.steps["observation"])
    finals = tuple(np.zeros((count, *leaf.shape[1:]), leaf.dtype) for leaf in observations)
    if _said(stretch.episodes, FINAL):
        finals = from_arrow(spaces.observation, stretch.episodes[FINAL])
    return Recording(
        attempts=np.arange(count),
        seeds=np.zeros(count, np.int64),
        lengths=lengths,
        returns=np.zeros(count),
        terminated=np.zeros(count, bool),
        truncated=np.zeros(count, bool),
        observations=observations,
        actions=from_arrow(spaces.action, stretch.steps["action"]),
        rewards=np.zeros(rows),
        finals=finals,
    )


def merged_tables(
    stretch: Stretch, recording: Recording, plan: Plan, episode: int, row: int
) -> dict[str, pa.Table]:
    """The rows of both tables, by their names.

    Args:
        stretch: of a part.
        recording: what `observed` gives of it.
        plan: of the merge.
        episode: the number of the first episode, over all splits.
        row: the number of the first step in its split.

    Raises:
        DatasetError: a column holds other values than the merged dataset's.
    """
    lengths = stretch.lengths
    numbers = np.arange(episode, episode + len(lengths))
    ends = row + np.cumsum(lengths)
    computed = {
        "transitions": {"episode_index": np.repeat(numbers, lengths)},
        "episodes": {"episode_index": numbers, "row_start": ends - lengths, "row_end": ends},
    }
    rows = Rows(recording, numbers, np.full(len(lengths), "", object), row)
    found = {}
    for name, table in (("transitions", stretch.steps), ("episodes", stretch.episodes)):
        schema, columns = plan.schemas[name], []
        for column, field in zip(plan.columns[name], schema, strict=True):
            if column.name in computed[name]:
                values = pa.chunked_array([pa.array(computed[name][column.name], pa.int64())])
            else:
                values = _values(column, table, stretch, rows, plan)
            columns.append(_of_type(values, field, table.num_rows, stretch.source))
        found[name] = pa.table(columns, schema=schema)
    return found


def _of_type(values: pa.ChunkedArray | None, field: pa.Field, count: int, source: str) -> pa.ChunkedArray:
    """The values in the type of the merged column; nulls where there are none.

    Raises:
        DatasetError: they are of another.
    """
    if values is None:
        return pa.chunked_array([nulls(count, field.type)])
    try:
        return values if values.type == field.type else values.cast(field.type)
    except pa.ArrowException as error:
        raise DatasetError(
            f"the column {field.name} of {source} is of another type than in the merged dataset",
            expected=field.type,
            got=values.type,
            remedy="build the parts with the same columns",
        ) from error


def _values(
    column: Column, table: pa.Table, stretch: Stretch, rows: Rows, plan: Plan
) -> pa.ChunkedArray | None:
    """A column's values: the part's own, or computed, or the same for all; None: they are null."""
    label = stretch.given
    if column.name == QUALITY and label is None and not _said(table, QUALITY):
        label = stretch.stated
    if column.name == SOURCE:
        label = stretch.source
    if column.name in (SOURCE, QUALITY) and label is not None:
        return pa.chunked_array([pa.repeat(pa.scalar(label, pa.string()), table.num_rows)])
    if column.name in table.column_names:
        return table[column.name]
    if column.name == NEXT and NEXT not in plan.lacking[stretch.source]:
        return pa.chunked_array([to_arrow(plan.spaces.observation, column.arrays(rows, plan.spaces))])
    return None


def _said(table: pa.Table, name: str) -> bool:
    return name in table.column_names and table[name].null_count < table.num_rows


def nulls(count: int, kind: Any) -> pa.Array:
    """So many nulls of a type, the arrays of `datasets` among them."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.nulls(count, kind.storage_type))
    return pa.nulls(count, kind)
