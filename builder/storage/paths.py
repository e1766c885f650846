"""Where a dataset and its chunks lie: in a folder of this machine, or behind a URL that fsspec knows.

A local path is a `pathlib.Path`, and nothing here changes what is done with it. A `RemotePath` has those of
its methods that the rest of the package uses, so that both are handled by the same code.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from builder.errors import ConfigError, MissingExtraError, missing_extra, storage_error
from builder.storage.durable import make_folder, put
from builder.storage.remote_path import RemotePath, one_line

LOCAL = ("file", "local")
EXTRAS = {"s3": "s3", "s3a": "s3"}
PACKAGES = {"gs": "gcsfs", "gcs": "gcsfs"}
"""What has to be installed for a protocol."""
PART = re.compile(r"\.(.+)\.[0-9a-f]+\.part")
"""A file half written: its name, and digits that no other has."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


AnyPath = Path | RemotePath


def sorted_paths(paths: Iterable[AnyPath]) -> list[AnyPath]:
    """Paths in their order."""
    return sorted(paths, key=str)


def local_path(path: AnyPath, what: str) -> Path:
    """A path of this machine.

    Raises:
        ConfigError: it is a URL, and what is to be done needs files.
    """
    if isinstance(path, RemotePath):
        raise ConfigError(
            f"{what} needs files of this machine, and {path} is a URL", remedy="give an `out` without ://"
        )
    return path


def place(text: str) -> AnyPath:
    """The path that a text means: a URL with a protocol, else a path of this machine. It always has a name.

    Where a link is in its place, it is where that leads: what is put there takes the place of no link.

    Raises:
        ConfigError: no such protocol, or nothing behind it; a path that no file can have.
        MissingExtraError: its package is not installed.
    """
    found = SCHEME.match(text)
    if not found:
        return _local_place(text)
    protocol, rest = found[1].lower(), text[found.end() :].rstrip("/")
    if protocol in LOCAL:
        return _local_place(f"/{rest.lstrip('/')}")
    if protocol == "hf":
        raise ConfigError(f"{text} is on the Hub", remedy="give hub.repo_id=user/name instead of it")
    if "/" not in rest.lstrip("/") or "::" in text or rest.endswith(("/.", "/..")):
        raise ConfigError(f"{text} does not name a folder", expected=f"{protocol}://BUCKET/NAME")
    _check_protocol(protocol, text)
    return RemotePath(f"{protocol}://{rest}")


def expanded(text: str) -> Path:
    """A path of this machine, with a home in place of `~`.

    Raises:
        ConfigError: there is no such home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{text} is in the home of nobody known here") from error


def _local_place(text: str) -> Path:
    path = expanded(text)
    try:
        str(path.absolute()).encode()
        if path.is_symlink() or path.name in ("", ".."):  # "." has no name of its own
            path = path.resolve()
        if "\0" in text:
            raise ConfigError(f"{text!r} does not name a folder")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{text} cannot be found, as the working folder is gone", remedy="change to another one"
        ) from error
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the path {text!r} is not UTF-8", remedy="rename it, or choose another one"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{text!r} is not the path of a folder: {error}") from error
    return path


def _check_protocol(protocol: str, text: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        raise ConfigError(
            f"{text} has a protocol that fsspec does not know", got=f"{protocol}://", remedy="e.g. s3://"
        ) from error
    except ImportError as error:
        if protocol in EXTRAS:
            raise missing_extra(f"{protocol}://", EXTRAS[protocol]) from error
        package = PACKAGES.get(protocol)
        raise MissingExtraError(
            f"{protocol}:// needs a package that is not installed",
            remedy=f"pip install {package}" if package else one_line(error),
        ) from error


@contextlib.contextmanager
def local_copy(path: AnyPath) -> Iterator[Path]:
    """The file as one of this machine, while it is read.

    Raises:
        FileNotFoundError: it is not there.
    """
    if isinstance(path, Path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
        copy = Path(folder) / path.name
        path.download(copy)
        yield copy


@contextlib.contextmanager
def atomic_file(path: AnyPath) -> Iterator[Path]:
    """The path of a temporary file, which becomes the one at `path`, on the disk, where the block ends well.

    On this machine it gets the mode of the user's umask; what a kill leaves, `is_part_of` knows.
    """
    if isinstance(path, Path):
        make_folder(path.parent)
        # A folder of its own: libraries have temporary files too, and modes other than the user's.
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        part.mkdir()
        try:
            yield part / path.name
            (part / path.name).chmod(part.stat().st_mode & 0o666)
            put(part / path.name, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return
    try:
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            copy = Path(folder) / path.name
            yield copy
            path.upload(copy)
    except OSError as error:
        raise storage_error(error, Path(tempfile.gettempdir()) / path.name) from error


def write_whole(path: AnyPath, text: str) -> None:
    """Write a text so that the file holds all of it, or what it held before.

    Raises:
        OSError: it cannot be written.
        StorageError: likewise, behind a URL.
    """
    if isinstance(path, Path):
        with atomic_file(path) as file:
            file.write_text(text, encoding="utf-8")
    else:
        path.write_text(text)


def is_part_of(name: str, path: Path) -> bool:
    """Whether a path is what a killed `atomic_file` of this name has left."""
    part = PART.fullmatch(path.name)
    return part is not None and part[1] == name and path.is_dir() and not path.is_symlink()


def is_part(path: Path) -> bool:
    """Whether a path is what a killed `atomic_file` has left: a folder with that file alone, or nothing."""
    part = PART.fullmatch(path.name)
    if part is None or path.is_symlink() or not path.is_dir():
        return False
    return {child.name for child in path.iterdir()} <= {part[1]}


def is_shared(probe: AnyPath) -> bool:
    """Whether this process sees a file that another has written, and may write beside it."""
    if isinstance(probe, Path):
        return probe.is_file() and os.access(probe.parent, os.W_OK)
    if not probe.is_file():
        return False
    answer = probe.parent / f"{probe.name}-{uuid.uuid4().hex}"
    answer.write_text("")
    answer.unlink()
    return True
