"""Findings have codes that stay, and the documentation shows all of them."""

import re

import pytest
from places import ROOT

from builder.checks.finding import CODES, finding, markdown_table, raise_for_errors
from builder.errors import CheckError


def test_the_documentation_shows_the_table_of_codes():
    assert markdown_table() in (ROOT / "docs" / "checks.md").read_text()


def test_the_remedies_that_a_build_takes_belong_to_notes():
    handled = {name for name, code in CODES.items() if code.remedy.startswith("a build ")}
    assert {CODES[name].severity for name in handled} == {"note"}


def test_a_code_is_words_with_hyphens():
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in CODES)


def test_notes_are_no_error():
    raise_for_errors([finding("edits-action", "step halves it")])


def test_the_first_error_is_raised_with_its_remedy_and_all_findings():
    found = [
        finding("edits-action", "step halves it"),
        finding("not-a-number", "NaN at step 3"),
        finding("raises", "step raised"),
    ]
    with pytest.raises(CheckError) as caught:
        raise_for_errors(found)
    assert str(caught.value) == (
        "not-a-number: NaN at step 3 (and 1 more); nothing could be learned or compared from it"
    )
    assert caught.value.findings == tuple(found)


def test_a_severity_can_be_that_of_the_case():
    assert finding("ignores-seed", "every seed gives the same", severity="note").severity == "note"
