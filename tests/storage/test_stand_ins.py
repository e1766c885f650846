"""Files with holes for what nobody has read."""

import pytest

from builder.errors import StorageError
from builder.storage.stand_ins import bring, forget, original, stand_in, whole

CONTENT = bytes(range(1, 101))


@pytest.fixture
def place(memory):
    memory.write_text("")  # the store is there
    file = memory.parent / "file"
    with file._writing() as (store, path):
        store.pipe_file(path, CONTENT)
    return file


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "file"
    forget(tmp_path)


def test_a_file_has_the_bytes_that_were_asked_for_and_no_others(path, place):
    stand_in(path, place, 100)
    assert path.read_bytes() == bytes(100)
    bring(path, 40, 60)
    bring(path, -5, 3)
    assert path.read_bytes() == CONTENT[:3] + bytes(37) + CONTENT[40:60] + bytes(40)
    assert original(path) == place


def test_what_is_there_is_not_asked_for_again(path, place):
    stand_in(path, place, 100)
    bring(path, 40, 60)
    place.unlink()
    bring(path, 45, 60)
    with pytest.raises(FileNotFoundError):
        bring(path, 45, 61)


def test_a_file_that_has_all_needs_nothing_more(path, place):
    whole(path, place, 100)
    place.unlink()
    bring(path, 0, 100)
    assert path.read_bytes() == CONTENT
    assert original(path) == place


def test_any_other_file_stays_as_it_is(path):
    path.write_bytes(b"mine")
    bring(path, 0, 4)
    assert path.read_bytes() == b"mine"
    assert original(path) is None


def test_what_is_forgotten_is_a_file_like_any_other(path, place):
    stand_in(path, place, 100)
    forget(path.parent)
    bring(path, 0, 100)
    assert path.read_bytes() == bytes(100)
    assert original(path) is None


def test_a_file_that_is_in_the_way_is_not_written_over(path, place):
    path.write_bytes(b"mine")
    with pytest.raises(StorageError, match="cannot be written"):
        stand_in(path, place, 100)
    assert path.read_bytes() == b"mine"
