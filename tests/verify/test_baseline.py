"""A baseline, verified: its files, and its clones trained again."""

import dataclasses
import shutil

import pytest
from verification import check, failure

from builder.baseline.baseline import baseline
from builder.baseline.config import BaselineConfig
from builder.card import keep_baseline
from builder.composition import compose
from builder.manifest.baseline import read_baseline
from builder.manifest.manifest import BASELINE, LEARNING_CURVE
from builder.verify.claims import BASELINE_LEVEL

QUICK = ["out=x", "episodes=3", "seeds=1", "demos=2", "train.steps=20", "train.hidden=[8]"]


@pytest.fixture(scope="module")
def _learned(short_cartpole, tmp_path_factory):
    out = shutil.copytree(short_cartpole, tmp_path_factory.mktemp("learned") / "x")
    baseline(compose(BaselineConfig, "baseline", QUICK), out)
    return out


@pytest.fixture
def learned(_learned, tmp_path):
    return shutil.copytree(_learned, tmp_path / "x")


def unlike(folder, more):
    """The same baseline with other means, forged throughout."""
    found = read_baseline(folder)
    (run,), (point,) = found.runs, found.curve
    moved = {name: getattr(point, name) + more for name in ("mean", "low", "high")}
    keep_baseline(
        folder,
        dataclasses.replace(
            found,
            runs=(dataclasses.replace(run, mean=run.mean + more),),
            curve=(dataclasses.replace(point, **moved),),
        ),
    )


def test_clones_trained_again_play_the_same(learned):
    report = check(learned, level="baseline")
    assert {item.name: item.verdict for item in report.checks}["trained again"] == "ok"
    assert report.checks[-1].compared == "1 clones of 3 episodes each, every figure"
    report.raise_for_difference()


def test_figures_of_another_machine_pass_where_intervals_meet(learned):
    unlike(learned, 0.01)
    found = check(learned, level="baseline").checks[-1]
    assert (found.verdict, "by their 95% intervals" in found.compared) == ("ok", True)


def test_forged_figures_are_a_claim_until_clones_are_trained_again(learned):
    unlike(learned, 5.0)
    report = check(learned, level="files")
    report.raise_for_difference()
    assert BASELINE_LEVEL in {claim.proof for claim in report.claims}
    name, found = failure(learned, level="baseline")
    assert name == "trained again"
    assert found.what == "the return of 2 demonstrations"


@pytest.mark.parametrize("name", [BASELINE, LEARNING_CURVE])
def test_a_missing_or_changed_file_is_found_at_every_level(learned, name):
    content = (learned / name).read_bytes()
    (learned / name).unlink()
    assert failure(learned, level="files")[0] == "baseline"
    (learned / name).write_bytes(content[:-3])
    assert failure(learned, level="files")[0] == "baseline"


def test_a_baseline_of_another_dataset_is_found(learned):
    text = (learned / BASELINE).read_text()
    keep_baseline(learned, dataclasses.replace(read_baseline(learned), dataset="0" * 64))
    assert (learned / BASELINE).read_text() != text
    name, found = failure(learned, level="files")
    assert (name, found.what) == ("baseline", "it is of another dataset")


def test_where_there_is_none_what_was_asked_for_is_not_checked(short_cartpole):
    found = check(short_cartpole, level="baseline").checks[-1]
    assert (found.verdict, found.passed) == ("not checked", False)
    assert "il-builder baseline makes one" in found.compared
