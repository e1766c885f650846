"""Talking to the Hub: patience with what passes, and an error with its remedy for what does not.

The Hub's client repeats only some of its requests, and none that was answered with 429. Inside `connected()`
every request is repeated, with backoff and as long as `Retry-After` asks, through the client's own setting
for that (`configure_http_backend`). Nothing here sees a token: the client finds it and sends it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

log = logging.getLogger(__name__)

PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses that another try may change."""
TRIES = 8
"""Failures in a row after which nothing is tried again; with the pauses, about half a minute."""
TRIES_UNSEEN = 3
"""The same while the Hub has not answered once: there may be no network."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
LONGEST_ASKED = 300.0
"""Seconds of `Retry-After` that are waited for; the Hub counts requests over five minutes."""
TIMEOUT = (10.0, 300.0)
"""Seconds to connect and between two bytes, where the client sets none and would wait for ever."""

Result = TypeVar("Result")


@dataclass
class _Patience:
    """What all sessions of one `connected()` share.

    Attributes:
        failures: in a row, over all threads.
        seen: whether the Hub has answered once.
    """

    failures: int = 0
    seen: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def succeed(self) -> None:
        with self.lock:
            self.failures, self.seen = 0, True

    def pause(self, asked: float = 0.0) -> float | None:
        """Seconds until the next try, at least those asked for; None: no more tries."""
        with self.lock:
            self.failures += 1
            tries = TRIES if self.seen else TRIES_UNSEEN
            if self.failures >= tries or asked > LONGEST_ASKED:
                return None
            return max(asked, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.failures - 1)))


@contextmanager
def connected() -> Iterator[None]:
    """Make the Hub's client patient, and keep its own warnings and bars off the terminal."""
    from huggingface_hub import configure_http_backend
    from huggingface_hub.utils import _http  # the client has no public word for what is set now

    before = _http._GLOBAL_BACKEND_FACTORY  # noqa: SLF001
    if isinstance(before, _PatientFactory):
        yield
        return
    configure_http_backend(_PatientFactory(before))
    try:
        with _quiet():
            yield
    finally:
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
    """Send a request until it is answered with something that lasts."""
    from requests import exceptions
    from requests.utils import rewind_body

    options["timeout"] = options.get("timeout") or TIMEOUT
    while True:
        try:
            response = send(request, **options)
            if response.status_code not in PASSING:
                patience.succeed()
                return response
            patience.seen = True
            pause = patience.pause(retry_after(response.headers.get("Retry-After")))
            if pause is None:
                return response
            reason = f"it answered {response.status_code}"
            response.close()
        except (exceptions.SSLError, exceptions.ProxyError):
            raise
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
            pause = patience.pause()
            if pause is None:
                raise
            reason = f"the connection failed ({type(error).__name__})"
        log.info("the Hub is asked again in %.1f s: %s", pause, reason)
        time.sleep(pause)
        if hasattr(request.body, "read"):
            rewind_body(request)


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
    while True:
        try:
            return call()
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
            failure: Exception = error
        except OSError as error:
            if "Consistency check failed" not in str(error):
                raise
            failure = error
        pause = patience.pause()
        if pause is None:
            raise failure
        log.info("a download was cut off; it goes on in %.1f s", pause)
        time.sleep(pause)
