"""What a user may name as a part."""

import pytest
from sweeps import case

from builder import load
from builder.api import dataset_folder
from builder.augment.parts import Part, parts_of
from builder.errors import ConfigError, DatasetError
from builder.manifest.manifest import read_manifest


def part(given):
    (found,) = parts_of([given], dataset_folder)
    return found


def test_a_folder_is_all_of_it(cartpole_of):
    folder = cartpole_of()
    assert part(str(folder)) == Part(str(folder), folder, read_manifest(folder))
    assert part(folder) == part(str(folder)) == part({"path": folder}) == part(load(folder))


def test_a_number_behind_an_at_sign_is_how_much_is_taken(cartpole_of):
    folder = cartpole_of()
    for text, amount in (("0.5", 0.5), ("1.0", 1.0), ("3", 3)):
        with case(text):
            found = part(f"{folder}@{text}").episodes
            assert (found, type(found)) == (amount, type(amount))


def test_a_folder_of_just_that_name_goes_first(cartpole_of, tmp_path):
    (tmp_path / "x@0.5").symlink_to(cartpole_of())
    assert part(str(tmp_path / "x@0.5")).episodes is None


def test_a_mapping_says_more(cartpole_of):
    found = part({"path": str(cartpole_of()), "episodes": 2, "quality": "expert"})
    assert (found.episodes, found.quality) == (2, "expert")


def test_what_is_spelt_otherwise_is_named(cartpole_of):
    folder = str(cartpole_of())
    for given, words in (
        ({"path": folder, "qualty": "a"}, "did you mean 'quality'"),
        ({"quality": "a"}, "names no dataset"),
        ({"path": folder, "quality": 3}, "the quality of"),
        ({"path": folder, "episodes": 1.5}, "how much is taken of"),
        ({"path": folder, "episodes": 0}, "how much is taken of"),
        ({"path": folder, "episodes": True}, "how much is taken of"),
        (f"{folder}@0", "how much is taken of"),
    ):
        with case(given), pytest.raises(ConfigError, match=words):
            part(given)


def test_one_text_is_no_list_of_parts(cartpole_of):
    for given in (str(cartpole_of()), cartpole_of(), load(cartpole_of()), {"path": "a"}, []):
        with case(given), pytest.raises(ConfigError, match="merge needs parts"):
            parts_of(given, dataset_folder)


def test_the_same_dataset_twice_is_refused_wherever_it_lies(cartpole_of, tmp_path):
    (tmp_path / "again").symlink_to(cartpole_of())
    with pytest.raises(ConfigError, match="are the same dataset"):
        parts_of([cartpole_of(), f"{tmp_path / 'again'}@0.5"], dataset_folder)


def test_a_view_is_refused_and_told_how_to_say_it(cartpole_of):
    whole, split = load(cartpole_of()), cartpole_of("split", 8)
    for view in (whole[:2], load(split, split="test"), whole.every(2), whole.stacked(2), whole.concat(whole)):
        with case(view), pytest.raises(ConfigError, match=r"FOLDER@0\.5"):
            part(view)
    assert part(load(split)).folder == split


def test_what_is_no_dataset_is_said(tmp_path):
    with pytest.raises(DatasetError, match="there is no dataset at"):
        part(str(tmp_path))
