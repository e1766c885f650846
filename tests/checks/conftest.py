"""The environments of `unruly`, while a test of this folder runs."""

import pytest
import unruly


@pytest.fixture(autouse=True)
def _unruly():
    unruly.register()
    yield
    unruly.forget()
