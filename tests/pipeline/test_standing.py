"""What stands at `out`: nothing, a dataset with its note, or a problem that says what is there."""

import pytest
from corridor import start

from builder.errors import DatasetError, ExistsError, StorageError
from builder.manifest.manifest import read_manifest
from builder.pipeline.standing import Standing, read_note, standing_at


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("standing") / "x"
    start(out, episodes=2)
    return out


def test_where_nothing_is_nothing_stands(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        assert standing_at(tmp_path / name) == Standing(tmp_path / name)


def test_a_dataset_stands_with_its_manifest_and_its_note(built):
    standing = standing_at(built)
    assert (standing.manifest, standing.problem) == (read_manifest(built), None)
    assert standing.note == read_note(built)
    assert standing.note.identity == standing.manifest.identity
    assert standing.is_vouched()
    assert standing.is_intact()


def test_a_folder_without_a_manifest_is_not_ours(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    assert isinstance(standing_at(tmp_path).problem, ExistsError)


def test_a_manifest_that_was_edited_is_a_problem_and_still_says_what_it_describes(built):
    text = (built / "manifest.json").read_text()
    (built / "manifest.json").write_text(text.replace('"attempts": ', '"attempts": 1', 1))
    standing = standing_at(built)
    (built / "manifest.json").write_text(text)
    assert str(standing.problem) == f"{built / 'manifest.json'} has another content than was written"
    assert standing.manifest.identity == read_manifest(built).identity


def test_a_manifest_that_cannot_be_parsed_is_a_problem(tmp_path):
    (tmp_path / "manifest.json").write_text("{")
    standing = standing_at(tmp_path)
    assert (type(standing.problem), standing.manifest) == (DatasetError, None)


def test_what_cannot_be_looked_at_is_a_problem_that_names_it(tmp_path):
    problem = standing_at(tmp_path / ("x" * 300) / "y").problem
    assert isinstance(problem, StorageError)
    assert "cannot be read: File name too long; choose another `out`" in str(problem)
