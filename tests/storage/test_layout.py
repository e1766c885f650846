"""What lies beside a dataset."""

from pathlib import Path

from builder.storage.layout import chunk_folder, metrics_path
from builder.storage.paths import place


def test_the_store_and_the_metrics_lie_beside_the_dataset():
    assert chunk_folder(Path("data/x")) == Path("data/.x.chunks")
    assert metrics_path(Path("data/x")) == Path("data/.x.metrics.json")


def test_a_dataset_that_is_the_current_folder_has_its_store_beside_it(tmp_path, monkeypatch):
    (tmp_path / "x" / "y").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x" / "y")
    assert chunk_folder(place(".")) == tmp_path / "x" / ".y.chunks"
    assert chunk_folder(place("..")) == tmp_path / ".x.chunks"
