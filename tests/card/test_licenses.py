"""Only licences that the Hub knows are stated."""

import pytest

from builder.card.licenses import check_license
from builder.errors import ConfigError


@pytest.mark.parametrize("text", [None, "mit", "cc-by-4.0", "other"])
def test_a_licence_of_the_hub_or_none_is_taken(text):
    check_license(text)


@pytest.mark.parametrize("text", ["foo", "", "MIT License"])
def test_another_is_refused(text):
    with pytest.raises(ConfigError, match="none that the Hub knows"):
        check_license(text)


@pytest.mark.parametrize(("text", "nearest"), [("MIT", "mit"), ("apache2", "apache-2.0")])
def test_the_nearest_one_is_named(text, nearest):
    with pytest.raises(ConfigError, match=f"did you mean '{nearest}'"):
        check_license(text)
