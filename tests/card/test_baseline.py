"""A baseline, put into a dataset folder."""

import shutil

import pytest
from folders import files
from learned import LEARNED

from builder.card import CARD, keep_baseline, rendered_again
from builder.errors import DatasetError
from builder.manifest.baseline import read_baseline
from builder.manifest.manifest import BASELINE, LEARNING_CURVE, SIGNATURE, owned_files, read_manifest
from builder.storage.digest import file_sha256


@pytest.fixture
def folder(short_cartpole, tmp_path):
    return shutil.copytree(short_cartpole, tmp_path / "x")


def of(folder):
    import dataclasses

    return dataclasses.replace(LEARNED, dataset=read_manifest(folder).fingerprint)


def test_it_is_kept_beside_the_manifest_and_on_the_card(folder):
    before = files(folder)
    keep_baseline(folder, of(folder))
    after = files(folder)
    assert {name for name in after if after[name] != before.get(name)} == {CARD, BASELINE, LEARNING_CURVE}
    assert read_baseline(folder).picture == file_sha256(folder / LEARNING_CURVE)
    text, rendered = rendered_again(folder)
    assert text == rendered
    assert "## Baseline\n" in text
    assert {BASELINE, LEARNING_CURVE} <= owned_files(folder)


def test_a_missing_card_is_written_with_it(folder):
    (folder / CARD).unlink()
    keep_baseline(folder, of(folder))
    assert "## Baseline\n" in (folder / CARD).read_text()


def test_notes_of_the_users_stay(folder):
    (folder / CARD).write_text((folder / CARD).read_text() + "\n## Notes\n\nMine.\n")
    keep_baseline(folder, of(folder))
    assert (folder / CARD).read_text().endswith("## Notes\n\nMine.\n")


def test_what_was_signed_stays_as_it_was_signed(folder):
    (folder / SIGNATURE).write_text("signed")
    before = files(folder)
    with pytest.raises(DatasetError, match="is signed"):
        keep_baseline(folder, of(folder))
    assert files(folder) == before
