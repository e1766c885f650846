"""Reference scores in a dataset folder: in its manifest and on its card; no byte of its data changes."""

import dataclasses
import hashlib

import pytest
from card_folders import REWARDS, figures, inputs_of

from builder.card import CARD, keep_reference, name_repository, rendered_again, write_card
from builder.errors import DatasetError
from builder.manifest.manifest import MANIFEST, SIGNATURE, manifest_sha256, read_manifest, rewrite
from builder.manifest.scores import ReferenceScores

SCORES = ReferenceScores(0.0, 5.0, "a test")
ROW = "normalised return: mean ± standard deviation"


@pytest.fixture
def folder(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    write_card(folder, notes="mine")
    name_repository(folder, "user/name")
    return folder


def others(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, CARD)
    }


def test_the_manifest_keeps_them_and_nothing_else_of_it_changes(folder):
    before, files = read_manifest(folder), others(folder)
    keep_reference(folder, SCORES)
    after = read_manifest(folder)
    assert after.reference == SCORES
    assert (after.identity, after.fingerprint, after.files) == (
        before.identity,
        before.fingerprint,
        before.files,
    )
    assert after.sha256 == manifest_sha256(after) != before.sha256
    assert others(folder) == files


def test_the_card_has_normalised_returns_and_keeps_its_notes_and_repository(folder):
    assert ROW not in figures((folder / CARD).read_text())
    keep_reference(folder, SCORES)
    text, expected = rendered_again(folder)
    assert text == expected
    assert text.endswith("## Notes\n\nmine\n")
    assert 'load_dataset("user/name"' in text
    assert figures(text)[ROW] == ["38.20 ± 61.42"]
    assert "*Normalised*: 100 × (return - 0) / (5 - 0)" in text


def test_a_dataset_without_any_has_no_word_of_them_on_its_card(folder):
    text = (folder / CARD).read_text()
    assert "ormalised*" not in text
    assert "so its last state is not terminal.\n\n## " in text


def test_twice_is_once(folder):
    keep_reference(folder, SCORES)
    written = [(folder / name).read_bytes() for name in (MANIFEST, CARD)]
    keep_reference(folder, SCORES)
    assert [(folder / name).read_bytes() for name in (MANIFEST, CARD)] == written


def test_a_card_that_was_not_written_any_more_is_written_the_next_time(folder):
    card = (folder / CARD).read_bytes()
    keep_reference(folder, SCORES)
    (folder / CARD).write_bytes(card)
    keep_reference(folder, SCORES)
    assert ROW in figures((folder / CARD).read_text())


def test_damaged_files_are_not_taken_for_whole_ones(folder):
    shard = next((folder / "data").iterdir())
    stated = read_manifest(folder).files
    shard.write_bytes(shard.read_bytes()[:-8] + b"12345678")
    with pytest.raises(DatasetError):
        keep_reference(folder, SCORES)
    assert read_manifest(folder).files == stated


def test_what_was_signed_stays_as_it_is(folder):
    (folder / SIGNATURE).write_text("signed")
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(DatasetError, match=r"is signed.*remove dataset.sig"):
        keep_reference(folder, SCORES)
    assert (folder / MANIFEST).read_bytes() == before


def test_a_folder_that_a_program_has_filled_keeps_its_own_card(folder):
    rewrite(dataclasses.replace(read_manifest(folder), splits={}, accepted=0), folder)
    (folder / CARD).write_text("its own")
    keep_reference(folder, SCORES)
    assert (folder / CARD).read_text() == "its own"
    assert read_manifest(folder).reference == SCORES


def test_what_somebody_has_written_into_the_card_is_not_lost(folder):
    card = (folder / CARD).read_text().replace("## Columns", "## Mine\n\nwords\n\n## Columns")
    (folder / CARD).write_text(card)
    with pytest.raises(DatasetError, match=r"says something else than its data do.*under ## Notes"):
        keep_reference(folder, SCORES)
    assert (folder / CARD).read_text() == card
    assert read_manifest(folder).reference is None


def test_a_missing_card_is_written(folder):
    (folder / CARD).unlink()
    keep_reference(folder, SCORES)
    assert ROW in figures((folder / CARD).read_text())
