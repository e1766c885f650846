import os
from pathlib import Path

# No download counter of `datasets`, and no look at the Hub: read at its first import.
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets as hf
import pytest
from card_folders import dataset  # noqa: F401  (a fixture)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")
