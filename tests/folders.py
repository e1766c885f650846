"""What datasets hold, to compare them."""

from pathlib import Path

import numpy as np


def files(folder):
    """The files of a folder, at any depth, and their bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def same(ours, theirs):
    """Whether two datasets have the same arrays, dtypes included."""
    return list(ours) == list(theirs) and all(
        ours[name].dtype == theirs[name].dtype and np.array_equal(ours[name], theirs[name]) for name in ours
    )


def names(folder="."):
    """What lies in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())
