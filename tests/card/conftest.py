import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# No download counter of `datasets`, and no look at the Hub: read at its first import.
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets as hf
import pytest
from card_folders import write


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Makes dataset folders below the test's own."""

    def make(rewards: list[list[float]], *, name: str = "dataset", **options: Any) -> Path:
        return write(tmp_path / name, rewards, **options)

    return make
