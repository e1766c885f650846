"""What the exceptions of the client's HTTP library mean, whichever it is."""

import ssl

import huggingface_hub
import pytest
from huggingface_hub import get_session

from builder.hub_client.http_library import address_of, bottom, http_library, lasting, what_happened

NOBODY = "http://127.0.0.1:9/api"


def refused():
    with pytest.raises(http_library().broken) as caught:
        get_session().get(NOBODY, timeout=5)
    return caught.value


@pytest.fixture(autouse=True)
def _online(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def test_the_library_is_the_one_that_the_client_asks_with():
    name = type(get_session()).__mro__[-2].__module__.partition(".")[0]
    assert all(error.__module__.startswith(name) for error in http_library().broken)


def test_what_happened_is_what_lies_at_the_bottom_of_a_failure():
    assert what_happened(refused()) == "Connection refused"
    assert isinstance(bottom(refused()), ConnectionRefusedError)


def test_a_failure_tells_what_was_asked():
    assert address_of(refused()) == NOBODY
    assert address_of(ValueError("no request")) is None
    assert address_of(http_library().unanswered[0]("no request either")) is None


def test_a_proxy_and_a_certificate_stay_what_they_are_and_a_refusal_may_pass():
    assert not lasting(refused())
    proxy = http_library().proxy[0]("it wants a password")
    assert (lasting(proxy), what_happened(proxy)) == (True, "the proxy: it wants a password")
    failure = http_library().broken[0]("no")
    failure.__cause__ = ssl.SSLCertVerificationError("self-signed")
    assert lasting(failure)
