"""A file server of this machine alone: on loopback, behind a random token, with byte ranges.

It answers what its content finds under a name, and nothing else: no folder is listed, no path is joined.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from builder.errors import BuilderError, ConfigError

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
BLOCK = 2**20
LONGEST_PATH = 1024
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
SEGMENT = re.compile(r"[^/\\\x00-\x1f\x7f]+")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page is its own scripts and styles; whatever text it shows could load nothing and ask nobody."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Answer:
    """What is found under a name.

    Attributes:
        body: the bytes, or the file that has them.
        kind: the media type.
        etag: of a file, what names its bytes; None: nothing is known.
        status: of HTTP.
    """

    body: bytes | Path
    kind: str
    etag: str | None = None
    status: int = HTTPStatus.OK

    @staticmethod
    def of_json(content: Any, status: int = HTTPStatus.OK) -> Answer:
        """Something as JSON."""
        return Answer(json.dumps(content).encode(), "application/json", status=status)


Content = Callable[[str], Answer | None]
"""From a name such as `dataset/manifest.json` to what it holds; None: nothing."""


@dataclass
class _Reply:
    """An answer on its way: a status, headers, and the bytes `start` to `stop` of its body."""

    status: int
    headers: dict[str, str]
    body: bytes | Path = b""
    start: int = 0
    stop: int = 0


class Server(ThreadingHTTPServer):
    """Serves a content under a random token.

    Args:
        content: what is served.
        port: of loopback; 0: a free one.

    Raises:
        ConfigError: the port is taken.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, content: Content, port: int = 0) -> None:
        self.content = content
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port} cannot be opened on {HOST}: {error}", remedy="choose another port="
            ) from error

    @property
    def port(self) -> int:
        """Of loopback."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a browser of this machine calls it; any other name was pointed here by somebody else."""
        return f"{HOST}:{self.port}", f"localhost:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is nothing to report."""
        log.debug("a connection of the viewer ended")


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server_version, sys_version = "il-builder", ""

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002  (as http.server names it)
        log.debug(format, *words)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the request line itself has wrong; no word of it comes back."""
        self._send(_refusal(code))

    def do_GET(self) -> None:
        """Answer a request."""
        self._send(self._reply())

    do_HEAD = do_GET  # noqa: N815

    def _reply(self) -> _Reply:
        if not self._is_ours():
            return _refusal(HTTPStatus.FORBIDDEN)
        name = name_of(self.path, self.server.token)
        if name is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        try:
            answer = self.server.content(name)
        except (BuilderError, OSError) as error:
            log.warning("%s: %s", name, error)
            return _refusal(HTTPStatus.BAD_GATEWAY, str(error).splitlines()[0])
        return _refusal(HTTPStatus.NOT_FOUND) if answer is None else reply(answer, self.headers)

    def _is_ours(self) -> bool:
        """Whether the request comes from our own page, or from who has typed its address."""
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        if host not in self.server.hosts or origin not in {None, f"http://{host}"}:
            return False
        site, mode = self.headers.get("Sec-Fetch-Site"), self.headers.get("Sec-Fetch-Mode")
        return site in {None, "same-origin", "none"} or mode == "navigate"

    def _send(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        for key, value in {**HEADERS, **reply.headers}.items():
            self.send_header(key, value)
        if reply.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(reply.stop - reply.start))
        self.end_headers()
        if self.command == "HEAD" or reply.status == HTTPStatus.NOT_MODIFIED:
            return
        if isinstance(reply.body, bytes):
            self.wfile.write(reply.body[reply.start : reply.stop])
            return
        with reply.body.open("rb") as file:
            _copy(file, self.wfile, reply.start, reply.stop)


def name_of(target: str, token: str) -> str | None:
    """The name that a request asks for; None where its path is not below the token, or is no plain path.

    Args:
        target: of the request, as it was sent.
        token: the first part of every path that is served.
    """
    path = target.partition("?")[0]
    if len(path) > LONGEST_PATH or not path.startswith("/"):
        return None
    first, slash, rest = path[1:].partition("/")
    if not slash or not hmac.compare_digest(first.encode(), token.encode()):
        return None
    if not rest:
        return ""
    try:
        name = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        return None
    plain = all(SEGMENT.fullmatch(part) and part not in {".", ".."} for part in name.split("/"))
    return name if plain else None


def reply(answer: Answer, headers: Message) -> _Reply:
    """An answer as the headers of a request ask for it: whole, in part, or not at all since it is known.

    Of several ranges at once none is taken up, as RFC 9110 allows: the whole is sent.

    Args:
        answer: what is there.
        headers: of the request.
    """
    body = answer.body
    size = len(body) if isinstance(body, bytes) else body.stat().st_size
    found = {"Content-Type": answer.kind, "Accept-Ranges": "bytes"}
    if answer.etag:
        found["ETag"] = f'"{answer.etag}"'
        if found["ETag"] in headers.get("If-None-Match", ""):
            return _Reply(HTTPStatus.NOT_MODIFIED, found)
    whole = _Reply(answer.status, found, body, 0, size)
    asked = headers.get("Range")
    other = "If-Range" in headers and headers["If-Range"] != found.get("ETag")
    if asked is None or other or answer.status != HTTPStatus.OK:
        return whole
    bounds = byte_range(asked, size)
    if bounds is None:
        return whole
    start, stop = bounds
    if start >= stop:
        refused = _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    found["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return _Reply(HTTPStatus.PARTIAL_CONTENT, found, body, start, stop)


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """The bytes that a `Range` asks for, first and one past the last; None: all, since it is not one range.

    Args:
        text: of the header.
        size: of the file. A range that begins beyond it is empty.
    """
    found = RANGE.fullmatch(text.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return (max(0, size - int(suffix)), size) if int(suffix) else (size, size)
    if last and int(last) < int(first):
        return None
    return min(int(first), size), min(int(last) + 1, size) if last else size


def _refusal(status: int, text: str = "") -> _Reply:
    body = (text or HTTPStatus(status).phrase).encode()
    return _Reply(status, {"Content-Type": "text/plain; charset=utf-8"}, body, 0, len(body))


def _copy(source: BinaryIO, target: Any, start: int, stop: int) -> None:
    source.seek(start)
    while start < stop and (block := source.read(min(BLOCK, stop - start))):
        target.write(block)
        start += len(block)
