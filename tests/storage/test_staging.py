"""A folder is published whole."""

from builder.storage.paths import sorted_paths
from builder.storage.remote_path import RemotePath
from builder.storage.staging import publish, unfinished


def test_publishing_leaves_nothing_else_behind_and_writes_the_last_file_last(box, tmp_path, monkeypatch):
    (box / "old").mkdir(parents=True)
    (box / "old" / "file").write_text("old")
    (box / "last").write_text("old")
    for name in ("a", "last", "z"):
        (tmp_path / "made").mkdir(exist_ok=True)
        (tmp_path / "made" / name).write_text(name)
    seen = []

    def upload(path, source, upload=RemotePath.upload):
        assert unfinished(box)
        assert not (box / "last").exists()
        assert not (box / "old" / "file").exists()
        seen.append(path.name)
        upload(path, source)

    monkeypatch.setattr(RemotePath, "upload", upload)
    publish(tmp_path / "made", box, "last")
    assert seen == ["a", "z", "last"]
    assert [path.name for path in sorted_paths(box.rglob("*"))] == ["a", "last", "z"]
    assert not unfinished(box)
