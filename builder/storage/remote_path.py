"""A file or folder behind a URL that fsspec knows, with the methods of a `pathlib.Path` that are used here.

Credentials and endpoints are fsspec's own business: they come from the environment or its configuration.
"""

from __future__ import annotations

import contextlib
import fnmatch
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import BuilderError, StorageError

WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "memory")
"""Stores where a file appears whole or not at all, and that have no folders to make."""


@dataclass(frozen=True)
class Facts:
    """What is known of a file, by the names of `os.stat_result`."""

    st_size: int


@dataclass(frozen=True, order=True)
class RemotePath:
    """A file or folder behind a URL.

    Attributes:
        url: `protocol://store/path`, without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    @property
    def protocol(self) -> str:
        """What stands before `://`."""
        return self.url.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        """The folder that it is in."""
        return RemotePath(self.url.rpartition("/")[0])

    def absolute(self) -> RemotePath:
        return self

    def resolve(self) -> RemotePath:
        return self

    def relative_to(self, folder: RemotePath) -> Path:
        """Its path within a folder that it is in."""
        return Path(self.url.removeprefix(f"{folder.url}/"))

    def exists(self) -> bool:
        return self._kind() is not None

    def is_file(self) -> bool:
        return self._kind() == "file"

    def is_dir(self) -> bool:
        return self._kind() == "directory"

    def stat(self) -> Facts:
        """Its size.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            return Facts(int(store.info(path)["size"]))

    def stamp(self) -> str:
        """What the store says of it without reading it: another one once it was written again.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            return str(store.checksum(path))

    def iterdir(self) -> Iterator[RemotePath]:
        """What is in this folder."""
        with self._reading() as (store, path), contextlib.suppress(FileNotFoundError):
            for found in sorted(store.ls(path, detail=False)):
                if (name := found.rstrip("/").rpartition("/")[2]) and found.rstrip("/") != path.rstrip("/"):
                    yield self / name

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """What is in this folder, and has a name of this pattern."""
        return (child for child in self.iterdir() if fnmatch.fnmatchcase(child.name, pattern))

    def rglob(self, pattern: str) -> Iterator[RemotePath]:
        """The files in this folder and in those in it, of names of this pattern."""
        with self._reading() as (store, path), contextlib.suppress(FileNotFoundError):
            for found in sorted(store.find(path)):
                if fnmatch.fnmatchcase(found.rpartition("/")[2], pattern):
                    yield self / found[len(path.rstrip("/")) + 1 :]

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Its text.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            return bytes(store.cat_file(path)).decode(encoding, errors)

    def head(self, size: int) -> bytes:
        """Its first bytes, at most so many.

        Raises:
            FileNotFoundError: it is not there.
        """
        return self.part(0, size)

    def part(self, start: int, stop: int) -> bytes:
        """Its bytes from one up to another (exclusive), as far as there are any.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            return bytes(store.cat_file(path, start=start, end=stop))

    def write_text(self, text: str) -> None:
        """Write it whole."""
        with self._writing() as (store, path):
            store.pipe_file(path, text.encode())

    def create(self, text: str) -> bool:
        """Write it unless it is there; whether it was written."""
        with self._writing() as (store, path):
            try:
                store.pipe_file(path, text.encode(), mode="create")
            except FileExistsError:
                return False
        return True

    def download(self, target: Path) -> None:
        """Copy it to a file of this machine.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            store.get_file(path, str(target))

    def upload(self, source: Path) -> None:
        """Make it a copy of a file of this machine; it appears whole."""
        with self._writing() as (store, path):
            if self.protocol in WHOLE:
                store.put_file(str(source), path)
                return
            part = path[: -len(self.name)] + f".{self.name}.{uuid.uuid4().hex}.part"
            store.put_file(str(source), part)
            store.mv(part, path)

    def move(self, target: RemotePath) -> None:
        """Give it another place in the same store, whose own business that is: no byte comes here.

        Raises:
            StorageError: it is not there, or `target` cannot be written.
        """
        with target._writing() as (store, there), self._reading() as (_, here):
            store.mv(here, there)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self._reading() as (store, path):
            try:
                store.rm_file(path)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: folders come with the files in them."""

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        with self._reading() as (store, path), contextlib.suppress(FileNotFoundError):
            store.rm(path, recursive=True)

    def _kind(self) -> str | None:
        with self._reading() as (store, path):
            try:
                return str(store.info(path)["type"])
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Any, str]]:
        """The store and the path in it; what fails is explained, but for a file that is not there."""
        try:
            yield _store(self.url)
        except (BuilderError, FileNotFoundError):
            raise
        except Exception as error:
            raise _explained(error, self.url) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[Any, str]]:
        """The same for a file to be written; none can be missing, so the bucket is."""
        try:
            with self._reading() as (store, path):
                if self.protocol not in WHOLE:
                    store.makedirs(path[: -len(self.name) - 1], exist_ok=True)
                yield store, path
        except FileNotFoundError as error:
            raise StorageError(
                f"{self.url} cannot be written: {one_line(error)}",
                remedy="make the bucket or folder first, or choose another `out`",
            ) from error


def _store(url: str) -> tuple[Any, str]:
    """The file system, which remembers no listing as other machines write as well, and the path in it."""
    import fsspec

    found: tuple[Any, str] = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return found


def _explained(error: Exception, url: str) -> BuilderError:
    """What a failure of a store means for the user."""
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind:
        return StorageError(
            f"{url} needs credentials: {one_line(error)}",
            remedy="set them as for the store's own tools, e.g. AWS_ACCESS_KEY_ID or AWS_PROFILE",
        )
    if isinstance(error, PermissionError):
        return StorageError(
            f"{url} may not be used: {one_line(error)}",
            remedy="check the credentials, and their right to list, read, write and delete there",
        )
    if "Connect" in kind or "Timeout" in kind:
        return StorageError(
            f"{url} cannot be reached: {one_line(error)}",
            remedy="check the network and the store's endpoint, e.g. AWS_ENDPOINT_URL",
        )
    return StorageError(f"{url} cannot be used: {kind}: {one_line(error)}")


def one_line(error: Exception) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
