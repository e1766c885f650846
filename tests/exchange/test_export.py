"""Exports: whole or not at all, twice the same bytes, and never over what is not theirs."""

import json
from pathlib import Path

import pytest
from opening_lines import installed, undefined
from sweeps import case

from builder import load
from builder.errors import ConfigError, ExistsError, StorageError
from builder.exchange.export import ExportRequest, export
from builder.exchange.formats import FORMATS
from builder.storage.workplace import make_workplace


def exported(folder, path, name="d4rl", **wanted):
    return export(folder, ExportRequest(name, path, **wanted))


def test_the_same_dataset_gives_the_same_bytes(dataset_of, tmp_path):
    first, second = (exported(dataset_of("vector"), tmp_path / f"{name}.hdf5").path for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_the_same_export_again_is_up_to_date(dataset_of, tmp_path):
    exported(dataset_of("vector"), tmp_path / "x.hdf5")
    assert not exported(dataset_of("vector"), tmp_path / "x.hdf5").fresh


def test_a_damaged_export_is_not_up_to_date(dataset_of, tmp_path):
    path = exported(dataset_of("vector"), tmp_path / "x.hdf5").path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ExistsError, match="overwrite=true"):
        exported(dataset_of("vector"), path)
    assert exported(dataset_of("vector"), path, overwrite=True).fresh


def test_a_file_of_somebody_else_is_never_replaced(dataset_of, tmp_path):
    path = tmp_path / "x.hdf5"
    path.write_text("mine")
    with pytest.raises(ExistsError, match="has not made it"):
        exported(dataset_of("vector"), path, overwrite=True)
    assert path.read_text() == "mine"


def test_the_note_says_what_is_not_in_it_and_how_to_come_back(dataset_of, tmp_path):
    done = exported(dataset_of("vector"), tmp_path / "x.hdf5")
    note = json.loads((tmp_path / "x.hdf5.il_builder.json").read_text())
    assert [loss["what"] for loss in note["dropped"]] == [loss.what for loss in done.losses]
    assert note["fingerprint"] == load(dataset_of("vector")).manifest.fingerprint
    assert "import from=d4rl" in note["come_back"]


def test_nothing_is_left_of_an_export_that_fails(dataset_of, tmp_path):
    with pytest.raises(ConfigError, match="one array"):
        exported(dataset_of("dict"), tmp_path / "x.hdf5")
    assert list(tmp_path.iterdir()) == []


def test_episodes_are_chosen_by_count_or_by_number(dataset_of, tmp_path):
    folder = dataset_of("vector")
    assert exported(folder, tmp_path / "a.hdf5", episodes=2).source.chosen == {
        "train": [0, 1],
        "test": [0, 1],
    }
    assert exported(folder, tmp_path / "b.hdf5", episodes=[0, 3]).source.chosen == {"train": [0], "test": [0]}
    with pytest.raises(ConfigError, match="no episode 99"):
        exported(folder, tmp_path / "c.hdf5", episodes=[99])


def test_a_split_is_exported_alone(dataset_of, tmp_path):
    path = load(dataset_of("vector")).export("d4rl", tmp_path / "x.hdf5")
    assert path == tmp_path / "x.hdf5"
    note = json.loads((tmp_path / "x.hdf5.il_builder.json").read_text())
    assert [*note["episodes"]] == ["train"]


def test_a_misspelt_format_option_or_split_is_named(dataset_of, tmp_path):
    for wanted, text in (
        ({"name": "d4rll"}, "did you mean 'd4rl'"),
        ({"options": {"colour": 1}}, "no option 'colour'"),
        ({"split": "tets"}, "did you mean 'test'"),
    ):
        with pytest.raises(ConfigError, match=text):
            exported(dataset_of("vector"), tmp_path / "x", **wanted)


def test_every_format_says_who_reads_it_and_how():
    for name in sorted(name for name, entry in FORMATS.items() if entry.write):
        with case(name):
            assert FORMATS[name].about
            assert "/there" in FORMATS[name].opening(Path("/there"))


def test_the_line_that_opens_an_export_runs_as_it_is(dataset_of, tmp_path):
    for name in sorted(name for name, entry in FORMATS.items() if entry.write):
        with case(name):
            found = exported(dataset_of("vector"), tmp_path / f"{name}{FORMATS[name].suffix}", name)
            line = found.format.opening(found.path)
            assert undefined(line) == set()
            if installed(line):
                exec(line, {})


def test_a_folder_that_is_in_the_way_is_left(dataset_of, tmp_path):
    work = tmp_path / ".x.hdf5.staging"
    work.mkdir()
    (work / "mine").write_text("mine")
    with pytest.raises(StorageError, match="in the way"):
        exported(dataset_of("vector"), tmp_path / "x.hdf5")
    assert (work / "mine").read_text() == "mine"


def test_what_a_killed_export_has_left_goes_with_the_next(dataset_of, tmp_path):
    work = tmp_path / ".x.hdf5.staging"
    make_workplace(work)
    (work / "export").mkdir()
    (work / "export/x.hdf5").write_text("half")
    exported(dataset_of("vector"), tmp_path / "x.hdf5")
    assert {path.name for path in tmp_path.iterdir()} == {"x.hdf5", "x.hdf5.il_builder.json"}


def test_a_note_beside_a_file_does_not_say_what_it_is_called(dataset_of, tmp_path):
    exported(dataset_of("vector"), tmp_path / "hidden.npz", name="ogbench")
    note = (tmp_path / "hidden.npz.il_builder.json").read_text()
    assert "hidden" not in note
    assert sorted(json.loads(note)["files"]) == ["NAME-val.npz", "NAME.npz"]
    assert not exported(dataset_of("vector"), tmp_path / "hidden.npz", name="ogbench").fresh
