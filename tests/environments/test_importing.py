"""What is named as `package.module:name`."""

import pytest

from builder.environments.environment import resolve
from builder.errors import EnvironmentError_, MissingExtraError


def found(env_id, kwargs=None, *, max_episode_steps=None, max_steps=None):
    return resolve(env_id, kwargs or {}, max_episode_steps=max_episode_steps, max_steps=max_steps)


def test_a_module_that_is_not_there_is_a_missing_package():
    with pytest.raises(MissingExtraError) as caught:
        found("no_such_module:Choosy-v0")
    assert str(caught.value) == (
        "no_such_module:Choosy-v0 needs a package that is not installed: No module named 'no_such_module';"
        " install the package that it comes with"
    )


def test_what_a_module_raises_when_it_is_imported_is_chained(tmp_path, monkeypatch):
    (tmp_path / "module_that_raises.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        EnvironmentError_, match="importing module_that_raises raised ZeroDivisionError"
    ) as caught:
        found("module_that_raises:Choosy-v0")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
