"""What every attempt of a build is handed, however large it is: once to each process, as a file."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import cloudpickle

from builder.errors import ExpertError, RolloutError
from builder.storage.digest import file_sha256


class Handed:
    """A value of this build. Tasks refer to it; another process reads it from a file beside the recordings.

    Args:
        value: the value.
        path: the file, which is written when the first task leaves this process.
        token: of the build.
        sha256: of the file, where it is written already.
    """

    def __init__(self, value: Any, path: Path, token: str, sha256: str = "") -> None:
        self.token = token
        self._value, self._path, self._sha256 = value, path, sha256
        self._lock = threading.Lock()

    @property
    def value(self) -> Any:
        """The value."""
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        """Where it lies, and what must lie there.

        Raises:
            ExpertError: it cannot be serialised.
        """
        with self._lock:
            if not self._sha256:
                self._sha256 = self._written()
        return _taken, (self._path, self._sha256, self.token)

    def _written(self) -> str:
        try:
            content = cloudpickle.dumps(self._value)
        except Exception as error:
            raise ExpertError(
                f"the expert cannot be sent to the workers: {error}",
                remedy="give a factory in its place, which each worker calls",
            ) from error
        self._path.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def remove(self) -> None:
        """Remove the file, once no task needs it any more."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._sha256 = ""


_here: dict[str, Handed] = {}
"""What this process was handed, by the token of the build."""
_lock = threading.Lock()


def _taken(path: Path, sha256: str, token: str) -> Handed:
    """What lies in a file of this build, read once.

    Raises:
        RolloutError: it is not what was written.
    """
    with _lock:
        if token not in _here:
            if not path.is_file() or file_sha256(path) != sha256:
                raise RolloutError(
                    f"the workers do not see {path} as it was written",
                    remedy="give `out` on a folder that all of them share",
                )
            _here[token] = Handed(cloudpickle.loads(path.read_bytes()), path, token, sha256)
        return _here[token]


def forget(token: str) -> None:
    """Let go what this process was handed for a build."""
    with _lock:
        _here.pop(token, None)
