"""What the Hub's client speaks HTTP with: requests before 1.0, httpx in 1.x, httpx2 in 2.x.

Each has exceptions of its own. All that is told apart by them is here, by what each library documents.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

Exceptions = tuple[type[Exception], ...]


@dataclass(frozen=True)
class HttpLibrary:
    """The exceptions of a library, by what they mean.

    Attributes:
        broken: a connection that was not made, or broke: another try may change it.
        proxy: a proxy that does not let it through.
        unanswered: all that leave a request without an answer.
        bad_address: what was to be asked is no address.
        no_json: an answer is not JSON.
        certificates: the environment variable that names a file of certificates.
    """

    broken: Exceptions
    proxy: Exceptions
    unanswered: Exceptions
    bad_address: Exceptions
    no_json: Exceptions
    certificates: str


@cache
def http_library() -> HttpLibrary:
    """The library of the client that is installed: the one whose error its own error for answers is."""
    from huggingface_hub.errors import HfHubHTTPError

    error = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    name = error.__module__.partition(".")[0]
    library = import_module(name)
    return _requests(library.exceptions) if name == "requests" else _httpx(library)


def _requests(its: Any) -> HttpLibrary:
    return HttpLibrary(
        broken=(its.ConnectionError, its.Timeout, its.ChunkedEncodingError),
        proxy=(its.ProxyError,),
        unanswered=(its.RequestException,),
        bad_address=(its.InvalidURL, its.InvalidSchema, its.MissingSchema),
        no_json=(its.InvalidJSONError,),
        certificates="REQUESTS_CA_BUNDLE",
    )


def _httpx(its: Any) -> HttpLibrary:
    return HttpLibrary(
        broken=(its.TimeoutException, its.NetworkError, its.RemoteProtocolError),
        proxy=(its.ProxyError,),
        unanswered=(its.HTTPError,),
        bad_address=(its.InvalidURL, its.UnsupportedProtocol),
        no_json=(json.JSONDecodeError,),
        certificates="SSL_CERT_FILE",
    )


def lasting(error: Exception) -> bool:
    """Whether a connection fails for a reason that stays: a certificate that is not trusted, or a proxy."""
    return isinstance(error, http_library().proxy) or isinstance(bottom(error), ssl.SSLCertVerificationError)


def what_happened(error: Exception) -> str:
    """What a failure comes from in the end, in a few words: "Connection refused"."""
    lowest = bottom(error)
    words = str(getattr(lowest, "strerror", None) or lowest).rstrip(".") or type(lowest).__name__
    return f"the proxy: {words}" if isinstance(error, http_library().proxy) else words


def bottom(error: BaseException) -> BaseException:
    """What a failure comes from in the end."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


def address_of(error: Exception) -> str | None:
    """What was asked when it failed, as far as the library says."""
    try:
        request = getattr(error, "request", None)
    except RuntimeError:  # httpx has none
        return None
    return str(request.url) if request is not None and request.url else None
