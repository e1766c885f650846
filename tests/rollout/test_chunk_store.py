"""The chunk store: what is used again, what is not, and one build at a time."""

import dataclasses
import json

import fsspec
import numpy as np
import pytest
from chunks import IDENTITY, recording, write

from builder.episodes import recording_file
from builder.episodes.recording_file import Header, read_recording, write_recording
from builder.errors import StorageError
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.chunk_store import _held_by as held_by
from builder.rollout.summary import summarise, with_figures
from builder.storage.layout import Layout
from builder.storage.paths import place
from builder.storage.remote_path import RemotePath


@pytest.fixture
def store(tmp_path):
    return ChunkStore(Layout.of(tmp_path / "x").chunks, IDENTITY)


def test_a_chunk_is_named_by_its_range_in_the_folder_of_its_identity(store, tmp_path):
    assert store.path(range(3, 256)) == (
        tmp_path / ".x.chunks" / "0123456789abcdef" / "chunk-00000003-00000256.safetensors"
    )


def test_chunks_are_found_in_the_order_of_their_attempts(store):
    for pair in [(10, 12), (0, 4), (4, 10)]:
        write(store, *pair)
    found = store.scan()
    assert [(chunk.start, chunk.stop) for chunk in found] == [(0, 4), (4, 10), (10, 12)]
    assert [chunk.path for chunk in found] == store.files()
    assert found[2].returns.tolist() == [10.0, 11.0]
    assert found[2].lengths.tolist() == [2, 2]


def test_a_store_that_is_not_there_holds_nothing(store):
    assert store.scan() == []


def said(store, start, stop):
    """A chunk whose header says what its attempts are."""
    path, of = store.path(range(start, stop)), recording(range(start, stop))
    header = Header(IDENTITY, start, stop, "mine")
    write_recording(of, path, with_figures(header, summarise(of, path)))
    return path


def spoil(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_chunk_that_says_what_it_holds_is_not_read(store):
    path = said(store, 0, 4)
    whole = store.scan()
    spoil(path, -1)
    (found,) = store.scan()
    for field in dataclasses.fields(found):
        assert np.array_equal(getattr(found, field.name), getattr(whole[0], field.name))
    read = summarise(recording(range(4)), path)
    assert found.digests.tolist() == read.digests.tolist()
    assert (found.returns.tolist(), found.row_bytes) == (read.returns.tolist(), read.row_bytes)


@pytest.fixture
def shelf():
    """A store behind a URL."""
    fsspec.filesystem("memory").store.clear()
    return ChunkStore(place("memory://shelf/.x.chunks"), IDENTITY)


def test_behind_a_url_the_header_alone_is_brought(shelf, monkeypatch):
    path, other = said(shelf, 0, 4), said(shelf, 4, 8)
    parts, part = [], RemotePath.part
    monkeypatch.setattr(recording_file, "HEAD", 100)
    monkeypatch.setattr(RemotePath, "download", None)
    monkeypatch.setattr(RemotePath, "part", lambda *given: parts.append(given) or part(*given))
    found = shelf.scan()
    assert [chunk.path for chunk in found] == [path, other]
    assert [chunk.returns.tolist() for chunk in found] == [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
    assert max(stop for *_, stop in parts) < path.stat().st_size - recording(range(4)).observations[0].nbytes


@pytest.mark.parametrize("size", [0, 5, 200, -1])
def test_behind_a_url_a_chunk_that_was_cut_short_is_removed_with_a_warning(shelf, caplog, size):
    path = said(shelf, 0, 4)
    store, place = fsspec.core.url_to_fs(str(path))
    store.pipe_file(place, store.cat_file(place)[:size])
    assert shelf.scan() == []
    assert f"{path} is not a recorded file, or is damaged" in caplog.text
    assert shelf.files() == []


def test_what_a_damaged_header_says_is_not_taken(store, caplog):
    path = said(store, 0, 4)
    spoil(path, path.read_bytes().index(b"figures") + 100)
    assert store.scan() == []
    assert "is damaged" in caplog.text


def test_mending_removes_what_is_damaged_and_nothing_else(store, caplog):
    kept, lost = said(store, 0, 4), said(store, 4, 8)
    assert not store.mend()
    spoil(lost, -1)
    assert store.mend()
    assert store.files() == [kept]
    assert f"{lost} is damaged" in caplog.text


def damaged(store):
    path = write(store, 0, 4)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def emptied(store):
    write(store, 0, 4).write_bytes(b"")


def of_another_build(store):
    write(store, 0, 4, identity="other")


def renamed(store):
    write(store, 0, 4).rename(store.path(range(4, 8)))


def with_a_gap(store):
    write(store, 0, 4, attempts=[0, 1, 2, 5])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damaged, "is damaged; expected sha256"),
        (emptied, "is not a recorded file, or is damaged"),
        (of_another_build, "belongs to another build"),
        (renamed, "does not hold the attempts that its name says"),
        (with_a_gap, "does not hold the attempts that its name says"),
    ],
)
def test_a_chunk_that_is_not_what_it_says_is_removed_with_a_warning(store, caplog, spoil, message):
    spoil(store)
    write(store, 8, 10)
    assert [(chunk.start, chunk.stop) for chunk in store.scan()] == [(8, 10)]
    assert store.files() == [store.path(range(8, 10))]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert message in record.getMessage()
    assert record.getMessage().endswith("; its attempts are played again")


def test_what_a_killed_build_left_half_written_is_removed(store):
    whole = write(store, 0, 4)
    part = whole.with_name(f".{whole.name}.0123abcd.part")
    part.mkdir()
    (part / whole.name).write_bytes(b"half")
    store.scan()
    assert list(store.folder.iterdir()) == [whole]


def test_the_description_of_a_build_lies_beside_its_chunks(store):
    store.describe({"b": 1, "a": [None, 0.5]})
    assert json.loads((store.folder / "build.json").read_text()) == {"a": [None, 0.5], "b": 1}


def test_a_description_that_cannot_be_written_is_a_storage_error(store):
    store.root.parent.joinpath(store.root.name).write_text("a file")
    with pytest.raises(StorageError, match=r"build\.json cannot be written"):
        store.describe({})


def test_the_chunks_of_other_identities_can_be_removed(store):
    other = ChunkStore(store.root, "f" * 64)
    kept = write(store, 0, 4)
    write(other, 0, 4, identity=other.identity)
    store.remove_others()
    assert sorted(store.root.rglob("*.safetensors")) == [kept]
    assert not other.folder.exists()


def test_removing_all_leaves_no_chunk(store):
    write(store, 0, 4)
    write(ChunkStore(store.root, "f" * 64), 0, 4)
    store.remove()
    assert list(store.root.iterdir()) == []


def test_settling_keeps_each_attempt_once(store):
    for start, stop in [(0, 7), (3, 12), (5, 9), (12, 13), (13, 40), (38, 52), (52, 60)]:
        write(store, start, stop)
    store.settle(50, 4)
    assert [path.name for path in store.files()] == [
        f"chunk-{first:08d}-{min(first + 4, 50):08d}.safetensors" for first in range(0, 50, 4)
    ]
    attempts = [read_recording(path)[0].attempts.tolist() for path in store.files()]
    assert attempts == [list(range(first, min(first + 4, 50))) for first in range(0, 50, 4)]


def test_settling_looks_at_the_chunks_of_a_range_alone(store, monkeypatch):
    """All chunks for each range would be days with tens of thousands of them: here 30 times 60."""
    for start in range(60):
        write(store, start, start + 1)
    looked_at = []

    def counted(path):
        looked_at.append(path)
        return held_by(path)

    monkeypatch.setattr("builder.rollout.chunk_store._held_by", counted)
    store.settle(60, 2)
    assert len(store.files()) == 30
    assert len(looked_at) < 10 * 60
