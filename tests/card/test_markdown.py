"""Numbers, shares and code as the card writes them."""

import math

import pytest
from sweeps import case

from builder.card.markdown import block, code, number, numbers, plain, share, table

NUMBERS = [
    (0, "0"),
    (-0.0, "0"),
    (500.0, "500"),
    (1234567, "1,234,567"),
    (-146.283, "-146.28"),
    (1234.5, "1,234.50"),
    (0.92314, "0.9231"),
    (1.5e-12, "1.500e-12"),
    (1e20, "1.000e+20"),
    (math.inf, "∞"),
    (-math.inf, "-∞"),
    (math.nan, "not a number"),
]


def test_number():
    for value, text in NUMBERS:
        with case(value, text):
            assert number(value) == text


def test_numbers_side_by_side_have_the_same_decimals():
    assert numbers(499.5, 0.00021, 500.0) == ["499.50", "0.00", "500.00"]
    assert numbers(-365.888, -0.0043) == ["-365.89", "0.00"]
    assert numbers(500.0, 0.0) == ["500", "0"]


def test_shares_are_whole_only_where_they_are():
    assert [share(0, 3), share(1, 3), share(3, 3)] == ["0%", "33.33%", "100%"]
    assert [share(99_999, 100_000), share(1, 100_000)] == ["99.99%", "0.01%"]


def test_code_keeps_any_text_in_one_line_of_code():
    assert code("a") == "`a`"
    assert code("a`b") == "`` a`b ``"
    assert code("a``b\nc") == "``` a``b c ```"


def test_cells_do_not_end_at_a_bar():
    assert table(("a", "b:"), [("x|y", "1")]) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Whole games are played, with their true rewards;",
            "Whole games are played, with their true rewards;",
        ),
        (
            "vec_normalize.pkl is not used: config.yml says so",
            "`vec_normalize.pkl` is not used: config.yml says so",
        ),
        ("<script> [a](http://b) **c**\n# d", "`<script>` `[a](http://b)` `**c**` `#` d"),
        ("| a | `b`", "`|` a `|` `` `b` ``"),
    ],
)
def test_words_of_others_mean_nothing_to_markdown(text, shown):
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "fence"), [("a", "```"), ("a\n```\nb", "````"), ("`````", "``````"), ("~~~", "```")]
)
def test_a_block_is_fenced_by_more_than_it_holds(text, fence):
    assert block(text, "bibtex") == f"{fence}bibtex\n{text}\n{fence}"


def test_a_block_has_no_letters_that_cannot_be_seen():
    assert block("\n a\tb\x00\x1b\r\nc\u202e\n\n", "bibtex") == "```bibtex\na\tb\nc\n```"
