"""From a configured expert to one that can play."""

import pytest
from configured import loaded

from builder.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "key", "remedy"),
    [
        ("local", "path", "add expert.path=... to the command"),
        (
            "hub",
            "repo_id",
            "add expert.repo_id=user/name, or expert.algo=ppo and env.id= for an agent of sb3",
        ),
    ],
)
def test_a_source_without_its_key_is_refused(source, key, remedy):
    with pytest.raises(ConfigError) as caught:
        loaded(source)
    assert str(caught.value) == f"expert={source} needs expert.{key}; {remedy}"
