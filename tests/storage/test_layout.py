"""What lies beside a dataset folder is named after it."""

from dataclasses import fields
from pathlib import Path

import pytest

from builder import Controller
from builder.config import HubConfig, ParallelConfig, TrustConfig
from builder.errors import ConfigError
from builder.rollout.cleaning import clean
from builder.storage.layout import LONGEST_NAME, Layout
from builder.storage.paths import place
from builder.verify import verify
from builder.verify.config import VerifyConfig


def test_all_lies_beside_the_dataset_under_its_name():
    beside = Layout.of(Path("data/x"))
    assert {field.name: str(getattr(beside, field.name)) for field in fields(beside)} == {
        "out": "data/x",
        "chunks": "data/.x.chunks",
        "lock": "data/.x.chunks/lock",
        "metrics": "data/.x.metrics.json",
        "request": "data/.x.request.json",
        "learned": "data/.x.learned.json",
        "staging": "data/.x.staging",
        "rebuilds": "data/.x.rebuild-",
        "unfinished": "data/.x.unfinished",
    }


def test_it_is_the_same_behind_a_url():
    assert str(Layout.of(place("memory://shelf/x")).lock) == "memory://shelf/.x.chunks/lock"


def test_a_dataset_that_is_the_current_folder_has_its_store_beside_it(tmp_path, monkeypatch):
    (tmp_path / "x" / "y").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x" / "y")
    assert Layout.of(place(".")).chunks == tmp_path / "x" / ".y.chunks"
    assert Layout.of(place("..")).chunks == tmp_path / ".x.chunks"


def test_a_name_that_leaves_no_room_for_what_lies_beside_it_is_refused():
    Layout.of(Path("data") / ("ä" * (LONGEST_NAME // 2)))
    with pytest.raises(ConfigError, match=f"at most {LONGEST_NAME} bytes; got {LONGEST_NAME + 1}"):
        Layout.of(Path("data") / ("x" * (LONGEST_NAME + 1)))


def test_a_name_as_long_as_can_be_builds_and_is_cleaned(tmp_path):
    out = tmp_path / ("x" * LONGEST_NAME)
    Controller().start({"expert": "random", "env.id": "Corridor-v0", "episodes": 2, "out": str(out)})
    one = ParallelConfig("threading", 1)
    verify(VerifyConfig(out, HubConfig(), "rebuild", 1.0, one, TrustConfig())).raise_for_difference()
    assert clean(out).left == ()
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_lies_beside_the_root():
    with pytest.raises(ConfigError, match="/ cannot be a dataset"):
        Layout.of(Path("/"))
