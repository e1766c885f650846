"""Workers that were asked to stop may work again for the tests that follow."""

import pytest

from builder.parallel.cancellation import cancel


@pytest.fixture(autouse=True)
def _nobody_is_stopped():
    yield
    cancel(stop=False)
