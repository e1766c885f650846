"""Steps from all over a dataset: enough to see how its values are distributed, however many it holds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset.partial import bring_group
from builder.dataset.schema import leaf_from_arrow
from builder.dataset.shards import shards
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import DatasetError
from builder.manifest.manifest import Manifest

MOST_STEPS = 200_000
MOST_VALUES = 4_000_000
"""Of all components together."""
MOST_COMPONENTS = 2048
"""A leaf of more components is not looked at."""


@dataclass(frozen=True)
class Part:
    """A leaf of the observation or of the action space, and its values.

    Attributes:
        part: observation or action.
        leaf: of the space.
        first: the place of its first component among those of all leaves.
        values: [steps, *leaf shape]; None: it holds pixels, or too many components to be looked at.
    """

    part: str
    leaf: Leaf
    first: int
    values: Array | None = None

    @property
    def name(self) -> str:
        """As in `Trajectories.arrays`."""
        return ".".join([self.part, *map(str, self.leaf.path)])


@dataclass(frozen=True)
class Sample:
    """Some steps of a dataset, or all of them.

    Attributes:
        steps: how many.
        total: how many the dataset has.
        parts: the leaves of observations, then those of actions.
    """

    steps: int
    total: int
    parts: tuple[Part, ...]


Group = tuple[Path, int, int]
"""A file, one of its row groups, and how many rows that has."""


def read_sample(folder: Path, manifest: Manifest, *, most_steps: int = MOST_STEPS) -> Sample:
    """Read the observations and actions of all steps, or of evenly spaced stretches where there are many.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        most_steps: about so many at the most, and fewer of many components.

    Raises:
        DatasetError: the files do not hold what the manifest says.
    """
    parts = list(_parts(manifest.spaces))
    wanted = [part for part in parts if _is_looked_at(part.leaf)]
    components = sum(math.prod(part.leaf.shape) for part in wanted)
    most = max(1, min(most_steps, MOST_VALUES // max(1, components)))
    try:
        groups = list(_groups(folder, manifest))
        chosen = spaced(groups, most) if wanted else []
        stride = max(1, math.ceil(sum(rows for *_, rows in chosen) / most))
        read = [_values(wanted, group, stride) for group in chosen]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DatasetError(f"the Parquet files of {folder} cannot be read: {error}") from error
    values = {
        part.name: np.concatenate(arrays)
        for part, arrays in zip(wanted, zip(*read, strict=True), strict=True)
        if arrays
    }
    return Sample(
        steps=max((len(array) for array in values.values()), default=0),
        total=sum(rows for *_, rows in groups),
        parts=tuple(dataclasses.replace(part, values=values.get(part.name)) for part in parts),
    )


def trajectories(sample: Sample, lengths: Array) -> list[bytes] | None:
    """Of each episode something that only its copies have too.

    Args:
        sample: of the dataset.
        lengths: int64 [episodes], in the order of the splits.

    Returns:
        None where not every step, or not all of it, was read.
    """
    if sample.steps != sample.total or any(part.values is None for part in sample.parts):
        return None
    ends = np.cumsum(lengths)
    rows = [np.ascontiguousarray(part.values) for part in sample.parts if part.values is not None]
    return [
        b"".join(values[end - length : end].tobytes() for values in rows)
        for end, length in zip(ends, lengths, strict=True)
    ]


def _parts(spaces: Spaces) -> Iterator[Part]:
    for name, space in spaces._asdict().items():
        first = 0
        for leaf in leaves(space):
            yield Part(name, leaf, first)
            first += math.prod(leaf.shape)


def _is_looked_at(leaf: Leaf) -> bool:
    pixels = leaf.dtype == np.uint8 and len(leaf.shape) >= 2
    return not pixels and math.prod(leaf.shape) <= MOST_COMPONENTS


def _groups(folder: Path, manifest: Manifest) -> Iterator[Group]:
    for split in sorted(manifest.splits, key=lambda name: (name != "train", name)):
        for path in shards(folder, manifest, "transitions", split):
            metadata = pq.read_metadata(path)
            for group in range(metadata.num_row_groups):
                yield path, group, metadata.row_group(group).num_rows


def spaced(groups: Sequence[Group], most: int) -> list[Group]:
    """Groups from the whole length, of about so many rows together; one at the least."""
    total = sum(rows for *_, rows in groups)
    count = len(groups) if total <= most else max(1, most * len(groups) // total)
    return [groups[(2 * index + 1) * len(groups) // (2 * count)] for index in range(count)]


def _values(parts: Sequence[Part], group: Group, stride: int) -> list[Array]:
    """Every so many of a group's values, per part."""
    path, number, _ = group
    names = [part.name for part in parts]
    bring_group(path, number, names)
    table = pq.ParquetFile(path).read_row_group(number, columns=names)
    return [leaf_from_arrow(part.leaf, table[part.part])[::stride] for part in parts]
