"""A merged dataset against its parts."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from forging import forged_copy
from verification import EPISODES, STEPS, check, rewrite

from builder import build, merge
from builder.api import dataset_folder
from builder.augment.parts import parts_of
from builder.card import write_card
from builder.cli.main import main
from builder.errors import DatasetError, VerificationError
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal
from builder.verify.parts import at_hand, check_merged_again, check_parts

ENV = {"id": "CartPole-v1", "max_episode_steps": 6}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A root with the parts a and b, and c, which was merged of them."""
    root = tmp_path_factory.mktemp("parents")
    shown = {"pixels": {"height": 4, "width": 6}}
    build(expert="random", env=ENV, episodes=3, out=str(root / "a"), dataset=shown)
    build(expert="random", env=ENV, episodes=6, seed=1, out=str(root / "b"), dataset={"test_fraction": 0.5})
    merge([root / "a", {"path": root / "b", "episodes": 0.5, "quality": "bad"}], root / "c")
    return root


@pytest.fixture
def root(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "root"))


def parts(*folders):
    return parts_of([str(folder) for folder in folders], dataset_folder)


def verdict(folder, *given, **options):
    return check_parts(folder, read_manifest(folder), parts(*given) if given else (), **options)


def test_parts_beside_it_are_found_and_every_value_is_theirs(root):
    found = verdict(root / "c")
    assert (found.passed, found.compared) == (True, "2 of 2 parts, 7 episodes, value for value")
    report = check(root / "c", "files")
    report.raise_for_difference()
    assert not any("by their fingerprints" in claim.statement for claim in report.claims)


def test_those_elsewhere_are_named(root, tmp_path):
    moved = shutil.move(root / "b", tmp_path / "moved")
    assert verdict(root / "c").compared.startswith("1 of 2 parts, 3 episodes")
    assert verdict(root / "c", moved).compared.startswith("2 of 2 parts")
    assert verdict(root / "c", moved, beside=False).compared.startswith("1 of 2 parts, 4 episodes")


def test_where_none_is_at_hand_that_is_said_and_left_as_a_claim(root, tmp_path):
    alone = shutil.copytree(root / "c", tmp_path / "alone" / "c")
    found = verdict(alone)
    assert (found.passed, found.possible) == (True, False)
    assert any(claim.proof == "parts=[...]" for claim in check(alone, "files").claims)


def test_what_is_named_and_is_no_part_is_an_error(root):
    build(expert="random", env=ENV, episodes=2, out=str(root / "other"))
    found = verdict(root / "c", root / "other")
    assert not found.passed
    assert "is none of its parts, or has changed since" in found.compared


def test_a_value_that_is_not_the_parts_is_found(root):
    def change(columns):
        columns["action"][0] = 1 - columns["action"][0]

    rewrite(root / "c", STEPS, change)
    difference = verdict(root / "c").difference
    assert (difference.what, difference.column) == ("not what the part a has", "action")
    assert (difference.episode, difference.step) == (0, 0)


def test_another_label_or_draw_is_found(root):
    def change(columns):
        columns["seed"][-1] += 1

    rewrite(root / "c", EPISODES, change)
    assert verdict(root / "c").difference.column == "seed"
    with pytest.raises(VerificationError, match="not what the part b has"):
        check(root / "c", "files").raise_for_difference()


def test_a_damaged_part_is_found(root):
    content = bytearray((root / "a" / STEPS).read_bytes())
    content[50] ^= 1
    (root / "a" / STEPS).write_bytes(content)
    assert "the part a" in verdict(root / "c").difference.what


def test_a_folder_beside_that_is_none_is_passed_over(root):
    (root / "odd").mkdir()
    (root / "odd" / "manifest.json").write_text("\x00 no manifest")
    (root / "0").write_text("a file")
    assert verdict(root / "c").passed


def test_what_was_taken_is_what_the_manifest_says_and_not_what_is_named(root):
    manifest = read_manifest(root / "c")
    one, two = at_hand(root / "c", manifest, parts(root / "b"), beside=True)
    assert (one.episodes, two.episodes, two.quality) == (None, 0.5, "bad")


def test_on_the_command_line(root, tmp_path, capsys):
    moved = shutil.move(root / "b", tmp_path / "moved")
    assert main(["verify", str(root / "c"), "level=files", f"parts=[{moved}]"]) == 0
    assert "2 of 2 parts" in " ".join(capsys.readouterr().out.split())


def test_merged_again_it_is_the_same_file_for_file(root, tmp_path):
    report = check(root / "c", "rebuild")
    report.raise_for_difference()
    assert report.checks[-1].compared == "2 parts merged again, 4 files by sha256"
    shutil.move(root / "b", tmp_path / "moved")
    last = check(root / "c", "rebuild").checks[-1]
    assert not last.passed
    assert last.compared.startswith("1 of its 2 parts are not here")


def test_files_that_the_parts_do_not_give_are_found(root):
    def change(columns):
        columns["quality"][0] = "good"

    rewrite(root / "c", EPISODES, change)
    found = check_merged_again(root / "c", read_manifest(root / "c"))
    assert (found.difference.what, found.difference.file) == ("another content", EPISODES)


def test_a_manifest_alone_makes_none(root, capsys):
    assert main(["build", f"manifest={root / 'c'}", f"out={root / 'again'}"]) == 1
    assert "il-builder merge parts=[...] of these" in capsys.readouterr().err


def said(folder, change):
    """What is read of a copy whose `merged` somebody has changed."""

    def changed(inputs):
        change(inputs["merged"])

    return read_manifest(forged_copy(folder, folder.parent / "forged", changed, card=False))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda merged: merged["parts"].pop(), "counts other episodes in its parts"),
        (lambda merged: merged["parts"].append(merged["parts"][0]), "counts other episodes in its parts"),
        (lambda merged: merged["parts"][0].update(episodes={"zzz": 3}), "counts other episodes in its parts"),
        (lambda merged: merged.pop("pixels"), "the size of pictures"),
        (lambda merged: merged["optional"].remove("pixels"), "the size of pictures"),
    ],
    ids=["dropped", "twice", "split", "size", "column"],
)
def test_parts_that_do_not_fit_the_dataset_are_refused(root, change, wrong):
    with pytest.raises(DatasetError, match=wrong):
        said(root / "c", change)


def test_counts_that_only_the_files_deny_are_a_difference(root):
    """All counts agree with each other: the episodes of the first part are said to be four, not three."""
    manifest = read_manifest(root / "c")
    inputs = json.loads(json.dumps(manifest.inputs))
    inputs["merged"]["parts"].append(inputs["merged"]["parts"][0])
    forged = dataclasses.replace(manifest, inputs=inputs)
    assert check_parts(root / "c", forged).difference.what == "the number of episodes of the part a"


def reseal(folder, **changed):
    """Another manifest, in which all that is computed fits."""
    manifest = dataclasses.replace(read_manifest(folder), **changed)
    seal(dataclasses.replace(manifest, identity=identity(manifest.inputs)), folder)
    write_card(folder)


def test_what_a_manifest_says_otherwise_than_its_parts_is_found(root):
    inputs = read_manifest(root / "c").inputs
    parts_say = inputs["merged"]
    played = [{**source, "policy": "a champion"} for source in parts_say["sources"]]
    for other, key in (
        (
            {"environment": {**inputs["environment"], "max_episode_steps": 77}},
            "environment.max_episode_steps",
        ),
        ({"merged": {**parts_say, "sources": played}}, "merged.sources"),
    ):
        reseal(root / "c", inputs={**inputs, **other})
        assert check_merged_again(root / "c", read_manifest(root / "c")).difference.what.endswith(key)
    reseal(root / "c", inputs=inputs, instances="single")
    assert check_merged_again(root / "c", read_manifest(root / "c")).difference.what.endswith("instances")


def test_merging_again_proves_the_copy_and_not_who_played(root):
    said = {claim.statement: claim.proof for claim in check(root / "c", "rebuild").claims}
    assert said["'random' played them, as its parts say"] == "level=rebuild of each part"
    (given,) = [proof for statement, proof in said.items() if "rewards and endings are what" in statement]
    assert given == "level=replay"
    assert "level=replay" not in {claim.proof for claim in check(root / "c", "replay").claims}
