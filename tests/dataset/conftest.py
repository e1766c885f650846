import os

# No download counter of `datasets`, and no look at the Hub: read at its first import.
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import pytest


@pytest.fixture(autouse=True, scope="session")
def _quiet():
    datasets.disable_progress_bars()
