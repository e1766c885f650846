"""The table of docs/verify.md is what `verify` does."""

import re

import lies
import pytest
from places import ROOT
from sweeps import sweep

ROW = re.compile(r"\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|")


def documented():
    """By lie, what each level makes of it."""
    rows = ROW.findall((ROOT / "docs/verify.md").read_text())
    return {lie: outcomes for lie, *outcomes in rows if lie in lies.LIES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return lies.honest(tmp_path_factory.mktemp("honest"))


def test_an_honest_dataset_passes_every_level(folder):
    for level in ("files", "replay", "rebuild"):
        assert [check.name for check in lies.verified(folder, level).failures()] == []


def test_every_lie_is_documented():
    assert [*documented()] == [*lies.LIES]


@sweep("lie", lies.LIES, quick=5)
def test_a_look_at_the_files_makes_of_a_lie_what_is_documented(folder, tmp_path, lie):
    assert lies.outcome(folder, lie, "files", tmp_path) == documented()[lie][0]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["replay", "rebuild"])
@pytest.mark.parametrize("lie", lies.LIES)
def test_every_other_level_makes_of_a_lie_what_is_documented(folder, tmp_path, lie, level):
    assert (
        lies.outcome(folder, lie, level, tmp_path)
        == documented()[lie][["replay", "rebuild"].index(level) + 1]
    )
