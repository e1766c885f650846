"""Folders of this program's own: known by their mark, removed where nobody uses them."""

import fcntl

import pytest

from builder.storage.workplace import (
    HEADER,
    MARK,
    is_workplace,
    make_workplace,
    passing_workplace,
    remove_passed,
    remove_workplace,
)


def test_a_workplace_is_known_by_its_mark_and_goes_with_all_in_it(tmp_path):
    folder = tmp_path / "w"
    make_workplace(folder)
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/file").touch()
    assert is_workplace(folder)
    remove_workplace(folder)
    assert not folder.exists()


@pytest.mark.parametrize("mark", [None, "another word\n", HEADER + "and more"])
def test_a_folder_without_the_mark_is_none_and_stays(tmp_path, mark):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "notes").touch()
    if mark is not None:
        (folder / MARK).write_text(mark)
    assert not is_workplace(folder)
    remove_workplace(folder)
    assert (folder / "notes").exists()


def test_a_link_in_a_workplace_goes_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    make_workplace(tmp_path / "w")
    (tmp_path / "w/link").symlink_to(tmp_path / "elsewhere")
    remove_workplace(tmp_path / "w")
    assert [path.name for path in tmp_path.rglob("*")] == ["elsewhere", "file"]


def test_what_is_to_be_kept_keeps_its_mark(tmp_path):
    make_workplace(tmp_path / "w")
    for name in ("left-1", "new"):
        (tmp_path / "w" / name).mkdir()
    remove_workplace(tmp_path / "w", keep="left-")
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [MARK, "left-1"]


def test_a_passing_workplace_is_gone_at_the_end(tmp_path):
    with passing_workplace(tmp_path, ".x.rebuild-") as folder:
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_those_whose_process_has_gone_are_removed_and_no_others(tmp_path):
    for name in (".x.rebuild-1", ".y.rebuild-2"):
        make_workplace(tmp_path / name)
    (tmp_path / ".x.rebuild-3").mkdir()
    (tmp_path / ".x.rebuild-3/notes").touch()
    with passing_workplace(tmp_path, ".x.rebuild-") as folder:
        remove_passed(tmp_path, ".x.rebuild-")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [".x.rebuild-3", ".y.rebuild-2", folder.name]
        )


def test_where_there_are_no_locks_nobody_knows_and_nothing_goes(tmp_path, monkeypatch):
    def refused(handle, flags):
        raise OSError

    make_workplace(tmp_path / ".x.rebuild-1")
    monkeypatch.setattr(fcntl, "flock", refused)
    remove_passed(tmp_path, ".x.rebuild-")
    assert (tmp_path / ".x.rebuild-1").exists()
