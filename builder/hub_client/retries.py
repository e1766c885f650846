"""Talking to the Hub: patience with what passes, and an error with its remedy for what does not.

The Hub's client repeats only some of its requests: before 1.0 none that was answered with 429, later none
that asks what a repository holds or makes one. Inside `connected()` every request is repeated, with backoff
and as long as the Hub asks (`builder.hub_client.sessions`). What still fails then is raised as `GivenUp`,
which the client does not know and so does not repeat once more. Nothing here sees a token: the client finds
it and sends it.

Large files come over plain HTTP, as they go (`builder.hub.upload`): Xet has requests of its own, which none
of this reaches.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from builder.hub_client.http_library import http_library, lasting, what_happened
from builder.hub_client.sessions import requests_sent

log = logging.getLogger(__name__)

PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses that another try may change."""
TRIES = 8
"""Failures of a request after which it is not tried again; with the pauses, about half a minute."""
TRIES_UNSEEN = 3
"""The same while the Hub has not answered once: there may be no network."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
LONGEST_ASKED = 300.0
"""Seconds of `Retry-After` that are waited for; the Hub counts requests over five minutes."""
RATE_LIMIT = re.compile(r"\br\s*=\s*0\s*;\s*t\s*=\s*(\d+)")

Result = TypeVar("Result")


class GivenUp(Exception):  # noqa: N818  (it is how a request ends; `builder.hub_client.errors` makes an error of it)
    """A request has failed too often; the cause is its last failure."""


@dataclass
class _Patience:
    """What all requests of one `connected()` share.

    Attributes:
        seen: whether the Hub has answered once.
        spent: whether a request has been given up and none has succeeded since: then no other waits.
    """

    seen: bool = False
    spent: bool = False

    def succeed(self) -> None:
        self.seen, self.spent = True, False

    def pause(self, failures: int, asked: float = 0.0) -> float | None:
        """Seconds until the next try of a request, at least those asked for; None: no more tries.

        Args:
            failures: of this request.
            asked: seconds that the Hub asks for.
        """
        tries = TRIES if self.seen else TRIES_UNSEEN
        if self.spent or failures >= tries or asked > LONGEST_ASKED:
            self.spent = True
            return None
        return max(asked, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1)))


@contextmanager
def connected() -> Iterator[None]:
    """Make the Hub's client patient and plain, and keep its own warnings and bars off the terminal."""
    from huggingface_hub import constants

    with requests_sent(partial(_send, _Patience())) as fresh:
        if not fresh:
            yield
            return
        no_xet, constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_XET, True
        try:
            with _quiet():
                yield
        finally:
            constants.HF_HUB_DISABLE_XET = no_xet


@contextmanager
def _quiet() -> Iterator[None]:
    from huggingface_hub.utils.logging import get_verbosity, set_verbosity
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    level, silent = get_verbosity(), are_progress_bars_disabled()
    if level == logging.WARNING:  # else the user has asked for more, or for less
        set_verbosity(logging.ERROR)
    if not silent:
        disable_progress_bars()
    try:
        yield
    finally:
        set_verbosity(level)
        if not silent:
            enable_progress_bars()


def _send(patience: _Patience, once: Callable[[], Any], rewind: Callable[[], object]) -> Any:
    """Send a request until it is answered with something that lasts.

    Args:
        patience: with all requests.
        once: sends it, and gives the answer.
        rewind: brings its body back to its start.

    Raises:
        GivenUp: it fails again and again, or for a reason that stays.
    """
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # it is in `utils`

    failures = 0
    while True:
        failures, asked = failures + 1, 0.0
        try:
            response = once()
            if response.status_code not in PASSING:
                patience.succeed()
                return response
            patience.seen = True
            asked = seconds_asked(response.headers)
            hf_raise_for_status(response)
        except HfHubHTTPError as error:
            failure: Exception = error
            reason = f"it answered {response.status_code}"
            response.close()
        except http_library().broken as error:
            failure, reason = error, what_happened(error)
            if lasting(error):
                raise GivenUp from error
        pause = patience.pause(failures, asked)
        if pause is None:
            raise GivenUp from failure
        log.info("the Hub is asked again in %.1f s: %s", pause, reason)
        time.sleep(pause)
        rewind()


def seconds_asked(headers: Mapping[str, str]) -> float:
    """Seconds that an answer asks to wait: by `Retry-After`, or by the `RateLimit` that the Hub sends.

    A `RateLimit` of `"api";r=0;t=55` says that no request is left for 55 seconds (IETF draft
    ratelimit-headers-09); one more keeps clear of the rounding.
    """
    spent = RATE_LIMIT.search(headers.get("RateLimit") or "")
    return max(retry_after(headers.get("Retry-After")), float(spent[1]) + 1 if spent else 0.0)


def retry_after(text: str | None) -> float:
    """Seconds that a `Retry-After` header asks for: a number, or a date (RFC 9110, section 10.2.3)."""
    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def persistently(call: Callable[[], Result]) -> Result:
    """Call a download until its body arrives whole: one that is cut off goes on where it was cut.

    Args:
        call: a download of the Hub client's, inside `connected()`.
    """
    patience = _Patience(seen=True)
    failures = 0
    while True:
        failures += 1
        try:
            return call()
        except http_library().broken as error:
            if lasting(error):
                raise
            failure: Exception = error
        except OSError as error:
            if "Consistency check failed" not in str(error):
                raise
            failure = error
        pause = patience.pause(failures)
        if pause is None:
            raise failure
        log.info("a download was cut off; it goes on in %.1f s", pause)
        time.sleep(pause)
