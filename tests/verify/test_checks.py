"""What a verification amounts to."""

import pytest

from builder.errors import VerificationError
from builder.replay import Difference
from builder.verify.checks import Check, Report

SOUND = Check("files", "5 files")
DIFFERS = Check("tables", "10 rows", Difference("reward", expected=1, got=2))
UNASKED = Check("replay", "nobody knows how", possible=False, asked=False)
LEFT_OUT = Check("replay", "the environment is not installed", possible=False)


@pytest.mark.parametrize(
    ("check", "verdict", "passed"),
    [
        (SOUND, "ok", True),
        (DIFFERS, "differs", False),
        (LEFT_OUT, "not checked", False),
        (UNASKED, "not checked", True),
    ],
)
def test_a_verdict_is_one_word(check, verdict, passed):
    assert (check.verdict, check.passed) == (verdict, passed)


def test_a_report_without_failures_raises_nothing():
    Report("x", (SOUND, SOUND)).raise_for_difference()


def test_the_first_failure_is_raised_with_what_was_expected_and_the_first_note():
    with pytest.raises(VerificationError) as caught:
        Report("x", (SOUND, DIFFERS, LEFT_OUT), notes=("another numpy", "more")).raise_for_difference()
    error = caught.value
    assert (error.what, error.expected, error.got) == ("x fails tables: reward", 1, 2)
    assert error.remedy == "note: another numpy"


def test_what_could_not_be_checked_is_no_success():
    with pytest.raises(VerificationError, match="x: replay cannot be checked: the environment is not inst"):
        Report("x", (SOUND, LEFT_OUT)).raise_for_difference()
