"""Paths and URLs: the same words for both, and an error for what cannot be reached."""

import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from builder.errors import ConfigError, MissingExtraError
from builder.storage.paths import atomic_file, local_copy, local_path, place, sorted_paths
from builder.storage.remote_path import RemotePath
from builder.storage.staging import publish, unfinished


@pytest.fixture
def memory():
    fsspec.filesystem("memory").store.clear()
    return place("memory://shelf/box")


@pytest.fixture(params=["memory", "shelf"])
def box(request, tmp_path):
    """A folder of a store where files appear whole, and of one with folders, where they grow."""

    class Shelf(LocalFileSystem):
        protocol = "shelf"
        cachable = False

        @classmethod
        def _strip_protocol(cls, path):
            inside = str(path).removeprefix("shelf://")
            return inside if inside.startswith("/") else f"{tmp_path}/{inside}"

    fsspec.register_implementation("shelf", Shelf, clobber=True)
    fsspec.filesystem("memory").store.clear()
    return place(f"{request.param}://room/box")


def test_a_path_and_a_file_url_are_paths_of_this_machine(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert place("data/x") == Path("data/x")
    assert place("~/x") == Path("/home/somebody/x")
    assert place("file:///shared/x") == Path("/shared/x")


def test_a_url_has_a_name_a_parent_and_children():
    path = place("s3://bucket/data/cartpole/")
    assert (path.name, str(path.parent), str(path / "a")) == (
        "cartpole",
        "s3://bucket/data",
        "s3://bucket/data/cartpole/a",
    )
    assert (path / "a" / "b").relative_to(path) == Path("a/b")


@pytest.mark.parametrize(
    "text",
    ["nosuch://bucket/x", "s3://bucket", "hf://datasets/user/x", "s3://b/x::s3", "s3://b/x/..", "s3://b/."],
)
def test_a_url_that_cannot_be_an_out_is_refused(text):
    with pytest.raises(ConfigError):
        place(text)


def test_the_home_of_a_stranger_is_refused():
    with pytest.raises(ConfigError, match="~nobody-of-this-name/x is in the home of nobody known here"):
        place("~nobody-of-this-name/x")


@pytest.mark.parametrize("text", ["", ".", "..", "x/..", "/"])
def test_a_path_without_a_name_is_the_folder_that_it_means(text):
    assert place(text) == Path(text).resolve()


def test_a_protocol_without_its_package_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r'pip install "il-builder\[s3\]"'):
        place("s3://bucket/x")


def test_what_needs_files_of_this_machine_refuses_a_url(memory, tmp_path):
    assert local_path(tmp_path, "enjoy") == tmp_path
    with pytest.raises(
        ConfigError, match="enjoy needs files of this machine, and memory://shelf/box is a URL"
    ):
        local_path(memory, "enjoy")


def test_a_written_file_is_there_and_a_removed_one_is_gone(box):
    (box / "deep").mkdir(parents=True)
    file = box / "deep" / "file"
    file.write_text("text")
    assert (file.read_text(), file.stat().st_size) == ("text", 4)
    assert (file.exists(), file.is_file(), file.is_dir(), file.parent.is_dir()) == (True, True, False, True)
    assert sorted_paths(box.rglob("*")) == [file]
    assert [path.name for path in (box / "deep").glob("f*")] == ["file"]
    file.unlink()
    assert not file.exists()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        file.read_text()
    box.remove()
    assert not box.exists()


def test_only_the_first_creates(memory):
    lock = memory / "lock"
    assert lock.create("one")
    assert not lock.create("two")
    assert lock.read_text() == "one"


def test_a_file_is_written_whole_or_not_at_all(box, tmp_path):
    for folder in (box, tmp_path / "here"):
        with atomic_file(folder / "whole") as file:
            file.write_bytes(b"whole")
        with local_copy(folder / "whole") as file:
            assert file.read_bytes() == b"whole"
        with pytest.raises(ZeroDivisionError), atomic_file(folder / "half") as file:
            file.write_bytes(b"%d" % (1 // 0))
        assert [path.name for path in folder.iterdir()] == ["whole"]


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
