"""Patience with the Hub: how long it waits, and what it changes of the client."""

import time
from email.utils import formatdate

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled
from huggingface_hub.utils.logging import get_verbosity
from sweeps import case

from builder.hub_client import retries as transport
from builder.hub_client.retries import (
    TRIES,
    TRIES_UNSEEN,
    _Patience,
    connected,
    persistently,
    retry_after,
    seconds_asked,
)


def test_retry_after_is_a_number_of_seconds():
    for text, seconds in [(None, 0), ("", 0), ("3", 3), ("1.5", 1.5), ("-1", 0), ("soon", 0)]:
        with case(text, seconds):
            assert retry_after(text) == seconds


def test_retry_after_is_a_date_as_well():
    assert 8 < retry_after(formatdate(time.time() + 10, usegmt=True)) <= 10
    assert retry_after(formatdate(time.time() - 10, usegmt=True)) == 0


def test_pauses_double_up_to_a_limit_and_end():
    patience = _Patience(seen=True)
    assert [patience.pause(failures + 1) for failures in range(TRIES)] == [0.5, 1, 2, 4, 8, 8, 8, None]


def test_a_hub_that_has_never_answered_is_given_up_sooner():
    patience = _Patience()
    assert [patience.pause(failures + 1) for failures in range(TRIES_UNSEEN)] == [0.5, 1, None]


def test_once_a_request_is_given_up_no_other_waits_until_one_succeeds():
    patience = _Patience(seen=True)
    patience.pause(TRIES)
    assert patience.pause(1) is None
    patience.succeed()
    assert patience.pause(1) == 0.5


def test_what_the_hub_asks_for_is_waited_for_but_no_longer_than_five_minutes():
    patience = _Patience(seen=True)
    assert patience.pause(1, 100) == 100
    assert patience.pause(1, 301) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"RateLimit": '"api";r=0;t=55'}, 56),
        ({"RateLimit": '"api";r=12;t=55'}, 0),
        ({"RateLimit": '"api"; r=0; t=5', "Retry-After": "9"}, 9),
    ],
)
def test_the_hubs_own_header_for_its_limits_is_understood(headers, seconds):
    assert seconds_asked(headers) == seconds


def test_the_client_is_as_it_was_afterwards():
    def state():
        return constants.HF_HUB_DISABLE_XET, get_verbosity(), are_progress_bars_disabled()

    before = state()
    with connected(), connected():
        assert state()[0] is True
    assert state() == before


def test_a_download_that_breaks_off_again_and_again_fails_with_its_own_error(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.0)
    calls = []

    def download():
        calls.append(1)
        raise OSError("Consistency check failed: file should be of size 2 but has size 1")

    with pytest.raises(OSError, match="Consistency check failed"):
        persistently(download)
    assert len(calls) == TRIES


def test_a_failure_of_another_kind_is_not_tried_again():
    calls = []

    def download():
        calls.append(1)
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        persistently(download)
    assert len(calls) == 1
