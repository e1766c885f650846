"""The record of a build: sealed over its files, and read back as it was."""

import dataclasses
import json

import pytest
from card_folders import inputs_of

from builder.errors import DatasetError, StorageError
from builder.manifest.manifest import (
    MANIFEST,
    FileEntry,
    covered,
    fingerprint,
    manifest_sha256,
    manifest_text,
    read_manifest,
    rewrite,
    seal,
)
from builder.manifest.scores import ReferenceScores


@pytest.fixture
def folder(dataset):
    return dataset([[1.0], [2.0]], inputs=inputs_of("episodes=2"))


def test_a_manifest_is_read_back_as_it_was_sealed(folder):
    manifest = read_manifest(folder)
    assert seal(manifest, folder) == manifest == read_manifest(folder)
    assert (folder / MANIFEST).read_text() == manifest_text(manifest)
    assert manifest.sha256 == manifest_sha256(manifest)


def test_all_files_are_listed_but_the_card_the_machine_and_itself(folder):
    (folder / "README.md").write_text("card")
    (folder / "provenance.json").write_text("{}")
    (folder / "assets").mkdir()
    (folder / "assets/more.txt").write_text("more")
    assert set(seal(read_manifest(folder), folder).files) == {
        "assets/more.txt",
        "data/train-00000-of-00001.parquet",
        "episodes/train-00000-of-00001.parquet",
    }


def test_the_fingerprint_is_of_the_identity_and_of_data_and_episodes_alone():
    files = {path: FileEntry("0" * 64, 1) for path in ("data/a", "episodes/a", "assets/a", "other")}
    assert set(covered(files)) == {"data/a", "episodes/a"}
    assert fingerprint("x", files) == fingerprint("x", files | {"assets/a": FileEntry("1" * 64, 2)})
    assert fingerprint("x", files) != fingerprint("y", files)
    assert fingerprint("x", files) != fingerprint("x", files | {"data/a": FileEntry("1" * 64, 1)})


def test_instances_are_written_only_where_something_was_found(folder):
    manifest = read_manifest(folder)
    assert "instances" not in json.loads(manifest_text(manifest))
    single = dataclasses.replace(manifest, instances="single")
    assert json.loads(manifest_text(single))["instances"] == "single"


def test_a_folder_is_whole_where_all_files_have_their_sizes(folder):
    manifest = read_manifest(folder)
    assert manifest.whole(folder)
    path = folder / "data/train-00000-of-00001.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert not manifest.whole(folder)
    path.unlink()
    assert not manifest.whole(folder)


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match=r"there is no dataset at .*: it has no manifest\.json"):
        read_manifest(tmp_path)


def test_a_manifest_of_another_version_is_refused(folder):
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(content | {"manifest_version": 2}))
    with pytest.raises(DatasetError, match="of another version; expected 1; got 2"):
        read_manifest(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifest_version": 1}', "\x00"])
def test_what_is_no_manifest_is_refused(folder, text):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(DatasetError, match="is not a manifest"):
        read_manifest(folder)


def test_a_manifest_that_cannot_be_written_is_a_storage_error(folder):
    manifest = read_manifest(folder)
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).mkdir()
    with pytest.raises(StorageError):
        seal(manifest, folder)


def test_reference_scores_are_written_only_where_there_are_some_and_decide_no_byte(folder):
    before = read_manifest(folder)
    assert "reference" not in json.loads((folder / MANIFEST).read_text())
    scores = ReferenceScores(1.0, 2.0, "a test")
    after = rewrite(dataclasses.replace(before, reference=scores), folder)
    assert after == read_manifest(folder)
    assert after.reference == scores
    assert (after.identity, after.fingerprint, after.files) == (
        before.identity,
        before.fingerprint,
        before.files,
    )


def test_reference_scores_without_a_scale_between_them_are_refused_with_the_file(folder):
    content = json.loads((folder / MANIFEST).read_text())
    content["reference"] = {"random": 2.0, "expert": 1.0, "source": "somebody"}
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"manifest.json: the expert of a reference is no better.*got 1"):
        read_manifest(folder)
