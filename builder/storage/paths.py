"""Where a dataset and its chunks lie: in a folder of this machine, or behind a URL that fsspec knows.

A local path is a `pathlib.Path`, and nothing here changes what is done with it. A `RemotePath` has those of
its methods that the rest of the package uses, so that both are handled by the same code.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from builder.errors import ConfigError, MissingExtraError, storage_error
from builder.storage.remote_path import RemotePath, one_line

LOCAL = ("file", "local")
PACKAGES = {"s3": '"il-builder[s3]"', "s3a": '"il-builder[s3]"', "gs": "gcsfs", "gcs": "gcsfs"}
"""What has to be installed for a protocol."""
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

    Raises:
        ConfigError: no such protocol, or nothing behind it.
        MissingExtraError: its package is not installed.
    """
    found = SCHEME.match(text)
    if not found:
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:
            raise ConfigError(f"{text} is in the home of nobody known here") from error
        return path if path.name not in ("", "..") else path.resolve()  # "." has no name of its own
    protocol, rest = found[1].lower(), text[found.end() :].rstrip("/")
    if protocol in LOCAL:
        return Path(f"/{rest.lstrip('/')}")
    if protocol == "hf":
        raise ConfigError(f"{text} is on the Hub", remedy="give hub.repo_id=user/name instead of it")
    if "/" not in rest.lstrip("/") or "::" in text or rest.endswith(("/.", "/..")):
        raise ConfigError(f"{text} does not name a folder", expected=f"{protocol}://BUCKET/NAME")
    _check_protocol(protocol, text)
    return RemotePath(f"{protocol}://{rest}")


def _check_protocol(protocol: str, text: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        raise ConfigError(
            f"{text} has a protocol that fsspec does not know", got=f"{protocol}://", remedy="e.g. s3://"
        ) from error
    except ImportError as error:
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
    """A temporary file, which becomes the file at `path` where the block ends well."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        return
    try:
        with tempfile.TemporaryDirectory(prefix="il-builder-") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            path.upload(temporary)
    except OSError as error:
        raise storage_error(error, Path(tempfile.gettempdir()) / path.name) from error


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
