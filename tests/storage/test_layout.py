"""What lies beside a dataset folder is named after it."""

from dataclasses import fields
from pathlib import Path

from builder.storage.layout import Layout
from builder.storage.paths import place


def test_all_lies_beside_the_dataset_under_its_name():
    beside = Layout.of(Path("data/x"))
    assert {field.name: str(getattr(beside, field.name)) for field in fields(beside)} == {
        "out": "data/x",
        "chunks": "data/.x.chunks",
        "lock": "data/.x.chunks/lock",
        "metrics": "data/.x.metrics.json",
        "request": "data/.x.request.json",
        "staging": "data/.x.staging",
        "retired": "data/.x.retired",
        "unfinished": "data/.x.unfinished",
    }


def test_it_is_the_same_behind_a_url():
    assert str(Layout.of(place("memory://shelf/x")).lock) == "memory://shelf/.x.chunks/lock"


def test_a_dataset_that_is_the_current_folder_has_its_store_beside_it(tmp_path, monkeypatch):
    (tmp_path / "x" / "y").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x" / "y")
    assert Layout.of(place(".")).chunks == tmp_path / "x" / ".y.chunks"
    assert Layout.of(place("..")).chunks == tmp_path / ".x.chunks"
