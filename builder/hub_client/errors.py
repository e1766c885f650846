"""What a failure of the Hub's client means for the user: an error of ours, with its remedy."""

from __future__ import annotations

import errno
import ssl
from typing import Any
from urllib.parse import urlsplit

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
from builder.hub_client.http_library import address_of, bottom, http_library, what_happened
from builder.hub_client.retries import PASSING, GivenUp, seconds_asked

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
    around = isinstance(error, (GivenUp, errors.LocalEntryNotFoundError)) or type(error) is RuntimeError
    if around and isinstance(error.__cause__, Exception):
        return explained(error.__cause__, repo_id, kind=kind, revision=revision)
    if isinstance(error, errors.HFValidationError):
        return ConfigError(
            f"{repo_id!r} is not the name of a repository",
            expected="user/name, of letters, digits, '-', '_' and '.', without '--', '..' or one at an end",
        )
    if isinstance(error, UnicodeEncodeError):
        return HubAccessError("the token has a character that no token has", remedy=LOG_IN)
    if (answer := getattr(error, "response", None)) is not None:
        return _answered(error, answer, f"the {kind} {repo_id}", revision)
    return _unanswered(error, repo_id)


def _answered(error: Exception, response: Any, where: str, revision: str | None) -> HubError:
    """What an answer of the Hub's means: its status and codes tell.

    Where large files are stored no token is sent: the address itself says what is allowed, for a while.
    """
    status = response.status_code
    said = getattr(error, "server_message", None) or ""
    cls, what, remedy = _refused(error, where, revision) or _failed(error, response, where)
    return cls(what, got=" ".join(f"HTTP {status} {said}".split()), remedy=remedy)


Meaning = tuple[type[HubError], str, str | None]
"""The kind of an error, what it says, and its remedy."""


def _refused(error: Exception, where: str, revision: str | None) -> Meaning | None:
    """What it means where the Hub's client knows more than the status."""
    from huggingface_hub import errors

    known: dict[type[Exception], Meaning] = {
        errors.GatedRepoError: (
            HubAccessError,
            f"{where} is gated, and you have no access",
            f"ask for access on its page, then {LOG_IN}",
        ),
        errors.RepositoryNotFoundError: (
            HubMissingError,
            f"{where} is not on the Hub, or it is private",
            f"check its name; if it is private, {LOG_IN}",
        ),
        errors.RevisionNotFoundError: (
            HubMissingError,
            f"{where} has no revision {revision!r}",
            "name a branch, tag or commit that it has",
        ),
        errors.EntryNotFoundError: (HubMissingError, f"{where} lacks a file", None),
    }
    return next((meaning for kind, meaning in known.items() if isinstance(error, kind)), None)


def _failed(error: Exception, response: Any, where: str) -> Meaning:
    """What a status means."""
    from huggingface_hub import constants

    status, wait = response.status_code, seconds_asked(response.headers)
    sent = getattr(getattr(response, "request", None), "headers", {})
    if status == 403 and "authorization" in sent:
        what = f"your token may not do this with {where}"
        return HubAccessError, what, "use a token with write access, or another hub.repo_id"
    if status in PASSING and status != 429:
        return HubUnreachableError, f"the Hub keeps failing on {where}", AGAIN
    known: dict[int, Meaning] = {
        401: (HubAccessError, f"the Hub wants a valid token for {where}", LOG_IN),
        412: (HubConflictError, f"somebody else has committed to {where} meanwhile", AGAIN),
        429: (
            HubUnreachableError,
            "the Hub counts too many requests",
            f"wait{f' {wait:.0f} s' if wait else ''}, then {AGAIN}",
        ),
        404: (
            HubError,
            f"{_address(error)} does not know {where}",
            f"check HF_ENDPOINT, which is {constants.ENDPOINT}; else {AGAIN}",
        ),
    }
    refused = (HubError, f"{_address(error)} refuses {where}", f"if it is not clear why, {AGAIN}")
    return known.get(status, refused)


def _address(error: Exception) -> str:
    """The host that a request went to: the Hub, or where it stores large files."""
    from huggingface_hub import constants

    url = urlsplit(address_of(error) or constants.ENDPOINT)
    return f"the Hub at {url.scheme}://{url.netloc}"


def _unanswered(error: Exception, repo_id: str) -> BuilderError:
    """What went wrong without an answer: the network, or this machine."""
    from huggingface_hub import constants, errors

    library = http_library()
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnreachableError(
            f"the Hub must be asked for {repo_id}, but HF_HUB_OFFLINE is set", remedy="unset it"
        )
    if isinstance(error, library.bad_address):
        return ConfigError(
            "HF_ENDPOINT is not the address of a Hub", got=constants.ENDPOINT, remedy="unset it, or mend it"
        )
    if isinstance(error, library.no_json):
        return HubUnreachableError(
            f"{_address(error)} does not answer as a Hub does",
            remedy="check HF_ENDPOINT, and whether the network first wants a log-in of its own",
        )
    if isinstance(error, (*library.unanswered, errors.LocalEntryNotFoundError, ConnectionError)):
        untrusted = isinstance(bottom(error), ssl.SSLError)
        certificate = f", or let {library.certificates} name your proxy's certificate" if untrusted else ""
        return HubUnreachableError(
            f"{_address(error)} cannot be reached ({what_happened(error)})",
            remedy=f"check the network{certificate}, then {AGAIN}",
        )
    if isinstance(error, OSError):
        full = error.errno == errno.ENOSPC
        return StorageError(
            f"the Hub client's cache {constants.HF_HUB_CACHE} "
            + ("is on a disk that is full" if full else f"cannot be used: {error.strerror or error}"),
            remedy=f"free some space there, or let HF_HOME name another folder; then {AGAIN}",
        )
    return HubError(f"the Hub's client failed on {repo_id}: {error}")
