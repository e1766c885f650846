"""How the Hub's client sends its requests, changed for a while through what it and its library publish.

Before 1.0 the client makes a `requests.Session` for each thread, by `configure_http_backend`. Later all
threads share one `httpx.Client`, which `get_session` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from builder.hub_client.private import session_factory

READING = ("GET", "HEAD")
TIMEOUT_READING, TIMEOUT = (10.0, 30.0), (10.0, 300.0)
"""Seconds to connect and between two bytes, where the client sets none and would wait for ever."""
REWIND = "il-builder-rewind"
"""Where a request of httpx keeps how its body starts again."""

Sender = Callable[[Callable[[], Any], Callable[[], object]], Any]
"""Sends a request: given what sends it once, and what brings its body back to its start."""


@contextmanager
def requests_sent(by: Sender) -> Iterator[bool]:
    """Have every request of the client sent by a function; False: another one does so already.

    Args:
        by: is called for every request, from whichever thread.
    """
    import huggingface_hub

    configure: Any = getattr(huggingface_hub, "configure_http_backend", None)
    with _by_each_session(by, configure) if configure else _by_the_shared_client(by) as fresh:
        yield fresh


def timeout_of(method: str) -> tuple[float, float]:
    """Seconds to connect and between two bytes of a request that has none."""
    return TIMEOUT_READING if method in READING else TIMEOUT


@contextmanager
def _by_each_session(by: Sender, configure: Callable[..., None]) -> Iterator[bool]:
    before = session_factory()
    if isinstance(before, _Factory):
        yield False
        return
    configure(_Factory(before, by))
    try:
        yield True
    finally:
        configure(before)


@dataclass(frozen=True)
class _Factory:
    """Makes the sessions that were made before, whose requests another function sends."""

    make: Callable[[], Any]
    by: Sender

    def __call__(self) -> Any:
        session = self.make()
        send = session.send

        def sent(request: Any, **options: Any) -> Any:
            options["timeout"] = options.get("timeout") or timeout_of(request.method)
            return self.by(partial(send, request, **options), partial(_rewind, request))

        session.send = sent
        return session


def _rewind(request: Any) -> None:
    from requests.utils import rewind_body

    if hasattr(request.body, "read"):
        rewind_body(request)


@contextmanager
def _by_the_shared_client(by: Sender) -> Iterator[bool]:
    from huggingface_hub import get_session

    client: Any = get_session()
    if isinstance(client.send, _Sent):
        yield False
        return
    own = dict(vars(client))
    client.build_request, client.send = _Built(client.build_request), _Sent(client.send, by)
    try:
        yield True
    finally:
        for name in ("build_request", "send"):
            if name in own:
                setattr(client, name, own[name])
            else:
                delattr(client, name)


@dataclass(frozen=True)
class _Built:
    """Builds a request that knows how its body starts again, which the client gives by a word out of use."""

    build: Callable[..., Any]

    def __call__(self, *words: Any, **options: Any) -> Any:
        if (body := options.get("data")) is not None and not isinstance(body, Mapping):
            options = {**options, "content": body, "data": None}
        request = self.build(*words, **options)
        body = options.get("content")
        if body is not None and hasattr(body, "seek"):
            request.extensions[REWIND] = partial(body.seek, body.tell())
        return request


@dataclass(frozen=True)
class _Sent:
    """Has another function send a request."""

    send: Callable[..., Any]
    by: Sender

    def __call__(self, request: Any, **options: Any) -> Any:
        connect, between = timeout_of(request.method)
        usual = {"connect": connect, "read": between, "write": between, "pool": None}
        given = {key: value for key, value in request.extensions.get("timeout", {}).items() if value}
        request.extensions["timeout"] = usual | given
        return self.by(partial(self.send, request, **options), request.extensions.get(REWIND, int))
