"""Talking to the Hub: patience with what passes, and an error with its remedy for what does not.

The Hub's client repeats only some of its requests, and none that was answered with 429. Inside `connected()`
every request is repeated, with backoff and as long as the Hub asks, through the client's own setting for that
(`configure_http_backend`). What still fails then is raised as `GivenUp`, which the client does not know and
so does not repeat once more. Nothing here sees a token: the client finds it and sends it.

Large files come over plain HTTP, as they go (`builder.hub.upload`): Xet has requests of its own, which none
of this reaches.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from builder.hub_client.private import session_factory

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
READING = ("GET", "HEAD")
TIMEOUT_READING, TIMEOUT = (10.0, 30.0), (10.0, 300.0)
"""Seconds to connect and between two bytes, where the client sets none and would wait for ever."""
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
    from huggingface_hub import configure_http_backend, constants

    before = session_factory()
    if isinstance(before, _PatientFactory):
        yield
        return
    configure_http_backend(_PatientFactory(before))
    no_xet, constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_XET, True
    try:
        with _quiet():
            yield
    finally:
        constants.HF_HUB_DISABLE_XET = no_xet
        configure_http_backend(before)


@dataclass(frozen=True)
class _PatientFactory:
    """Makes the sessions that were made before, but patient."""

    make: Callable[[], Any]
    patience: _Patience = field(default_factory=_Patience)

    def __call__(self) -> Any:
        session = self.make()
        send = session.send
        session.send = lambda request, **options: _send(send, self.patience, request, **options)
        return session


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


def _send(send: Callable[..., Any], patience: _Patience, request: Any, **options: Any) -> Any:
    """Send a request until it is answered with something that lasts.

    Raises:
        GivenUp: it fails again and again.
    """
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # it is in `utils`
    from requests import exceptions
    from requests.utils import rewind_body

    usual = TIMEOUT_READING if request.method in READING else TIMEOUT
    options["timeout"] = options.get("timeout") or usual
    failures = 0
    while True:
        failures, asked = failures + 1, 0.0
        try:
            response = send(request, **options)
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
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
            if lasting(error):
                raise
            failure, reason = error, what_happened(error)
        pause = patience.pause(failures, asked)
        if pause is None:
            raise GivenUp from failure
        log.info("the Hub is asked again in %.1f s: %s", pause, reason)
        time.sleep(pause)
        if hasattr(request.body, "read"):
            rewind_body(request)


def lasting(error: Exception) -> bool:
    """Whether a connection fails for a reason that stays: a certificate that is not trusted, or a proxy."""
    from requests.exceptions import ProxyError

    return isinstance(error, ProxyError) or isinstance(_bottom(error), ssl.SSLCertVerificationError)


def what_happened(error: Exception) -> str:
    """What a failure comes from in the end, in a few words: "Connection refused"."""
    from requests.exceptions import ProxyError

    bottom = _bottom(error)
    words = str(getattr(bottom, "strerror", None) or bottom) or type(bottom).__name__
    return f"the proxy: {words}" if isinstance(error, ProxyError) else words


def _bottom(error: BaseException) -> BaseException:
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


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
    from requests import exceptions

    patience = _Patience(seen=True)
    failures = 0
    while True:
        failures += 1
        try:
            return call()
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
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
