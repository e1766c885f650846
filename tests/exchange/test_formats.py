"""The table of formats."""

import formats_table
import pytest

from builder.errors import ConfigError
from builder.exchange.formats import FORMATS, format_named


def test_every_format_is_called_what_the_table_calls_it():
    assert all(format_named(name).name == name for name in FORMATS)


def test_an_unknown_one_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'd4rl'"):
        format_named("d4rI")


@pytest.mark.slow
def test_the_page_says_what_every_format_brings_back():
    assert formats_table.text() in formats_table.PAGE.read_text()
