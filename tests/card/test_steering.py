"""Whether a card names other files than its dataset's."""

import shutil

import pytest
import yaml
from sweeps import sweep

from builder import Controller
from builder.card import CARD, names_other_files
from builder.manifest.manifest import read_manifest
from builder.storage.limits import CARD_BYTES


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("steering") / "x"
    words = ["expert=random", "env.id=CartPole-v1", "episodes=4", "dataset.test_fraction=0.5"]
    Controller().start([*words, f"out={out}"])
    return out


def card(folder, header):
    (folder / CARD).write_text(f"---\n{header if isinstance(header, str) else yaml.dump(header)}\n---\n# x\n")
    return folder / CARD


def test_our_own_card_names_what_the_manifest_lists(built):
    assert not names_other_files(built / CARD, read_manifest(built))
    assert not names_other_files(built / CARD, None)


@sweep(
    "path",
    ["../x.parquet", "/etc/passwd", "http://host/x", "hf://datasets/a/b", "zip://x::y", "~/x", "a/../../x"],
    quick=3,
)
@pytest.mark.parametrize("shape", ["text", "list", "splits", "folder"])
def test_files_elsewhere_are_noticed_with_and_without_a_manifest(built, tmp_path, path, shape):
    folder = shutil.copytree(built, tmp_path / "x")
    files = {"text": path, "list": ["data/a.parquet", path], "splits": [{"split": "train", "path": [path]}]}
    config = (
        {"config_name": "default", "data_dir": path} if shape == "folder" else {"data_files": files[shape]}
    )
    theirs = card(folder, {"configs": [config]})
    assert names_other_files(theirs, None)
    assert names_other_files(theirs, read_manifest(folder))


def test_files_inside_that_the_manifest_does_not_list_are_noticed(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "x")
    theirs = card(folder, {"configs": [{"config_name": "transitions", "data_files": "data/more-*.parquet"}]})
    assert names_other_files(theirs, read_manifest(folder))
    assert not names_other_files(theirs, None)


@pytest.mark.parametrize("header", ["a: [", "configs: 3", "!!python/name:os.system x", "- 1"])
def test_a_header_that_cannot_be_read_or_is_none_of_ours_steers(built, tmp_path, header):
    folder = shutil.copytree(built, tmp_path / "x")
    assert names_other_files(card(folder, header), read_manifest(folder))


def test_a_card_without_a_header_or_without_configs_steers_nothing(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "x")
    (folder / CARD).write_text("# mine\n")
    assert not names_other_files(folder / CARD, read_manifest(folder))
    assert not names_other_files(card(folder, {"license": "mit"}), read_manifest(folder))


def test_a_card_larger_than_any_is_taken_to_steer(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "x")
    with (folder / CARD).open("r+b") as file:
        file.truncate(CARD_BYTES + 1)
    assert names_other_files(folder / CARD, None)
