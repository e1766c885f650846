"""What a failure of the Hub's client means for the user: an error of ours, with its remedy."""

from __future__ import annotations

import errno
from typing import Any

from builder.errors import (
    BuilderError,
    ConfigError,
    HubAccessError,
    HubConflictError,
    HubError,
    HubMissingError,
    HubUnreachableError,
    StorageError,
)
from builder.transport import PASSING

AGAIN = "run the same command again: it goes on where it was"
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


def explained(
    error: Exception, repo_id: str, *, kind: str = "dataset", revision: str | None = None
) -> BuilderError:
    """The error of ours that says what happened and what to do.

    Args:
        error: as the Hub's client raised it.
        repo_id: the repository.
        kind: dataset or model.
        revision: what was asked for.
    """
    from huggingface_hub import errors

    if isinstance(error, BuilderError):
        return error
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return explained(error.__cause__, repo_id, kind=kind, revision=revision)
    if isinstance(error, errors.HFValidationError):
        return ConfigError(f"{repo_id!r} is not the name of a repository", expected="user/name")
    if (answer := getattr(error, "response", None)) is not None:
        return _answered(error, answer, f"the {kind} {repo_id}", revision)
    return _unanswered(error, repo_id)


def _answered(error: Exception, response: Any, where: str, revision: str | None) -> HubError:
    """What an answer of the Hub's means: its status and codes tell."""
    from huggingface_hub import errors

    status = response.status_code
    wait = response.headers.get("Retry-After")
    said = getattr(error, "server_message", None) or ""
    cases: list[tuple[bool, type[HubError], str, str | None]] = [
        (
            isinstance(error, errors.GatedRepoError),
            HubAccessError,
            f"{where} is gated, and you have no access",
            f"ask for access on its page, then {LOG_IN}",
        ),
        (
            isinstance(error, errors.RepositoryNotFoundError),
            HubMissingError,
            f"{where} is not on the Hub, or it is private",
            f"check its name; if it is private, {LOG_IN}",
        ),
        (
            isinstance(error, errors.RevisionNotFoundError),
            HubMissingError,
            f"{where} has no revision {revision!r}",
            "name a branch, tag or commit that it has",
        ),
        (isinstance(error, errors.EntryNotFoundError), HubMissingError, f"{where} lacks a file", None),
        (status == 401, HubAccessError, f"the Hub wants a valid token for {where}", LOG_IN),
        (
            status == 403,
            HubAccessError,
            f"your token may not do this with {where}",
            "use a token with write access, or another hub.repo_id",
        ),
        (status == 412, HubConflictError, f"somebody else has committed to {where} meanwhile", AGAIN),
        (
            status == 429,
            HubUnreachableError,
            "the Hub counts too many requests",
            f"wait{f' {wait} s' if wait else ''}, then {AGAIN}",
        ),
        (status in PASSING, HubUnreachableError, f"the Hub keeps failing on {where}", AGAIN),
        (True, HubError, f"the Hub refuses {where}", None),
    ]
    cls, what, remedy = next(case[1:] for case in cases if case[0])
    return cls(what, got=" ".join(f"HTTP {status} {said}".split()), remedy=remedy)


def _unanswered(error: Exception, repo_id: str) -> BuilderError:
    """What went wrong without an answer: the network, or this machine."""
    from huggingface_hub import constants, errors
    from requests import RequestException

    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnreachableError(
            f"the Hub must be asked for {repo_id}, but HF_HUB_OFFLINE is set", remedy="unset it"
        )
    if isinstance(error, (RequestException, errors.LocalEntryNotFoundError, ConnectionError)):
        return HubUnreachableError(
            f"the Hub at {constants.ENDPOINT} cannot be reached ({type(error).__name__})",
            remedy=f"check the network, then {AGAIN}",
        )
    if isinstance(error, OSError):
        full = error.errno == errno.ENOSPC
        return StorageError(
            f"the Hub client's cache {constants.HF_HUB_CACHE} "
            + ("is on a disk that is full" if full else f"cannot be used: {error.strerror or error}"),
            remedy=f"free some space there, or let HF_HOME name another folder; then {AGAIN}",
        )
    return HubError(f"the Hub's client failed on {repo_id}: {error}")
