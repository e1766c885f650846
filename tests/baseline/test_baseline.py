"""`baseline`: from a dataset folder to a learning curve on its card."""

import dataclasses
import json
import shutil

import pytest
from folders import files

from builder.baseline.baseline import baseline, demonstrations
from builder.baseline.config import BaselineConfig
from builder.card import CARD, rendered_again
from builder.composition import compose
from builder.errors import DatasetError
from builder.manifest.baseline import read_baseline
from builder.manifest.manifest import BASELINE, LEARNING_CURVE, SIGNATURE, read_manifest

QUICK = ["episodes=3", "seeds=2", "demos=1,2", "train.steps=40", "train.hidden=[8]", "train.batch_size=16"]


def asked(*words):
    return compose(BaselineConfig, "baseline", ["out=x", *QUICK, *words])


@pytest.fixture(scope="module")
def learned(short_cartpole, tmp_path_factory):
    out = tmp_path_factory.mktemp("learned") / "x"
    shutil.copytree(short_cartpole, out)
    return baseline(asked(), out)


@pytest.fixture
def copied(learned, tmp_path):
    return shutil.copytree(learned.out, tmp_path / "x")


def test_every_clone_and_whoever_it_is_held_against_is_there(learned):
    found = learned.baseline
    assert [(run.demos, run.seed) for run in found.runs] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert [point.demos for point in found.curve] == [1, 2]
    assert (found.expert.name, found.expert.mean) == ("cartpole", 20.0)
    assert all(point.low <= point.mean <= point.high <= 20 for point in found.curve)
    assert found.curve[0].mean == sum(run.mean for run in found.runs[:2]) / 2
    assert found.score(20.0) == 1.0
    assert found.score(found.random.mean) == 0.0
    assert learned.fresh


def test_nothing_that_was_there_changes_but_the_card(learned, short_cartpole):
    before, after = files(short_cartpole), files(learned.out)
    assert {name for name in after if after[name] != before.get(name)} == {CARD, BASELINE, LEARNING_CURVE}
    text, rendered = rendered_again(learned.out)
    assert text == rendered
    assert "## Baseline\n" in text
    assert f'src="{LEARNING_CURVE}"' in text


def test_the_same_is_not_trained_twice_and_gives_the_same_when_told_to(copied):
    before = files(copied)
    assert not baseline(asked(), copied).fresh
    assert baseline(asked("overwrite=true"), copied).fresh
    assert files(copied) == before


@pytest.mark.parametrize("word", ["seeds=1", "demos=1", "train.steps=41", "episodes=2"])
def test_what_was_asked_for_otherwise_is_trained_anew(copied, word):
    assert baseline(asked(word), copied).fresh


def test_it_is_of_this_dataset_or_trained_anew_and_not_on_the_card(copied, learned):
    text = (copied / BASELINE).read_text()
    other = text.replace(learned.baseline.dataset, "0" * 64)
    content = json.loads(other)
    del content["sha256"]
    from builder.manifest.identity import sha256_of

    changed = json.dumps({**content, "sha256": sha256_of(content)}, indent=1, sort_keys=True) + "\n"
    (copied / BASELINE).write_text(changed)
    assert read_baseline(copied).dataset == "0" * 64
    assert "## Baseline" not in rendered_again(copied)[1]


def test_too_few_demonstrations_are_all_that_there_are_and_it_says_so():
    assert demonstrations([25, 1, 1, 100], 9, "train") == (
        [1, 9],
        ["train holds 9 episodes, which stand for the 25 that were asked for"],
    )
    assert demonstrations([9, 3], 9, "train") == ([3, 9], [])


def test_a_signed_dataset_is_refused_before_anything_is_trained(short_cartpole, tmp_path):
    out = shutil.copytree(short_cartpole, tmp_path / "x")
    (out / SIGNATURE).write_text("signed")
    with pytest.raises(DatasetError, match=r"is signed.*remove dataset.sig"):
        baseline(asked(), out)
    assert not (out / BASELINE).exists()


def test_a_card_with_words_of_the_users_is_not_written_over(short_cartpole, tmp_path):
    out = shutil.copytree(short_cartpole, tmp_path / "x")
    (out / CARD).write_text((out / CARD).read_text().replace("## Figures", "Mine!\n\n## Figures"))
    with pytest.raises(DatasetError, match="would be written anew"):
        baseline(asked(), out)


def test_a_damaged_one_is_made_anew(copied):
    (copied / BASELINE).write_text("{}")
    assert baseline(asked(), copied).fresh
    assert read_baseline(copied) is not None


def test_without_its_expert_there_are_returns_and_no_scores(short_cartpole, tmp_path):
    out = shutil.copytree(short_cartpole, tmp_path / "x")
    manifest = read_manifest(out)
    lost = {**manifest.inputs["expert"], "source": "local"}
    from builder.manifest.identity import identity
    from builder.manifest.manifest import rewrite

    inputs = {**manifest.inputs, "expert": lost}
    rewrite(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), out)
    (out / CARD).unlink()
    found = baseline(asked("demos=1", "seeds=1"), out).baseline
    assert found.expert is None
    assert found.scores is None
    assert "the expert did not play" in found.notes[-1]
    assert "score" not in json.loads((out / BASELINE).read_text())["curve"][0]


def test_each_draw_of_a_seed_contains_the_smaller_one(short_cartpole):
    from builder.loading.trajectories import Trajectories

    dataset = Trajectories(short_cartpole)
    for seed in range(4):
        drawn = [set(dataset.subset(count, seed=seed).episode_table["episode_index"]) for count in (1, 2, 3)]
        assert drawn[0] < drawn[1] < drawn[2]
