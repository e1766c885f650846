"""What is known of a chunk without its arrays."""

import dataclasses
from pathlib import Path

import numpy as np

from builder.episodes.acceptance import EVERY_RETURN, Acceptance
from builder.episodes.recording import Recording
from builder.episodes.recording_file import Header
from builder.rollout.summary import summarise, summary_in, with_figures


def two_attempts():
    """Of two steps and of one, with returns 1 and 2."""
    return Recording(
        attempts=np.arange(2),
        seeds=np.arange(2),
        lengths=np.array([2, 1]),
        returns=np.array([1.0, 2.0]),
        terminated=np.ones(2, bool),
        truncated=np.zeros(2, bool),
        observations=(np.zeros((3, 4), np.float32),),
        actions=(np.zeros(3, np.int64),),
        rewards=np.zeros(3),
        finals=(np.zeros((2, 4), np.float32),),
    )


def test_the_bytes_of_a_step_count_what_else_was_recorded_of_it():
    recording = two_attempts()
    masked = dataclasses.replace(recording, extras={"action_mask": np.ones((3, 5), bool)})
    assert summarise(recording, Path("x")).row_bytes == 16 + 8 + 8
    assert summarise(masked, Path("x")).row_bytes == 16 + 8 + 8 + 5


def test_attempts_are_accepted_by_their_returns_once_they_are_judged():
    summary = summarise(two_attempts(), Path("x"))
    assert summary.accepted.tolist() == [True, True]
    assert summary.judged(Acceptance(1.5)).accepted.tolist() == [False, True]
    assert summary.failed.tolist() == [False, False]


def test_an_attempt_that_failed_is_not_accepted_whatever_is_accepted():
    failed = dataclasses.replace(two_attempts(), lengths=np.array([3, 0]), returns=np.array([1.0, np.nan]))
    summary = summarise(failed, Path("x"))
    assert summary.failed.tolist() == [False, True]
    assert summary.accepted.tolist() == [True, False]
    assert summary.judged(EVERY_RETURN).accepted.tolist() == [True, False]


def test_a_header_with_figures_says_what_the_summary_says():
    summary = summarise(two_attempts(), Path("x"))
    found = summary_in(with_figures(Header("a", 0, 2, "mine"), summary), Path("x"))
    assert found is not None
    for field in dataclasses.fields(summary):
        assert np.array_equal(getattr(found, field.name), getattr(summary, field.name))


def test_figures_of_another_header_are_not_taken():
    header = with_figures(Header("a", 0, 2, "mine"), summarise(two_attempts(), Path("x")))
    assert summary_in(dataclasses.replace(header, identity="b"), Path("x")) is None
    assert summary_in(dataclasses.replace(header, figures=""), Path("x")) is None
    assert (
        summary_in(dataclasses.replace(header, figures=header.figures.replace(" ", "  ")), Path("x")) is None
    )
