"""`clean` removes what this program made, by its names and headers, and nothing else."""

import json
import os
import re
import shutil

import fsspec
import pytest
from folders import files
from sweeps import sweep

from builder import Controller, load
from builder.cli.main import main
from builder.errors import LockedError, StorageError
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.cleaning import clean
from builder.storage.layout import Layout
from builder.storage.lock import locked
from builder.storage.paths import place
from builder.storage.workplace import make_workplace

CONFIG = {"expert": "random", "env.id": "Corridor-v0", "episodes": 3}


@pytest.fixture(scope="module")
def _built(tmp_path_factory):
    place = tmp_path_factory.mktemp("built")
    Controller().start({**CONFIG, "out": str(place / "x")})
    return place


@pytest.fixture
def out(_built, tmp_path):
    """A dataset, with all that lies beside it."""
    return shutil.copytree(_built, tmp_path / "work") / "x"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of somebody else's, that looks like a chunk store."""
    folder = tmp_path / "elsewhere"
    for name in ("lock", "0123456789abcdef/chunk-00000000-00000003.safetensors", "thesis/chapter.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("somebody's own")
    return folder


def identity_folder(out):
    (folder,) = (path for path in Layout.of(out).chunks.iterdir() if path.is_dir())
    return folder


def test_all_that_was_played_goes_and_its_size_is_said(out):
    size = sum(path.stat().st_size for path in identity_folder(out).iterdir())
    cleaned = clean(out)
    assert (cleaned.freed, cleaned.left) == (size, ())
    assert list(out.parent.iterdir()) == [out]


def test_cleaning_where_nothing_is_frees_and_makes_nothing(tmp_path):
    for out in (tmp_path / "x", tmp_path / "not/there/x"):
        assert clean(out).freed == 0
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_not_cleaned(out):
    before = files(identity_folder(out))
    with locked(out), pytest.raises(LockedError):
        clean(out)
    assert files(identity_folder(out)) == before


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "mine/notes.txt",
        "fedcba9876543210/notes.txt",
        "fedcba9876543210/chunk-00000000-00000003.safetensors",
        "fedcba9876543210/chunk-1-2.safetensors",
        "fedcba9876543210/build.json",
        "fedcba9876543210/deep/chunk-00000000-00000003.safetensors",
        "FEDCBA9876543210/attempts.jsonl",
        "fedcba98765432100/attempts.jsonl",
        ".probe-mine",
    ],
)
def test_what_is_not_ours_in_the_store_is_left_and_named(out, name):
    (Layout.of(out).chunks / name).parent.mkdir(exist_ok=True, parents=True)
    (Layout.of(out).chunks / name).write_text("somebody's own")
    assert clean(out).left == (Layout.of(out).chunks / name,)
    left = files(Layout.of(out).chunks)
    assert left.pop("lock") == b""
    assert left == {name: b"somebody's own"}
    assert clean(out).left == (Layout.of(out).chunks / name,)


def test_a_store_that_is_a_link_is_not_entered(out, elsewhere):
    before = files(elsewhere)
    clean(out)
    Layout.of(out).chunks.symlink_to(elsewhere)
    with pytest.raises(StorageError, match=r"\.x\.chunks is a link, and il-builder keeps nothing behind one"):
        clean(out)
    assert files(elsewhere) == before


@pytest.mark.parametrize("kind", ["identity", "chunk", "part", "lock of a workplace"])
def test_a_link_in_the_store_is_left_and_named_and_not_followed(out, elsewhere, kind):
    before = files(elsewhere)
    chunk = "chunk-00000003-00000006.safetensors"
    link, target = {
        "identity": (Layout.of(out).chunks / "fedcba9876543210", elsewhere / "0123456789abcdef"),
        "chunk": (identity_folder(out) / chunk, elsewhere / "thesis/chapter.txt"),
        "part": (identity_folder(out) / f".{chunk}.0123abcd.part", elsewhere / "thesis"),
        "lock of a workplace": (out.parent / ".x.staging", elsewhere),
    }[kind]
    link.symlink_to(target)
    assert clean(out).left == (link,)
    assert link.is_symlink()
    assert files(elsewhere) == before


@sweep("build", ["the same", "growth", "another"])
def test_no_build_removes_what_is_not_its_own(out, elsewhere, build):
    changes = {"the same": {}, "growth": {"episodes": 5}, "another": {"seed": 1, "overwrite": True}}[build]
    before = files(elsewhere)
    mine = {
        Layout.of(out).chunks / "notes.txt": "notes",
        Layout.of(out).chunks / "fedcba9876543210/notes.txt": "notes",
        identity_folder(out) / "notes.txt": "notes",
        identity_folder(out) / "attempt-notes.txt": "notes",
    }
    for path, text in mine.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (Layout.of(out).chunks / "0000000000000000").symlink_to(elsewhere / "0123456789abcdef")
    Controller().start({**CONFIG, "out": str(out), **changes})
    Controller().start({**CONFIG, "out": str(out), "overwrite": True, "keep_chunks": False, "episodes": 7})
    assert {path: path.read_text() for path in mine} == mine
    assert files(elsewhere) == before


def test_a_build_into_an_identity_that_is_a_link_is_refused(out, elsewhere):
    store = identity_folder(out)
    before = files(elsewhere)
    for path in store.iterdir():
        path.unlink()
    store.rmdir()
    store.symlink_to(elsewhere / "thesis")
    with pytest.raises(StorageError, match="is a link, and il-builder keeps nothing behind one"):
        Controller().start({**CONFIG, "out": str(out), "episodes": 5})
    assert files(elsewhere) == before


@pytest.mark.parametrize("note", ["metrics", "request"])
def test_a_note_that_is_not_ours_is_left_and_named(out, note):
    path = getattr(Layout.of(out), note)
    path.write_text('{"mine": 1}')
    assert clean(out).left == (path,)
    assert path.read_text() == '{"mine": 1}'


@pytest.mark.parametrize("name", [".x.staging", ".x.rebuild-mine", ".x.retired"])
def test_a_folder_that_only_looks_like_ours_is_left_and_named(out, name):
    (out.parent / name).mkdir()
    (out.parent / name / "notes.txt").write_text("mine")
    assert clean(out).left == (out.parent / name,)
    assert (out.parent / name / "notes.txt").read_text() == "mine"


@sweep("command", ["clean", "growth", "up to date"])
def test_what_kills_have_left_is_removed_by_the_next_command(out, command):
    for name in (".x.staging", ".x.rebuild-abc"):
        make_workplace(out.parent / name)
        (out.parent / name / "new/data").mkdir(parents=True)
        (out.parent / name / "new/data/.train-00000.partial").touch()
    (out.parent / "..x.metrics.json.0123abcd.part").mkdir()
    (out.parent / "..x.request.json.0123abcd.part").mkdir()
    (out.parent / "..y.request.json.0123abcd.part").mkdir()
    (identity_folder(out) / ".chunk-00000003-00000006.safetensors.0123abcd.part").mkdir()
    shards = identity_folder(out) / f"shards/train-00000-{'0' * 32}"
    shards.mkdir(parents=True)
    for name in (".train-00000.partial", "train-00000-of-00001.parquet", "train.arrow", "train.npy"):
        (shards / name).touch()
    emptied = Layout.of(out).chunks / "0123456789abcdef"
    emptied.mkdir()
    if command == "clean":
        assert clean(out).left == ()
        assert sorted(path.name for path in out.parent.iterdir()) == ["..y.request.json.0123abcd.part", "x"]
        return
    episodes = 4 if command == "growth" else CONFIG["episodes"]
    result = Controller().start({**CONFIG, "out": str(out), "episodes": episodes})
    assert result.fresh == (command == "growth")
    assert not emptied.exists()
    assert not shards.parent.exists()
    assert sorted(path.name for path in out.parent.rglob("*") if ".part" in path.name) == [
        "..y.request.json.0123abcd.part"
    ]
    assert not [path for path in out.parent.iterdir() if "staging" in path.name or "rebuild" in path.name]


@pytest.mark.parametrize("verb", ["build", "verify", "clean"])
def test_a_card_half_written_in_its_folder_goes_with_the_next_command(out, verb):
    (out / ".README.md.0123abcd.part").mkdir()
    (out / ".README.md.0123abcd.part/README.md").write_text("half")
    (out / ".mine.0123abcd.part").mkdir()
    (out / ".mine.0123abcd.part/notes.txt").write_text("mine")
    words = {"build": [f"{key}={value}" for key, value in CONFIG.items()]}
    main([verb, *words.get(verb, []), f"out={out}"])
    assert [path.name for path in sorted(out.glob(".*"))] == [".mine.0123abcd.part"]
    assert (out / ".mine.0123abcd.part/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("read", [lambda out: main(["verify", f"out={out}"]) == 0, load])
def test_who_only_reads_finds_what_a_kill_between_two_renames_has_moved_aside(out, read):
    whole = files(out)
    make_workplace(out.parent / ".x.staging")
    out.rename(out.parent / ".x.staging/old")
    (out.parent / ".x.staging/new").mkdir()
    assert read(out)
    assert files(out) == whole
    assert not (out.parent / ".x.staging").exists()


def test_the_command_names_what_it_leaves(out, capsys):
    (Layout.of(out).chunks / "notes.txt").write_text("mine")
    assert main(["clean", f"out={out}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"freed \d+\.\d kB beside {re.escape(str(out))}", lines[0])
    assert lines[1] == f"left, since il-builder has not made it: {Layout.of(out).chunks / 'notes.txt'}"


def test_the_command_says_where_nothing_was_kept(tmp_path, capsys):
    assert main(["clean", f"out={tmp_path / 'typo'}"]) == 0
    assert capsys.readouterr().out == f"nothing was kept for {tmp_path / 'typo'}\n"


def test_a_damaged_chunk_of_ours_goes_and_one_that_lost_its_header_is_named(out):
    (chunk,) = identity_folder(out).glob("chunk-*")
    content = bytearray(chunk.read_bytes())
    os.truncate(chunk, len(content) - 7)
    other = chunk.with_name("chunk-00000100-00000103.safetensors")
    content[5:40] = bytes(35)
    other.write_bytes(content)
    chunk.with_name("chunk-00000200-00000203.safetensors").touch()
    assert clean(out).left == (other,)


def test_what_an_own_enjoy_recorded_goes_by_its_names(tmp_path):
    out = tmp_path / "x"

    def enjoy(path, context, expert):
        with open(f"{path}.npz", "wb") as file:  # noqa: PTH123  (a path without its own ending)
            file.write(b"recorded")
        return True

    def collate(path, episodes):
        (tmp_path / "count").write_text(json.dumps(len(episodes)))
        return True

    Controller(enjoy, collate).start({**CONFIG, "out": str(out)})
    (identity_folder(out) / "attempt-of-mine").write_text("mine")
    assert clean(out).left == (Layout.of(out).chunks / identity_folder(out).name / "attempt-of-mine",)


HOME = "memory://shelf/.x.chunks/0123456789abcdef"
BUILD, TRY = "0123456789abcdef" * 2, "train-00003-" + "f" * 32
LEFT = [f"{BUILD}/{TRY}/train-00000-of-00001.parquet", f"{BUILD}/{TRY}/train.arrow"]
PARTS = [f"{BUILD}/{TRY}/.train.npy.0123abcd.part"]
MINE = ["notes.txt", f"{BUILD}/notes.txt", f"{BUILD}/{TRY}/notes.txt", f"{BUILD}/{TRY}/deep/train.arrow"]


@pytest.fixture
def shelf():
    """What a killed build has left of a dataset's files behind a URL, and what somebody has put beside it."""
    fsspec.filesystem("memory").store.clear()
    shards = place(HOME) / "shards"
    for name in (*LEFT, *PARTS, *MINE):
        (shards / name).write_text("")
    return shards


def test_files_of_an_unfinished_dataset_behind_a_url_go_and_nothing_else(shelf):
    cleaned = clean(place("memory://shelf/x"))
    assert {str(path).removeprefix(f"{shelf}/") for path in cleaned.left} == set(MINE)
    assert {str(path).removeprefix(f"{shelf}/") for path in shelf.rglob("*")} == set(MINE)


def test_the_next_build_removes_them_too(shelf):
    ChunkStore(place("memory://shelf/.x.chunks"), "0123456789abcdef").scan()
    assert {str(path).removeprefix(f"{shelf}/") for path in shelf.rglob("*")} == set(MINE)
