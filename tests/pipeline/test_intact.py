"""A damaged or incomplete dataset is not up to date: the same command mends it, to the same bytes."""

import os
import shutil

import pytest
from corridor import chunks, start
from folders import files
from sweeps import sweep

from builder import Controller
from builder.errors import DatasetError
from builder.manifest.manifest import read_manifest
from builder.pipeline.intact import is_intact, is_vouched, stamps
from builder.pipeline.standing import read_note
from builder.rollout.cleaning import clean
from builder.storage.layout import Layout
from builder.verify.files import check_card, check_files, check_manifest, check_provenance

SHARD = "data/train-00000-of-00001.parquet"
EPISODES = "episodes/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def _built(tmp_path_factory):
    out = tmp_path_factory.mktemp("intact") / "x"
    start(out)
    return out


@pytest.fixture
def built(_built, tmp_path):
    shutil.copytree(_built.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "x"


def flip(path):
    """Another byte in the middle; the size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


DAMAGES = [flip, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (cut, empty, remove))]
FILES = [SHARD, EPISODES, "README.md", "manifest.json", "assets/returns.png"]


@pytest.mark.parametrize("overwrite", [False, pytest.param(True, marks=pytest.mark.slow)])
@sweep("damage", DAMAGES, quick=2)
@sweep("name", FILES, quick=2)
def test_the_same_command_mends_a_damaged_file(built, name, damage, overwrite):
    whole = files(built)
    damage(built / name)
    assert files(built) != whole
    start(built, overwrite=overwrite)
    assert files(built) == whole
    assert start(built).fresh is False


@sweep("damage", [flip, cut, empty])
def test_a_damaged_description_of_the_machine_is_written_anew(built, damage):
    damage(built / "provenance.json")
    assert start(built).fresh is True
    assert check_provenance(built).passed


def test_without_chunks_what_is_damaged_is_played_again(built):
    whole = files(built)
    clean(built)
    flip(built / SHARD)
    assert start(built).fresh is True
    assert files(built) == whole


def test_a_damaged_card_is_written_anew_without_a_build(built):
    whole = files(built)
    clean(built)
    empty(built / "README.md")
    assert start(built).fresh is False
    assert files(built) == whole
    assert chunks(built) == []


def test_notes_survive_a_build_that_mends(built):
    card = built / "README.md"
    card.write_text(card.read_text() + "\n## Notes\n\nmine\n")
    noted = files(built)
    assert start(built).fresh is False
    assert files(built) == noted
    flip(built / SHARD)
    assert start(built).fresh is True
    assert files(built) == noted


def test_what_somebody_has_written_into_a_card_stays(built):
    card = built / "README.md"
    card.write_text(card.read_text().replace("\n## ", "\nA line of mine.\n\n## ", 1))
    edited = files(built)
    assert start(built).fresh is False
    assert files(built) == edited
    assert not check_card(built, None).passed


def test_a_foreign_file_is_left_whether_or_not_the_dataset_is_mended(built):
    (built / "thesis.tex").write_text("mine")
    assert start(built).fresh is False
    flip(built / SHARD)
    assert start(built).fresh is True
    assert (built / "thesis.tex").read_text() == "mine"
    assert "thesis.tex" in str(check_files(built, read_manifest(built)).difference)


@pytest.mark.slow
def test_a_damaged_chunk_is_played_again_when_it_is_needed(built, tmp_path):
    start(tmp_path / "fresh", episodes=30)
    for path in (tmp_path / ".x.chunks").rglob("chunk-*"):
        flip(path)
    assert start(built).fresh is False
    start(built, episodes=30)
    assert files(built) == files(tmp_path / "fresh")


@sweep("damage", DAMAGES)
def test_growth_from_a_damaged_dataset_is_what_a_fresh_build_is(built, tmp_path, damage):
    start(tmp_path / "fresh", episodes=30)
    damage(built / SHARD)
    start(built, episodes=30)
    assert files(built) == files(tmp_path / "fresh")


def test_with_overwrite_a_damaged_file_is_mended_too(built):
    whole = files(built)
    flip(built / SHARD)
    start(built, overwrite=True)
    assert files(built) == whole


@sweep("damage", DAMAGES)
@sweep("name", ["expert/expert.json", "expert/expert.safetensors"])
@pytest.mark.slow
def test_a_damaged_expert_in_a_dataset_is_mended(tmp_path, name, damage):
    config = {"expert": "cartpole", "episodes": 1, "dataset.include_expert": True, "out": str(tmp_path / "x")}
    Controller().start(config)
    whole = files(tmp_path / "x")
    damage(tmp_path / "x" / name)
    assert Controller().start(config).fresh is True
    assert files(tmp_path / "x") == whole


@pytest.mark.parametrize("damage", [cut, empty])
def test_a_manifest_that_nothing_is_known_of_is_an_error_that_names_overwrite(built, tmp_path, damage):
    shutil.copytree(built, tmp_path / "alone")
    whole = files(built)
    damage(tmp_path / "alone/manifest.json")
    with pytest.raises(DatasetError, match=r"is not a manifest: .*; give overwrite=true"):
        start(tmp_path / "alone")
    start(tmp_path / "alone", overwrite=True)
    assert files(tmp_path / "alone") == whole


def test_what_has_the_stamps_that_were_noted_is_not_read(built, monkeypatch):
    start(built)
    manifest = read_manifest(built)
    noted = read_note(built).files
    assert is_vouched(built, manifest, noted)
    assert noted == stamps(built, manifest)
    reading = []
    monkeypatch.setattr("builder.pipeline.intact.file_sha256", reading.append)
    assert is_intact(built, manifest, noted)
    assert reading == []


def test_a_byte_that_was_changed_and_its_time_set_back_is_noticed(built):
    start(built)
    before = (built / SHARD).stat()
    flip(built / SHARD)
    os.utime(built / SHARD, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_vouched(built, read_manifest(built), read_note(built).files)
    assert start(built).fresh is True
    for check in (check_manifest(built), check_files(built, read_manifest(built))):
        assert check.passed


def test_a_copy_is_read_once_and_vouched_for_from_then_on(built, tmp_path):
    start(built)
    for name in ("x", ".x.request.json"):
        assert (tmp_path / name).exists()
    shutil.copytree(tmp_path / "x", tmp_path / "y")
    manifest = read_manifest(tmp_path / "y")
    assert not is_vouched(tmp_path / "y", manifest, read_note(tmp_path / "y").files)
    assert start(tmp_path / "y").fresh is False
    assert is_vouched(tmp_path / "y", manifest, read_note(tmp_path / "y").files)


@pytest.mark.parametrize("keep", [True, False])
def test_chunks_that_a_stopped_build_has_not_removed_go_when_it_is_asked_again(built, keep):
    store = Layout.of(built).chunks
    (mine,) = store.glob("*[0-9a-f]")
    shutil.copytree(mine, store / "0123456789abcdef")
    Layout.of(built).request.unlink()  # it comes last
    assert start(built, keep_chunks=keep).fresh is False
    assert sorted(store.glob("*[0-9a-f]")) == ([mine] if keep else [])
