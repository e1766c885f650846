"""`to=` and `from=` as users write them."""

import pytest

from builder.composition import compose, compose_mapping
from builder.errors import ConfigError
from builder.exchange.config import Chosen, ExportConfig


@pytest.mark.parametrize(
    "words", [["to=d4rl"], ["to.name=d4rl"], ["to={name: d4rl}"]], ids=["short", "long", "mapping"]
)
def test_a_format_is_named_in_short_or_in_full(words):
    config = compose(ExportConfig, "export", ["out=x", *words, "to.path=y", "to.fps=3"])
    assert Chosen.of("to", config.to) == Chosen("d4rl", "y", {"fps": 3})


def test_a_mapping_of_a_program_says_the_same():
    config = compose_mapping(ExportConfig, "export", {"out": "x", "to": "d4rl", "to.fps": 3})
    assert Chosen.of("to", config.to) == Chosen("d4rl", None, {"fps": 3})


def test_a_missing_format_and_wrong_episodes_are_named():
    with pytest.raises(ConfigError, match="to must be given"):
        Chosen.of("to", compose(ExportConfig, "export", ["out=x"]).to)
    for wrong in ("many", "''", "false", "[a]", "-1", "1.5"):
        with pytest.raises(ConfigError, match="how many, or a list"):
            compose(ExportConfig, "export", ["out=x", f"episodes={wrong}"])
