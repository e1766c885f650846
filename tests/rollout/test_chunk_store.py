"""The chunk store: what is used again, what is not, and one build at a time."""

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builder.episodes.recording import Recording
from builder.episodes.recording_file import Header, read_recording, write_recording
from builder.errors import LockedError, StorageError
from builder.rollout.chunk_store import ChunkStore, clean
from builder.rollout.chunk_store import _held_by as held_by
from builder.storage.layout import chunk_folder, metrics_path
from builder.storage.lock import locked
from builder.storage.paths import place

IDENTITY = "0123456789abcdef" * 4


def recording(attempts):
    count = len(attempts)
    return Recording(
        attempts=np.array(attempts, np.int64),
        seeds=np.arange(count),
        lengths=np.full(count, 2),
        returns=np.array(attempts, np.float64),
        terminated=np.ones(count, bool),
        truncated=np.zeros(count, bool),
        observations=(np.zeros((2 * count, 3), np.float32),),
        actions=(np.zeros(2 * count, np.int64),),
        rewards=np.ones(2 * count),
        finals=(np.zeros((count, 3), np.float32),),
    )


def write(store, start, stop, *, attempts=None, identity=IDENTITY):
    path = store.path(range(start, stop))
    write_recording(recording(attempts or range(start, stop)), path, Header(identity, start, stop, "mine"))
    return path


@pytest.fixture
def store(tmp_path):
    return ChunkStore(chunk_folder(tmp_path / "x"), IDENTITY)


def test_the_store_and_the_metrics_lie_beside_the_dataset():
    assert chunk_folder(Path("data/x")) == Path("data/.x.chunks")
    assert metrics_path(Path("data/x")) == Path("data/.x.metrics.json")


def test_a_dataset_that_is_the_current_folder_has_its_store_beside_it(tmp_path, monkeypatch):
    (tmp_path / "x" / "y").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "x" / "y")
    assert chunk_folder(place(".")) == tmp_path / "x" / ".y.chunks"
    assert chunk_folder(place("..")) == tmp_path / ".x.chunks"


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
    part = whole.with_name(f".{whole.name}.123.part")
    part.write_bytes(b"half")
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


def test_two_builds_into_one_folder_are_one_too_many(tmp_path):
    out = tmp_path / "x"
    with locked(out), pytest.raises(LockedError) as caught, locked(out):
        pass
    assert str(caught.value) == f"another build is writing to {out}; wait for it, or choose another `out`"


def test_two_builds_into_two_folders_do_not_meet(tmp_path):
    with locked(tmp_path / "x"), locked(tmp_path / "y"):
        pass


def test_the_folder_is_free_again_after_a_build_that_failed(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "x"):
        1 / 0  # noqa: B018  (it raises)
    with locked(tmp_path / "x"):
        pass


def test_the_folder_is_free_again_after_a_build_that_was_killed(tmp_path):
    lines = "import sys; from pathlib import Path; from builder.rollout.chunk_store import locked\n"
    lines += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", lines, tmp_path / "x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError), locked(tmp_path / "x"):
            pass
        process.kill()
    with locked(tmp_path / "x"):
        pass


def test_a_lock_that_its_last_holder_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """Between opening the file and locking it, the build before ends and removes the folder."""
    flock, out = fcntl.flock, tmp_path / "x"

    def late(handle, flags):
        if late.first:
            shutil.rmtree(chunk_folder(out))
        late.first = False
        flock(handle, flags)

    late.first = True
    monkeypatch.setattr(fcntl, "flock", late)
    with locked(out), pytest.raises(LockedError), locked(out):
        pass


def test_a_parent_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught, locked(tmp_path / "file" / "x"):
        pass
    assert (
        str(caught.value) == f"{tmp_path / 'file'} cannot be written: Not a directory; choose another `out`"
    )


def test_a_build_that_played_nothing_leaves_nothing(tmp_path):
    with locked(tmp_path / "deep" / "down" / "x"):
        ChunkStore(chunk_folder(tmp_path / "deep" / "down" / "x"), IDENTITY).describe({})
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "deep").mkdir()
    with locked(tmp_path / "deep" / "x"):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "deep"]


def test_a_build_that_played_keeps_its_chunks(tmp_path):
    out = tmp_path / "x"
    with locked(out):
        path = write(ChunkStore(chunk_folder(out), IDENTITY), 0, 4)
    assert path.is_file()


def test_a_lock_is_had_where_a_build_that_ends_removes_its_folder_at_that_moment(tmp_path, monkeypatch):
    out = tmp_path / "x"
    removed = []

    def opened(path, *options, path_open=Path.open, **named):
        if path.name == "lock" and not removed:
            removed.append(path.parent.rmdir())
        return path_open(path, *options, **named)

    monkeypatch.setattr(Path, "open", opened)
    with locked(out):
        assert removed
        assert chunk_folder(out).is_dir()


def test_cleaning_removes_the_store_and_says_what_that_freed(tmp_path):
    out = tmp_path / "x"
    out.mkdir()
    store = ChunkStore(chunk_folder(out), IDENTITY)
    size = write(store, 0, 4).stat().st_size + write(store, 4, 8).stat().st_size
    metrics_path(out).write_text("{}")
    assert clean(out) == size
    assert list(tmp_path.iterdir()) == [out]


def test_cleaning_what_has_no_store_frees_and_makes_nothing(tmp_path):
    assert clean(tmp_path / "x") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_not_cleaned(tmp_path):
    out = tmp_path / "x"
    with locked(out):
        path = write(ChunkStore(chunk_folder(out), IDENTITY), 0, 4)
        with pytest.raises(LockedError):
            clean(out)
        assert path.is_file()


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
