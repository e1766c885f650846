"""A folder is written beside its place, then put there.

`.NAME.staging/` beside `out` is a workplace. In it are `new`, which is being written, and `old`, which was at
`out`. A process that is killed leaves one of three states, told apart without a note: `new` alone is
unfinished; both, and nothing at `out`, mean that `old` belongs there; `old` alone has had its day.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from builder.errors import storage_error
from builder.storage.durable import flush, move
from builder.storage.layout import Layout
from builder.storage.paths import AnyPath, atomic_file
from builder.storage.remote_lock import check_held
from builder.storage.remote_path import RemotePath
from builder.storage.stand_ins import AT_ONCE, forget, original
from builder.storage.tree import files_in, is_folder, is_link, remove_empty
from builder.storage.workplace import is_workplace, make_workplace, remove_workplace

log = logging.getLogger(__name__)

NEW, OLD, LEFT = "new", "old", "left-"
OWNED = "old.json"
"""Which of the files in `old` are the dataset's: the others are somebody else's."""


@contextlib.contextmanager
def replaced(out: AnyPath, last: str, owned: Callable[[AnyPath], Collection[str]]) -> Iterator[Path]:
    """An empty folder, whose files take the place of those at `out` where the block ends well.

    It lies beside `out`, whose lock the caller holds; where that is behind a URL, in this machine's folder
    for temporary files.

    Args:
        out: what was there stays until the new one stands.
        last: the file that says that all others are there.
        owned: says which files of a folder are a dataset's; others stay at `out`.

    Raises:
        LockedError: another build has taken over what is behind the URL.
        StorageError: the disk is full or not writable, or something that this program has not made is in the
            way.
    """
    with _staging(out) as folder:
        try:
            yield folder
            _put_in_place(out, folder, last, owned(out))
        except OSError as error:
            raise storage_error(error, folder) from error


@contextlib.contextmanager
def _staging(out: AnyPath) -> Iterator[Path]:
    """An empty folder, gone at the end of the block."""
    if isinstance(out, RemotePath):
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            try:
                yield Path(folder)
            finally:
                forget(Path(folder))
        return
    recover(out)
    work = Layout.of(out).staging
    make_workplace(work)
    try:
        (work / NEW).mkdir()
        yield work / NEW
    finally:
        recover(out)


def recover(out: Path) -> None:
    """Undo or finish what a process that was killed has left beside `out`; the caller holds its lock."""
    work = Layout.of(out).staging
    if not is_workplace(work):
        remove_workplace(work)
        return
    old, unfinished = work / OLD, is_folder(work / NEW)
    if old.is_dir() and not unfinished:
        _retire(old, out, owned=_noted(work))
    elif old.is_dir() and _is_there(out):  # somebody has put something else in its place meanwhile
        _set_aside(old)
    elif old.is_dir():
        move(old, out)
    remove_workplace(work, keep=LEFT)


def _put_in_place(out: AnyPath, staging: Path, last: str, owned: Collection[str]) -> None:
    """What was there goes once the new one stands. Behind a URL it goes file by file."""
    if isinstance(out, RemotePath):
        check_held(Layout.of(out).lock, out)
        publish(staging, out, last, owned)
        return
    flush(staging)
    old = staging.with_name(OLD)
    if not _is_there(out):
        move(staging, out)
        return
    with atomic_file(staging.with_name(OWNED)) as note:
        note.write_text(json.dumps(sorted(owned)))
    try:
        move(out, old)
        move(staging, out)
    except BaseException:
        if old.is_dir() and not _is_there(out):
            move(old, out)
        raise
    _retire(old, out, owned=owned)


def _is_there(out: Path) -> bool:
    return is_link(out) or out.exists()


def _noted(work: Path) -> list[str]:
    try:
        return list(json.loads((work / OWNED).read_text()))
    except (OSError, ValueError):
        return []


def _retire(old: Path, out: Path, *, owned: Collection[str]) -> None:
    """Remove what was at `out`; what in it is not the dataset's comes back to `out`, or is left and named."""
    for path in files_in(old):
        name = path.relative_to(old)
        if name.as_posix() in owned and not is_link(path):
            path.unlink()
        elif out.is_dir() and not _is_there(out / name):
            with contextlib.suppress(OSError):
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                path.replace(out / name)
    remove_empty(old)
    if is_folder(old) and any(files_in(old)):  # an empty one that could not be removed goes with the rest
        _set_aside(old)


def _set_aside(old: Path) -> None:
    names = (old.with_name(f"{LEFT}{number}") for number in itertools.count(1))
    left = next(path for path in names if not _is_there(path))
    old.replace(left)
    log.warning("%s holds what il-builder has not made; it is left", left)


def publish(folder: Path, out: RemotePath, last: str, owned: Collection[str]) -> None:
    """Make what is behind a URL the dataset of a folder.

    Files that lie there already, under other names, are moved there: only what stands in for them is here. A
    folder as a whole cannot be renamed. Who is stopped meanwhile leaves a note beside it: see `unfinished`.

    Args:
        folder: of this machine.
        out: where to.
        last: the file that says that all others are there: it goes first and comes last.
        owned: the files that are there and the dataset's; others stay.
    """
    note = Layout.of(out).unfinished
    note.write_text("")
    (out / last).unlink(missing_ok=True)
    files = sorted(path.relative_to(folder).as_posix() for path in files_in(folder))
    for name in sorted({*owned} - {*files, last}):
        (out / name).unlink(missing_ok=True)
    there = {name: place for name in files if (place := original(folder / name))}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        moves = [pool.submit(place.move, out / name) for name, place in there.items()]
    for moved in moves:
        moved.result()
    for name in sorted((name for name in files if name not in there), key=lambda name: name == last):
        (out / name).upload(folder / name)
    note.unlink(missing_ok=True)


def unfinished(out: AnyPath) -> bool:
    """Whether what is behind a URL is what a build has left that was stopped while it uploaded."""
    return isinstance(out, RemotePath) and Layout.of(out).unfinished.is_file()
