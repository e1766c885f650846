"""The border of the command line: whatever went wrong inside leaves it as one line with its remedy."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast

from builder.errors import BuilderError, ConfigError, StorageError
from builder.hub_client.secrets import redacted

FAILURES = (BuilderError, OSError, MemoryError, RecursionError)
"""What a command may end with: ours, or one of the machine's that nothing inside has explained."""
AGAIN = "run the same command again: it goes on where it was"
REMEDIES = {
    errno.ENOSPC: f"free some space there and {AGAIN}",
    errno.EDQUOT: f"free some space there and {AGAIN}",
    errno.EACCES: "mend its permissions, or choose another path",
    errno.EPERM: "mend its permissions, or choose another path",
    errno.EROFS: "choose a path that can be written",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "check the path",
    errno.ELOOP: "check the links on the way to it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: f"check the disk, or the network that it is behind, then {AGAIN}",
    errno.ESTALE: f"check the network that it is behind, then {AGAIN}",
    errno.EMFILE: "allow more open files (ulimit -n), or lower parallel.n_jobs",
    errno.ENFILE: "close other programs, or lower parallel.n_jobs",
    errno.ENOMEM: "lower rollout.lanes or parallel.n_jobs, or take a machine with more memory",
}
"""What the user can do about what the system answers."""
OTHERWISE = "mend what it names and run the same command again; debug=true shows where it came up"
OUTPUT = "standard output"


def explained(error: OSError | MemoryError | RecursionError) -> BuilderError:
    """An error of ours for one of the machine's that nothing inside has explained.

    Args:
        error: of the system, or for want of memory.
    """
    if isinstance(error, MemoryError):
        return BuilderError("the memory of this machine does not suffice", remedy=REMEDIES[errno.ENOMEM])
    if isinstance(error, RecursionError):
        return BuilderError(
            "something that was read is nested too deeply",
            remedy="check the files that the command names; debug=true shows which part reads it",
        )
    if error.errno == errno.ENOENT and error.filename is None and _is_nowhere():
        return ConfigError("the working folder is gone", remedy="change to another one")
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = " and ".join(dict.fromkeys(paths)) or "a file or connection"
    what = error.strerror or str(error) or type(error).__name__
    return StorageError(f"{where}: {what}", remedy=REMEDIES.get(error.errno or 0, OTHERWISE))


def _is_nowhere() -> bool:
    """Whether the working folder has been removed."""
    try:
        os.getcwd()  # noqa: PTH109  (`Path.cwd` is no more than this)
    except FileNotFoundError:
        return True
    return False


def say(text: str) -> None:
    """One line on stderr: without secrets, line breaks or other characters that a terminal would obey."""
    line = " ".join(redacted(text).split("\n"))
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
    if sys.stderr is None:  # closed by who started this program
        return
    try:
        print(shown, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        to_nowhere(sys.stderr)


class OutputClosedError(Exception):
    """Nobody reads what is printed any more."""


@contextmanager
def watched_output() -> Iterator[None]:
    """What is printed in the block has gone out at its end, or the block fails: buffered or not.

    Raises:
        StorageError: it cannot be written.
        OutputClosedError: nobody reads it any more.
    """
    if sys.stdout is None:  # closed by who started this program
        yield
        return
    watched = _Output(sys.stdout)
    try:
        with redirect_stdout(cast("TextIO", watched)):
            yield
    except SystemExit:  # Hydra has answered
        watched.flush()
        raise
    except BaseException:
        with suppress(StorageError, OutputClosedError):  # what went wrong first matters more
            watched.flush()
        raise
    watched.flush()


class _Output:
    """Standard output without secrets, whose failures say that they are its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._explained():
            self._stream.write(redacted(text))
        return len(text)

    def flush(self) -> None:
        with self._explained():
            self._stream.flush()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The first failure is raised; what comes after it goes nowhere."""
        try:
            yield
        except BrokenPipeError as error:
            to_nowhere(self._stream)
            raise OutputClosedError from error
        except (OSError, ValueError) as error:
            to_nowhere(self._stream)
            raise StorageError(
                f"{OUTPUT} cannot be written: {getattr(error, 'strerror', None) or error}",
                remedy="what was built is complete; only its report is not",
            ) from error


def to_nowhere(stream: TextIO) -> None:
    """Let a stream take what is printed, so that the interpreter does not fail on it once more at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
