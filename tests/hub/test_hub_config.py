"""Keys of the Hub that contradict one another are refused before anything is played or asked."""

import pytest

from builder.composition import build_config
from builder.errors import ConfigError


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hub.push=true"], "hub.push=true needs hub.repo_id; add hub.repo_id=user/name"),
        (["hub.push=true", "hub.repo_id=user/name", "mode=play"], "mode=play makes no dataset to push"),
        (["hub.token=hf_mine"], "there is no key 'hub.token'"),
    ],
)
def test_what_cannot_be_pushed_is_refused(overrides, message):
    with pytest.raises(ConfigError) as caught:
        build_config(overrides)
    assert message in str(caught.value)
    assert "hf_mine" not in str(caught.value)


def test_nothing_is_pushed_unless_that_is_asked_for():
    hub = build_config([]).hub
    assert (hub.push, hub.repo_id, hub.private, hub.tag, hub.revision) == (False, None, None, None, None)
