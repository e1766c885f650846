"""Where datasets of Minari lie: below a root, each in a folder that its id names, in it the folder `data`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from builder.errors import ConfigError, DatasetError, ExistsError, suggest
from builder.exchange.contract import Options, Source
from builder.storage.paths import write_whole

DATA, METADATA, MAIN = "data", "metadata.json", "main_data.hdf5"
NAMESPACE = "namespace_metadata.json"
ID = re.compile(r"([-\w]+/)*[-\w]+-v\d+", re.ASCII)
"""As `DATASET_ID_RE` of minari/dataset/minari_dataset.py, less what would not be a path."""
DEEPEST, MOST_FOLDERS = 8, 10_000
"""Of a root that is searched."""


def dataset_id(source: Source, options: Options) -> str:
    """The name that an export gets, or that the user gives.

    Raises:
        ConfigError: it is none that Minari reads.
    """
    if (given := options["id"]) is not None:
        if not isinstance(given, str) or not ID.fullmatch(given) or DATA in given.split("/"):
            raise ConfigError(
                f"the option id of minari is {given!r}",
                expected="namespace/name-v0, of letters, digits, - and _",
            )
        return given
    environment = source.environment
    words = [environment["id"].replace(":", "/")] if environment else []
    parts = [part for word in (*words, f"{source.name}-v0") for part in word.split("/")]
    return "/".join(["il-builder", *(re.sub(r"[^-\w]", "-", part, flags=re.ASCII) or "-" for part in parts)])


def target(root: Path, source: Source, options: Options) -> Path:
    """The folder of an export.

    Raises:
        ConfigError: its name is none.
        ExistsError: it would lie within another dataset.
    """
    folder = root / dataset_id(source, options)
    for above in [parent for parent in folder.parents if parent.is_relative_to(root)]:
        if (above / DATA).exists():
            raise ExistsError(f"{above} is a dataset of Minari's", remedy="choose another root as to.path")
    return folder


def settle(root: Path, folder: Path) -> None:
    """Say of each folder between root and dataset that it is a namespace; what stands there stays."""
    for above in [parent for parent in folder.parents if parent.is_relative_to(root) and parent != root]:
        if not (above / NAMESPACE).exists():
            write_whole(above / NAMESPACE, "{}\n")


def found_dataset(path: Path, wanted: str | None) -> Path:
    """The `data` folder that a path means: it itself, its dataset's, or that of the root's dataset.

    Args:
        path: of a data folder, a dataset, or a root.
        wanted: the id of the dataset within the root; None: there is but one.

    Raises:
        ConfigError: there are several, or none of this id.
        DatasetError: there is none.
    """
    for folder in (path, path / DATA):
        if wanted is None and (folder / METADATA).is_file():
            return folder
    found = {folder.parent.relative_to(path).as_posix(): folder for folder in _datasets(path, 0)}
    if not found:
        raise DatasetError(f"{path} holds no dataset of Minari's", expected=f"{DATA}/{METADATA}")
    if wanted is None and len(found) == 1:
        return next(iter(found.values()))
    if wanted not in found:
        names = ", ".join(sorted(found)[:5])
        raise ConfigError(
            f"{path} holds {len(found)} datasets" if wanted is None else f"{path} holds no {wanted!r}",
            got=names,
            remedy="name one: from.id=" if wanted is None else suggest(wanted, found),
        )
    return found[wanted]


def _datasets(folder: Path, depth: int) -> Iterator[Path]:
    """The `data` folders below a folder; links are not followed."""
    if depth > DEEPEST or not folder.is_dir():
        return
    children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.is_symlink())
    if len(children) > MOST_FOLDERS:
        return
    for child in children:
        if child.name == DATA and (child / METADATA).is_file():
            yield child
            return
    for child in children:
        if not child.name.startswith("."):
            yield from _datasets(child, depth + 1)


def own_file(path: Path) -> Path:
    """A file of the dataset itself: no link, but one within the Hub client's cache to its own content.

    Raises:
        DatasetError: it lies elsewhere.
    """
    if not path.is_symlink():
        return path
    target = path.resolve()
    cache = next((parent.parent for parent in path.absolute().parents if parent.name == "snapshots"), None)
    if cache is None or not target.is_relative_to((cache / "blobs").resolve()):
        raise DatasetError(f"{path} is a link", expected="the file itself")
    return path
