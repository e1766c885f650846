"""`dataset.info`: from a build to its proof, the same whatever plays it."""

import logging
import shutil

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from folders import files
from sweeps import sweep
from telling import COLUMNS, Telling
from verification import EPISODES, STEPS, check, failure, rewrite

from builder import Controller, build, load
from builder.dataset import partial
from builder.episodes.seeding import attempt_seed
from builder.errors import ConfigError, EnvironmentError_
from builder.manifest.manifest import read_manifest
from builder.storage.paths import place

CONFIG = {
    "expert": "random",
    "env.id": "Telling/All-v0",
    "episodes": 12,
    "dataset.info": "all",
    "parallel": "threading",
    "parallel.n_jobs": 1,
}


def built(out, **more):
    return build(**{**CONFIG, "out": str(out), **more})


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    out = tmp_path_factory.mktemp("told") / "x"
    built(out)
    return out


@pytest.fixture
def folder(told, tmp_path):
    return shutil.copytree(told, tmp_path / "x")


def fingerprint(out):
    return read_manifest(out).fingerprint


def test_all_that_can_be_a_column_becomes_one(told):
    inputs = read_manifest(told).inputs
    names = [(column["table"], column["name"]) for column in inputs["columns"]]
    of_steps = [("transitions", f"info.{key}") for key in COLUMNS]
    assert names == [*of_steps, ("episodes", "info.length"), ("episodes", "info.word")]
    assert inputs["config"]["dataset"]["info"] == "all"


def test_a_row_holds_what_its_own_step_returned(told):
    dataset = load(told)
    arrays, lengths = dataset.arrays(), pq.read_table(told / EPISODES)["info.length"].to_pylist()
    count = arrays["step_index"] + 1
    assert (arrays["info.count"] == count).all()
    assert (arrays["info.third"] == count / 3).all()
    assert (arrays["info.mixed"] == count + np.where(count % 2, 0, 0.5)).all()
    assert (arrays["info.triple"] == np.arange(3) * count[:, None]).all()
    assert (arrays["info.picture"][:, 0, 0, 0] == count).all()
    assert arrays["info.word"].tolist() == [f"step {number}" for number in count]
    assert (arrays["info.sometimes.valid"] == (count % 2 == 0)).all()
    last = arrays["terminated"]
    assert (arrays["info.is_success.valid"] == last).all()
    assert arrays["info.is_success"][last].tolist() == [bool(length % 2) for length in lengths]
    assert count[last].tolist() == lengths


@pytest.mark.parametrize("how", [{}, {"window": 2}, {"n_step": 2, "gamma": 0.9}])
def test_batches_have_all_columns_but_texts(told, how):
    batch = next(iter(load(told).batches(4, **how)))
    assert {"info.count", "info.count.valid", "info.picture"} <= batch.keys()
    assert "info.word" not in batch


def test_batches_of_texts_are_refused(told):
    with pytest.raises(ConfigError, match=r"info\.word holds texts, of which no tensor can be made"):
        next(iter(load(told).batches(4, columns=["info.count", "info.word"])))


def test_batches_of_a_thinned_and_of_a_stacked_dataset_have_no_texts(told):
    assert "info.word" not in next(iter(load(told, every=2, seed=0).batches(4)))
    assert "info.word" not in next(iter(load(told).stacked(2).batches(4)))
    assert "info.word" not in next(iter(load(told).concat(load(told)).batches(4)))


def test_load_dataset_gives_typed_values_and_none_where_nothing_was_said(told):
    rows = load_dataset(str(told), split="train")
    assert [row["info.is_success"] is None for row in rows] == [not row["terminated"] for row in rows]
    assert rows[0]["info.word"] == "step 1"
    assert load_dataset(str(told), "episodes", split="train")[0]["info.word"] == "begin"


def test_all_else_is_as_it_is_without(told, tmp_path):
    plain = built(tmp_path / "plain", **{"dataset.info": None}).arrays()
    arrays = load(told).arrays()
    assert all((arrays[name] == values).all() for name, values in plain.items())


@sweep("more", [{"rollout.lanes": 7}, {"rollout.lanes": 1}, {"rollout.lanes": 64, "parallel.n_jobs": 2}])
def test_the_fingerprint_is_the_same_whatever_plays_it(told, tmp_path, more):
    built(tmp_path / "y", **more)
    assert fingerprint(tmp_path / "y") == fingerprint(told)


@pytest.mark.slow
def test_the_fingerprint_is_the_same_from_processes(told, tmp_path):
    built(tmp_path / "y", **{"parallel": "loky", "parallel.n_jobs": 2})
    assert fingerprint(tmp_path / "y") == fingerprint(told)


def test_behind_a_url_every_file_is_the_same(told, tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "FOOTER", 8)  # so that rows of small files do not come with it
    fsspec.filesystem("memory").store.clear()
    out = place(f"memory://{tmp_path.name}/x")
    Controller().start({**CONFIG, "out": str(out)})
    here = tmp_path / "copy"
    for path in out.rglob("*"):
        (here / path.relative_to(out)).parent.mkdir(parents=True, exist_ok=True)
        path.download(here / path.relative_to(out))
    assert files(here) == files(told)


def test_a_grown_dataset_is_the_larger_one(told, tmp_path):
    built(tmp_path / "y", episodes=4)
    built(tmp_path / "y")
    assert fingerprint(tmp_path / "y") == fingerprint(told)


def test_named_keys_become_columns_in_their_order(tmp_path):
    dataset = built(tmp_path / "y", **{"dataset.info": ["word", "count"]})
    assert [name for name in dataset.arrays() if name.startswith("info.")] == [
        *("info.word", "info.word.valid", "info.count", "info.count.valid")
    ]


def test_what_is_left_out_of_all_is_told(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        built(tmp_path / "y")
    said = "\n".join(caplog.messages)
    for key, why in (
        ("thing", "its values are not numbers, fixed arrays or texts: object"),
        ("nested", "its values are not numbers, fixed arrays or texts: dict"),
        ("odd key", "its name has other characters than letters, digits and _"),
        ("resets", "the same attempt, played again, says otherwise"),
    ):
        assert f"dataset.info=all leaves out {key}: {why}" in said


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (["thing"], "'thing' of dataset.info can be no column: its values are not numbers"),
        (["resets"], "'resets' of dataset.info can be no column: the same attempt, played again"),
        (["episode"], "'episode' of dataset.info can be no column: it is a wrapper's summary"),
        (["odd key"], "'odd key' of dataset.info can be no column: its name has other characters"),
        (
            ["depth"],
            "Telling/All-v0 has not said 'depth' in info, in 8 attempts of .* expected count, is_succ",
        ),
        (["count", "count"], "dataset.info names 'count' twice"),
        ("count", "dataset.info names no keys; expected a list of names, or all"),
        ([], "dataset.info names no keys"),
        ([3], "dataset.info names no keys"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name_before_play(tmp_path, info, message):
    with pytest.raises(ConfigError, match=message):
        built(tmp_path / "y", **{"dataset.info": info})
    assert not list(tmp_path.iterdir())


def test_a_type_that_changes_in_play_is_an_error_that_names_attempt_step_and_key(tmp_path):
    with pytest.raises(
        EnvironmentError_,
        match=r"info\.late changes in attempt 9, step 0 \(seed \d+\); expected int64; got float64: 0\.5",
    ):
        built(tmp_path / "y", **{"env.kwargs": {"late": attempt_seed(0, 9)}})


def test_a_function_of_the_users_own_records_none(tmp_path):
    with pytest.raises(ConfigError, match=r"dataset\.info is recorded by the built-in enjoy alone"):
        Controller(enjoy=lambda path, context, expert: True).start({**CONFIG, "out": str(tmp_path / "y")})


def test_an_environment_that_says_nothing_gives_no_columns(tmp_path, caplog):
    dataset = built(tmp_path / "y", **{"env.id": "CartPole-v1", "episodes": 1})
    assert "CartPole-v1 says nothing in info that can be recorded" in caplog.text
    assert not any(name.startswith("info") for name in dataset.arrays())


def test_verify_steps_again_and_compares(folder):
    assert all(item.passed for item in check(folder).checks)


@pytest.mark.slow
def test_a_rebuild_finds_the_same_columns(folder):
    assert all(item.passed for item in check(folder, "rebuild").checks)


@pytest.mark.parametrize("key", ["third", "word", "is_success"])
def test_one_changed_value_is_found_at_its_step(folder, key):
    def change(columns):
        columns[f"info.{key}"][1] = {"third": 0.25, "word": "", "is_success": False}[key]

    rewrite(folder, STEPS, change)
    name, difference = failure(folder)
    assert (name, difference.episode, difference.step) == ("replay", 0, 1)
    assert difference.column.startswith(f"info.{key}")


def test_one_changed_value_of_reset_is_found(folder):
    def change(columns):
        columns["info.length"][1] += 1

    rewrite(folder, EPISODES, change)
    name, difference = failure(folder)
    assert (name, difference.column, difference.episode) == ("replay", "info.length", 1)


def test_the_card_has_the_share_of_episodes_that_end_in_success(told):
    lengths = pq.read_table(told / EPISODES)["info.length"].to_pylist()
    share = sum(length % 2 for length in lengths)
    line = next(line for line in (told / "README.md").read_text().splitlines() if "success, as" in line)
    assert f"| {share} of 12" in line or f"{share / 12:.0%}" in line, line


def test_the_card_says_what_the_columns_are(told):
    card = (told / "README.md").read_text()
    assert "| `info.count` | int64 |  | unbounded | `count` of the environment's `info` |" in card
    assert "`length` of the environment's `info`, as `reset` returned it" in card
    assert "dataset.info=all" in card


def test_nothing_is_rehearsed_where_nothing_is_asked_for(tmp_path):
    before = Telling.made
    built(
        tmp_path / "y",
        **{"dataset.info": None, "episodes": 1, "env.instances": "reused", "card.preview": False},
    )
    assert Telling.made - before < 8
