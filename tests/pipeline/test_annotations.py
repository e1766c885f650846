"""From a key of the configuration to what is recorded beside."""

import pytest
from noting import Counted

from builder.errors import ConfigError
from builder.pipeline.annotations import annotations_of

SOURCES = {"dataset.counted": lambda config, found: Counted(), "dataset.none": lambda config, found: None}


def test_a_key_that_asks_for_nothing_adds_nothing():
    assert annotations_of(None, None, {}, SOURCES) == (Counted(),)


def test_a_function_of_the_users_own_records_nothing_beside():
    with pytest.raises(ConfigError, match=r"dataset\.counted is recorded by the built-in enjoy alone"):
        annotations_of(None, None, {"enjoy": print}, SOURCES)
