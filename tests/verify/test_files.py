"""Manifest, files, provenance and card are those that the manifest names."""

import dataclasses
import json

import numpy as np
import pytest
from sweeps import sweep
from verification import STEPS, check, failure

from builder.card import CARD, name_repository, write_card
from builder.errors import VerificationError
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import MANIFEST, PREVIEW, manifest_sha256, manifest_text, read_manifest, seal
from builder.storage.digest import file_sha256
from builder.verify.files import check_manifest
from builder.versions import RELEASE


def test_one_bit_in_any_file_is_noticed_and_the_file_is_named(folder):
    random = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 6
    for path in files:
        sound = path.read_bytes()
        for _ in range(8):
            bit = int(random.integers(8 * len(sound)))
            spoiled = bytearray(sound)
            spoiled[bit // 8] ^= 1 << bit % 8
            path.write_bytes(spoiled)
            _, difference = failure(folder, "files")
            assert difference.file == path.relative_to(folder).as_posix(), (path, bit)
        path.write_bytes(sound)
    check(folder, "files").raise_for_difference()


@pytest.mark.parametrize("path", [STEPS, MANIFEST, CARD, "assets/components.png"])
def test_a_missing_file_is_named(folder, path):
    (folder / path).unlink()
    if path == MANIFEST:
        with pytest.raises(VerificationError, match="it has no manifest"):
            check(folder).raise_for_difference()
        return
    assert failure(folder)[1].file == path


def test_a_folder_from_a_cache_of_dvc_has_no_provenance_and_the_table_says_so(folder):
    (folder / "provenance.json").unlink()
    report = check(folder, "files")
    report.raise_for_difference()
    said = {item.name: item.compared for item in report.checks}
    assert said["provenance"] == "there is none: the machine that built it is not described"


def older(folder, written_by):
    """Make a dataset one that another version has written."""
    manifest = dataclasses.replace(read_manifest(folder), written_by=written_by)
    manifest = dataclasses.replace(manifest, sha256=manifest_sha256(manifest))
    (folder / MANIFEST).write_text(manifest_text(manifest))


@pytest.mark.parametrize(
    ("written_by", "version"), [(None, "another version"), ("0.1.9", "version 0.1.9"), ("9", "version 9")]
)
def test_other_words_of_another_version_are_not_compared_and_the_table_says_so(folder, written_by, version):
    card = folder / CARD
    card.write_text(card.read_text().replace("\n## ", "\nIn other words.\n\n## ", 1))
    assert failure(folder)[0] == "card"
    older(folder, written_by)
    report = check(folder, "files")
    report.raise_for_difference()
    said = {item.name: item.compared for item in report.checks}
    claims = [str(claim) for claim in report.claims]
    assert "what its card says in words other than this version's (the version that wrote it)" in claims
    assert said["card"] == f"its header; its text was written by {version}, and was not compared"


def test_the_same_words_of_another_version_are_compared(folder):
    older(folder, None)
    card = folder / CARD
    card.write_text(card.read_text().replace(f"| `il-builder` | `{RELEASE}` |\n", ""))
    said = {item.name: item.compared for item in check(folder, "files").checks}
    assert said["card"].startswith("figures and text, computed again")


@sweep(
    ("before", "after"),
    [
        ("path: data/train-*.parquet", "path: https://elsewhere/*.parquet"),
        ("configs:", "config:"),
        ("configs:", '"configs": []\nconfigs:'),
        ("configs:", "configs: []\nconfigs:"),
        ("num_examples:", "num_exampled:"),
        ("\n---\n", "\nx: 1\n---\n"),
        ("\n---\n", "\n"),
    ],
    quick=2,
)
def test_where_a_card_of_another_version_says_other_files_are_it_differs(folder, before, after):
    older(folder, "0.1.9")
    text = (folder / CARD).read_text()
    assert before in text
    (folder / CARD).write_text(text.replace(before, after, 1))
    assert failure(folder)[0] == "card"


def test_a_card_of_another_version_that_is_missing_is_named(folder):
    older(folder, "0.1.9")
    (folder / CARD).unlink()
    assert str(failure(folder)[1]) == "file README.md, missing"


def test_a_file_that_nobody_listed_is_named(folder):
    (folder / "data" / "more.parquet").write_bytes(b"x")
    name, difference = failure(folder)
    assert (name, str(difference)) == ("files", "file data/more.parquet, not in the manifest")


def edited(folder, change):
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return check_manifest(folder).difference


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["inputs"]["config"].update(seed=1),
        lambda content: content["files"][STEPS].update(size=1),
        lambda content: content.update(attempts=7),
        lambda content: content.update(fingerprint="0" * 64),
        lambda content: content["splits"]["train"].update(rows=50),
    ],
)
def test_an_edited_manifest_is_noticed(folder, change):
    assert "sha256 is not that of its content" in str(edited(folder, change))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda content: content.pop("identity"), "identity"),
        (lambda content: content.update(extra=1), "extra"),
        (lambda content: content["files"].update({"../x": {"sha256": "0" * 64, "size": 1}}), "../x"),
        (lambda content: content["inputs"].pop("packages"), "packages"),
        (lambda content: content.update(attempts="6"), "attempts"),
    ],
)
def test_a_manifest_that_is_none_is_refused_by_its_schema(folder, change, place):
    assert place in str(edited(folder, change))


def test_a_stated_identity_is_computed_again(folder):
    seal(dataclasses.replace(read_manifest(folder), identity="0" * 64), folder)
    assert "identity is not that of its content" in str(check_manifest(folder).difference)


def test_the_card_may_have_notes_and_name_a_repository_but_no_other_figures(folder):
    write_card(folder, notes="Mine.")
    name_repository(folder, "user/name")
    check(folder).raise_for_difference()
    card = (folder / CARD).read_text()
    (folder / CARD).write_text(card.replace("6 episodes", "7 episodes", 1))
    name, difference = failure(folder)
    assert (name, difference.file) == ("card", CARD)
    assert "6 episodes" in difference.expected
    assert "7 episodes" in difference.got


@pytest.fixture
def with_preview(folder):
    """The folder with files that stand for a preview, and their note."""
    *pictures, note = PREVIEW
    for number, name in enumerate(pictures):
        (folder / name).write_bytes(bytes([number]))
    shas = {name: file_sha256(folder / name) for name in pictures}
    content = {"drawn_by": {}, "episodes": [{"episode": 0, "is": "best"}], "files": shas}
    described(folder / note, content)
    return folder


def described(note, content):
    sealed = {**content, "sha256": sha256_of(content)}
    note.write_text(json.dumps(sealed, indent=1, sort_keys=True) + "\n")


def test_a_preview_is_held_against_its_own_note(with_preview):
    report = check(with_preview, "files")
    report.raise_for_difference()
    assert "preview" in [item.name for item in report.checks]
    assert any("preview shows the episodes" in str(claim) for claim in report.claims)


@pytest.mark.parametrize("name", PREVIEW)
def test_a_preview_that_lacks_a_file_or_has_another_is_named(with_preview, name):
    (with_preview / name).write_bytes(b"another")
    assert failure(with_preview, "files")[1].file == name
    (with_preview / name).unlink()
    assert failure(with_preview, "files")[1].file == name


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"episodes": [{"episode": -1, "is": "best"}]}, {"files": {}}]
)
def test_a_note_of_a_preview_passes_its_schema(with_preview, change):
    note = with_preview / PREVIEW[-1]
    content = json.loads(note.read_text())
    del content["sha256"]
    described(note, {**content, **change})
    assert failure(with_preview, "files")[1].file == PREVIEW[-1]
