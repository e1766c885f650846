"""A baseline that was interrupted goes on, with the figures of one in one go."""

import dataclasses
import json
import logging
import shutil

import pytest

from builder.baseline.baseline import baseline, measured
from builder.baseline.config import BaselineConfig
from builder.composition import compose
from builder.rollout.cleaning import clean
from builder.storage.layout import Layout

QUICK = ["episodes=3", "train.steps=20", "train.hidden=[8]", "train.batch_size=16"]
THERE = "clones are there already"


def asked(*words):
    return compose(BaselineConfig, "baseline", ["out=x", *QUICK, *words])


@pytest.fixture(scope="module")
def whole(short_cartpole):
    return measured(asked("demos=1,2", "seeds=2"), short_cartpole)


@pytest.fixture(scope="module")
def half(short_cartpole, tmp_path_factory):
    """The file that a call leaves which was interrupted after two of four clones."""
    path = tmp_path_factory.mktemp("half") / "learned.json"
    measured(asked("demos=1", "seeds=2"), short_cartpole, path)
    return path


@pytest.fixture
def out(short_cartpole, half, tmp_path):
    """A dataset beside which that file lies."""
    shutil.copy(half, Layout.of(tmp_path / "x").learned)
    return shutil.copytree(short_cartpole, tmp_path / "x")


def changed(path):
    """Another return of the clones that are kept, by which one sees whether they are taken."""
    content = json.loads(path.read_text())
    for run in content["runs"]:
        run["mean"] = 1.5
    path.write_text(json.dumps(content))


def test_what_was_interrupted_goes_on_and_ends_with_the_same_figures(out, whole, caplog):
    with caplog.at_level(logging.INFO):
        found = baseline(asked("demos=1,2", "seeds=2"), out).baseline
    assert f"2 of 4 {THERE}" in caplog.text
    assert dataclasses.replace(found, picture="") == whole
    assert not Layout.of(out).learned.exists()


def test_a_kept_clone_is_not_trained_again_unless_told_to(out):
    path = Layout.of(out).learned
    changed(path)
    taken = measured(asked("demos=1", "seeds=2"), out, path)
    assert [run.mean for run in taken.runs] == [1.5, 1.5]
    anew = baseline(asked("demos=1", "seeds=2", "overwrite=true"), out).baseline
    assert [run.mean for run in anew.runs] != [1.5, 1.5]


@pytest.mark.parametrize("word", ["train.steps=21", "episodes=2"])
def test_clones_of_something_else_are_not_taken_up(out, caplog, word):
    with caplog.at_level(logging.INFO):
        measured(asked("demos=1", "seeds=1", word), out, Layout.of(out).learned)
    assert THERE not in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"mean": ', '"mean": "'[:-1] + 'null, "x": '),
        lambda text: text.replace('"seed": 1,', '"seed": "1",'),
    ],
    ids=["cut", "list", "empty", "other key", "text"],
)
def test_a_damaged_file_counts_as_nothing(out, whole, caplog, damage):
    path = Layout.of(out).learned
    path.write_text(damage(path.read_text()))
    found = measured(asked("demos=1", "seeds=2"), out, path)
    assert found.runs == whole.runs[:2]
    assert "is damaged: every clone is trained" in caplog.text


def test_clean_removes_it_and_leaves_a_stranger_with_its_name(out):
    path = Layout.of(out).learned
    clean(out)
    assert not path.exists()
    path.write_text("mine")
    assert clean(out).left == (path,)
