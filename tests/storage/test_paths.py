"""Paths and URLs: the same words for both, and an error for what cannot be reached."""

import sys
from pathlib import Path

import pytest
from sweeps import case

from builder.errors import ConfigError, MissingExtraError
from builder.storage.paths import atomic_file, expanded, local_copy, local_path, place


def test_a_path_and_a_file_url_are_paths_of_this_machine(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert place("data/x") == Path("data/x")
    assert place("~/x") == Path("/home/somebody/x")
    assert place("file:///shared/x") == Path("/shared/x")


def test_a_url_that_cannot_be_an_out_is_refused():
    for text in [
        "nosuch://bucket/x",
        "s3://bucket",
        "hf://datasets/user/x",
        "s3://b/x::s3",
        "s3://b/x/..",
        "s3://b/.",
    ]:
        with case(text), pytest.raises(ConfigError):
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


def test_a_file_is_written_whole_or_not_at_all(box, tmp_path):
    for folder in (box, tmp_path / "here"):
        with atomic_file(folder / "whole") as file:
            file.write_bytes(b"whole")
        with local_copy(folder / "whole") as file:
            assert file.read_bytes() == b"whole"
        with pytest.raises(ZeroDivisionError), atomic_file(folder / "half") as file:
            file.write_bytes(b"%d" % (1 // 0))
        assert [path.name for path in folder.iterdir()] == ["whole"]


def test_a_home_of_nobody_is_said():
    with pytest.raises(ConfigError, match="~nobody-here/x is in the home of nobody known here"):
        expanded("~nobody-here/x")
