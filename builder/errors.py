"""Errors a user can act on.

* BuilderError
  * ConfigError                 a key, a value or a combination of them is wrong (exit code 2)
  * EnvironmentError_           the environment cannot be made or does not keep its word
    * MissingExtraError         it needs a package that is not installed
    * SpaceError                a space that cannot be recorded, or two that differ
    * NotANumberError           an observation or a reward is NaN or infinite
    * NoActionError             its mask allows no action
  * ExpertError                 the expert cannot be found, read or played
    * ArchiveError              its file is damaged
    * UnsafeArchiveError        its file carries something that would run code
    * UnsupportedExpertError    its file is sound, but of a kind that is not supported
    * NotStatelessError         it keeps something between its answers after all
    * NotFiniteError            its action, or what leads to it, is NaN or infinite
  * CheckError                  a check found what would make a dataset wrong
  * RolloutError                playing failed
    * BudgetError               `max_attempts` were played and too few were accepted
  * WorkersError                workers cannot be had, or have died
    * OutOfReachError           the way to a cluster's workers was lost
  * DatasetError                a dataset folder or a recorded file is damaged or cannot be written
    * ExistsError               `out` holds something else
    * LockedError               another build is writing to `out`
    * SecretError               something that looks like a secret would be published
    * VerificationError         a dataset is not what it says it is
      * SignatureError          it cannot be signed, or its signature does not hold
      * NotRepeatedError        its environment, stepped again, gives something else
    * StorageError              the disk is full or not writable
  * HubError                    the Hub refuses something
    * HubAccessError            no token, a token that is not accepted or may not do this, a gated repository
    * HubMissingError           no such repository, revision or file
    * HubConflictError          somebody else has committed or tagged meanwhile
    * HubUnreachableError       no connection, or the Hub fails again and again
    * HubDamagedError           what arrived, or what lies there, is not what it should be

Each states what happened and, where they apply, what was expected, what was found and the remedy.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class BuilderError(Exception):
    """Base of all errors of this package.

    Args:
        what: one sentence: what failed, and where.
        expected: what should have been there.
        got: what was there.
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, expected: object = None, got: object = None, remedy: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.got = got
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.got is not None:
            parts.append(f"got {self.got}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)

    @property
    def finding(self) -> str:
        """What failed, without a remedy: for what does not end the command."""
        return str(self).removesuffix(f"; {self.remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way back from a worker process, keyword arguments included."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[BuilderError], args: tuple[Any, ...], state: dict[str, Any]) -> BuilderError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(BuilderError):
    """A key, a value or a combination of them is wrong."""

    exit_code = 2


class EnvironmentError_(BuilderError):  # noqa: N801, N818  (the plain name is Python's alias of OSError)
    """The environment cannot be made, or does not keep its word."""


class MissingExtraError(EnvironmentError_):
    """A package that the environment or an option needs is not installed."""


class SpaceError(EnvironmentError_):
    """A space that cannot be recorded, or two spaces that differ."""


class NotANumberError(EnvironmentError_):
    """An observation or a reward is NaN or infinite."""


class NoActionError(EnvironmentError_):
    """A mask that allows no action at all."""


class ExpertError(BuilderError):
    """The expert cannot be found, read or played."""


class ArchiveError(ExpertError):
    """The expert's file is damaged."""


class UnsafeArchiveError(ExpertError):
    """The expert's file carries something that would run code; nothing of it was run."""


class UnsupportedExpertError(ExpertError):
    """The expert's file is sound, but of a kind that is not supported."""


class NotStatelessError(ExpertError):
    """A foreign policy was taken for one that keeps nothing between its answers, but it does."""


class NotFiniteError(ExpertError):
    """The expert's action, or what leads to it, is NaN or infinite."""


class CheckError(BuilderError):
    """A check found what would make a dataset wrong.

    Attributes:
        findings: all that it found, notes included.
    """

    findings: Sequence[Any] = ()


class RolloutError(BuilderError):
    """Playing failed."""


class BudgetError(RolloutError):
    """`max_attempts` attempts were played and too few of them were accepted."""


class WorkersError(BuilderError):
    """Workers cannot be had, do not fit together, or have died."""


class OutOfReachError(WorkersError):
    """The connection to the workers of a cluster was lost."""


class DatasetError(BuilderError):
    """A dataset folder or a recorded file is damaged or cannot be written."""


class ExistsError(DatasetError):
    """`out` holds something else already."""


class SecretError(DatasetError):
    """Something that looks like a secret would be published; nothing was."""


class VerificationError(DatasetError):
    """A dataset is not what it says it is, or cannot be rebuilt."""


class SignatureError(VerificationError):
    """A dataset cannot be signed, or its signature does not hold."""


class NotRepeatedError(VerificationError):
    """The environment, stepped again with what was recorded, gives something else."""


class LockedError(DatasetError):
    """Another build is writing to `out`."""


class StorageError(DatasetError):
    """The disk is full or not writable."""


class HubError(BuilderError):
    """The Hub refuses something."""


class HubAccessError(HubError):
    """There is no token, or one that is not accepted or may not do this; or the repository is gated."""


class HubMissingError(HubError):
    """There is no such repository, revision or file, or it cannot be seen."""


class HubConflictError(HubError):
    """Somebody else has committed or tagged meanwhile."""


class HubUnreachableError(HubError):
    """There is no connection, or the Hub fails again and again."""


class HubDamagedError(HubError):
    """What arrived from the Hub, or what lies there, is not what it should be."""


def missing_extra(what: str, extra: str, *, otherwise: str = "") -> MissingExtraError:
    """The one sentence for an extra of this package that is not installed.

    Args:
        what: needs it: an environment, or a key with its value.
        extra: its name.
        otherwise: what else could be done.
    """
    return MissingExtraError(
        f"{what} needs the extra {extra}, which is not installed",
        remedy=f'pip install "il-builder[{extra}]"{otherwise}',
    )


def storage_error(error: Exception, path: Any) -> BuilderError:
    """What a failure to write `path` means for the user; an error of ours stays what it is."""
    if isinstance(error, BuilderError):
        return error
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    if full or "os error 28" in str(error) or "No space left" in str(error):
        return StorageError(
            f"the disk of {path.parent} is full",
            remedy="free some space and run the same command again: it goes on where it was",
        )
    return StorageError(
        f"{path} cannot be written: {error}", remedy="choose another `out` or mend its permissions"
    )


def suggest(word: str, known: Iterable[str], *, written: Callable[[str], str] = str) -> str:
    """A remedy that names the nearest of the known words, or lists some of them.

    Args:
        word: what is not known.
        known: what is.
        written: how the user has to write one of them.
    """
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {written(near[0])!r}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known: {shown}" if names else "none is known"
