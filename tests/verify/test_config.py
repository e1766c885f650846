"""The configuration of a verification."""

import pytest

from builder.composition import compose
from builder.errors import ConfigError
from builder.verify.config import VerifyConfig


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sample=0", "sample is out of range; expected more than 0, at most 1"),
        ("sample=1.5", "sample is out of range; expected more than 0, at most 1"),
        ("level=all", "level is unknown; expected auto or files or replay or rebuild or baseline; got 'all'"),
    ],
)
def test_what_cannot_be_meant_is_refused(word, said):
    with pytest.raises(ConfigError, match=said):
        compose(VerifyConfig, "verify", ["out=x", word])
