"""The note of a baseline: written in one way, and read only where it is that."""

import dataclasses
import json

import pytest
from learned import LEARNED

from builder.errors import DatasetError
from builder.manifest.baseline import Run, baseline_text, read_baseline, write_baseline
from builder.manifest.manifest import BASELINE


def test_a_note_reads_back_as_it_was(tmp_path):
    write_baseline(tmp_path, LEARNED)
    assert read_baseline(tmp_path) == LEARNED
    alone = dataclasses.replace(LEARNED, expert=None)
    write_baseline(tmp_path, alone)
    assert read_baseline(tmp_path) == alone


def test_returns_come_with_their_scores():
    content = json.loads(baseline_text(LEARNED))
    assert content["curve"][0]["score"] == pytest.approx(130 / 480)
    assert [run["score"] for run in content["runs"]] == pytest.approx([80 / 480, 180 / 480])


def test_an_expert_no_better_than_random_makes_no_scale():
    worse = dataclasses.replace(LEARNED, expert=dataclasses.replace(LEARNED.random, name="x"))
    assert worse.scores is None
    assert worse.score(3.0) is None


def test_where_there_is_none_there_is_none(tmp_path):
    assert read_baseline(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("150.0", "151.0"),
        lambda text: text.replace('"bc"', '"gail"'),
        lambda text: text.replace(" ", ""),
        lambda text: text[:-9],
        lambda text: text.replace('"few"', "7"),
        lambda text: text.replace('"score"', '"scores"'),
    ],
    ids=["figure", "algorithm", "spelling", "end", "kind", "key"],
)
def test_what_is_something_else_is_refused_in_one_line(tmp_path, change):
    write_baseline(tmp_path, LEARNED)
    (tmp_path / BASELINE).write_text(change((tmp_path / BASELINE).read_text()))
    with pytest.raises(DatasetError, match=r"is not what il-builder baseline has written.*trains again"):
        read_baseline(tmp_path)


def test_a_link_to_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "x").mkdir()
    write_baseline(tmp_path, LEARNED)
    (tmp_path / "x" / BASELINE).symlink_to(tmp_path / BASELINE)
    with pytest.raises(DatasetError):
        read_baseline(tmp_path / "x")


def test_returns_that_json_cannot_hold_are_refused(tmp_path):
    endless = dataclasses.replace(LEARNED, runs=(Run(1, 0, float("inf"), 1.0),))
    with pytest.raises(DatasetError, match="make no baseline"):
        write_baseline(tmp_path, endless)
