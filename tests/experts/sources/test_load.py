"""From a configured expert to one that can play."""

import pytest
from configured import loaded

from builder.errors import ConfigError


@pytest.mark.parametrize(("source", "key"), [("local", "path"), ("hub", "repo_id")])
def test_a_source_without_its_key_is_refused(source, key):
    with pytest.raises(ConfigError) as caught:
        loaded(source)
    assert str(caught.value) == f"expert={source} needs expert.{key}; add expert.{key}=... to the command"
