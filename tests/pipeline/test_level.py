"""How much noise brings an expert to a score: found, recorded, and built again."""

import dataclasses
import math
import shlex

import pytest
from places import PACKAGE
from verification import check

from builder import Controller
from builder.composition import build_config, compose
from builder.config import ReferenceConfig
from builder.errors import ConfigError, ExpertError
from builder.manifest.manifest import read_manifest
from builder.manifest.reference import VARIABLE, Measured, store_reference
from builder.manifest.scores import ReferenceScores
from builder.pipeline.level import FURTHER, Sought, at_target, search, tell_of_level
from builder.pipeline.prepare import prepare


def falling(amount):
    """A score that halves with each unit of noise."""
    return 2.0**-amount


@pytest.mark.parametrize("target", [0.9, 0.5, 0.25, 0.01])
def test_the_amount_of_noise_that_gives_a_score_is_found(target):
    amount, reached = search(falling, Sought(target, 0.001))
    assert reached == falling(amount)
    assert reached == pytest.approx(target, abs=0.001)


def test_where_no_noise_is_enough_none_is_played_more():
    asked = []

    def score(amount):
        asked.append(amount)
        return falling(amount)

    assert search(score, Sought(1.0, 0.05)) == (0.0, 1.0)
    assert asked == [0.0]


@pytest.mark.parametrize(
    ("score", "sought", "message"),
    [
        (falling, Sought(1.2, 0.05), r"the expert without noise scores 1\.000; expected 1\.15 to 1\.25"),
        (falling, Sought(0.1, 0.05, 1.0), r"the most noise, 1, scores 0\.500"),
        (lambda amount: float(amount < 0.3), Sought(0.5, 0.05), r"is not reached: noise of"),
    ],
    ids=["better", "worse", "never"],
)
def test_a_score_that_no_noise_gives_is_refused_in_a_line(score, sought, message):
    with pytest.raises(ExpertError, match=message):
        search(score, sought)


WANTED = {
    "expert": "cartpole",
    "env.max_episode_steps": 100,
    "rollout.target": 0.5,
    "rollout.tolerance": 0.1,
    "episodes": 4,
}


@pytest.fixture
def _scale(tmp_path, monkeypatch):
    """Reference scores of what is played."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "references.json"))
    inputs = prepare(build_config({**WANTED, "rollout.target": None})).inputs
    scores = ReferenceScores(20.0, 100.0, "by hand")
    store_reference(
        Measured(inputs["environment"], scores, inputs["expert"], 10, 0, True, inputs["packages"])
    )


@pytest.mark.usefixtures("_scale")
def test_a_target_is_reached_recorded_and_built_again(tmp_path, caplog):
    caplog.set_level("INFO")
    Controller().start({**WANTED, "out": str(tmp_path / "x")})
    inputs = read_manifest(tmp_path / "x").inputs
    level, noise = inputs["level"], inputs["config"]["rollout"]["noise"]
    assert (noise["kind"], noise["epsilon"]) == ("epsilon", level["amount"])
    assert 0 < level["amount"] < 1
    assert abs(level["score"] - 0.5) <= 0.1
    assert inputs["config"]["threshold"] == "-inf"
    assert "`noised-expert-0.5` trajectories of `cartpole`" in (tmp_path / "x" / "README.md").read_text()
    assert "where 0.5 was sought" in caplog.text
    check(tmp_path / "x", "rebuild").raise_for_difference()


@pytest.mark.usefixtures("_scale")
def test_an_amount_that_is_stated_is_measured_and_has_to_reach_it(tmp_path):
    given = {**WANTED, "rollout.noise": {"kind": "epsilon", "epsilon": 0.0}, "out": str(tmp_path / "x")}
    with pytest.raises(ExpertError, match=r"rollout\.target=0\.5 is not reached: noise of 0 scores 1\.000"):
        Controller().start(given)


def _measured_since(tmp_path, expert):
    """Another reference of what is played."""
    inputs = read_manifest(tmp_path / "x").inputs
    scores = ReferenceScores(20.0, expert, "measured since")
    store_reference(
        Measured(inputs["environment"], scores, inputs["expert"], 10, 0, True, inputs["packages"])
    )


@pytest.mark.usefixtures("_scale")
@pytest.mark.parametrize("since", [None, 150.0], ids=["none", "another"])
def test_a_dataset_is_built_again_verified_and_grown_on_its_own_scale(tmp_path, monkeypatch, since):
    first = Controller().start({**WANTED, "out": str(tmp_path / "x")}).manifest
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere.json"))
    if since:
        _measured_since(tmp_path, since)
    again = Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
    again.raise_for_difference()
    assert again.manifest.inputs["level"] == first.inputs["level"]
    check(tmp_path / "x", "rebuild").raise_for_difference()
    assert not Controller().start({**WANTED, "out": str(tmp_path / "x")}).fresh
    grown = Controller().start({**WANTED, "episodes": 6, "out": str(tmp_path / "x")})
    assert (grown.grown_from, grown.manifest.inputs["level"]) == (4, first.inputs["level"])


@pytest.mark.usefixtures("_scale")
def test_only_overwriting_or_another_target_asks_this_machine_for_the_scale(tmp_path):
    Controller().start({**WANTED, "out": str(tmp_path / "x")})
    _measured_since(tmp_path, 150.0)
    before = read_manifest(tmp_path / "x")
    other = prepare(build_config({**WANTED, "rollout.target": 0.45}))
    assert at_target(other, before).inputs["level"]["reference"]["expert"] == 150.0
    given = {**WANTED, "overwrite": True, "rollout.tolerance": 0.2, "out": str(tmp_path / "x")}
    assert Controller().start(given).manifest.inputs["level"]["reference"]["expert"] == 150.0


def test_without_a_reference_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.json"))
    said = (
        r"no reference of CartPole-v1 .*; il-builder reference"
        r" env\.id=CartPole-v1 env\.max_episode_steps=100 expert=cartpole measures"
    )
    with pytest.raises(ConfigError, match=said):
        Controller().start({**WANTED, "out": str(tmp_path / "x")})


def test_the_remedy_says_where_an_archive_of_the_user_s_lies(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.json"))
    archive = PACKAGE / "experts" / "bundled" / "cartpole.zip"
    given = {"expert": "local", "expert.path": str(archive), "env.id": "CartPole-v1", "rollout.target": 0.5}
    with pytest.raises(ConfigError) as caught:
        at_target(prepare(build_config(given)))
    words = shlex.split(str(caught.value.remedy).partition(" measures")[0])[2:]
    assert words[:2] == ["env.id=CartPole-v1", "expert=local"]
    assert compose(ReferenceConfig, "reference", words).expert.path == str(archive)


@pytest.mark.parametrize("target", [math.nan, math.inf])
def test_a_target_is_a_number(target):
    with pytest.raises(ConfigError, match=r"rollout\.target is no score that can be sought"):
        build_config({**WANTED, "rollout.target": target})


@pytest.mark.usefixtures("_scale")
def test_the_attempts_of_the_search_all_count_whatever_is_accepted(tmp_path):
    found = [
        at_target(prepare(build_config({**WANTED, **more, "out": str(tmp_path / "x")}))).inputs["level"]
        for more in ({}, {"threshold": 99.0, "episodes": 1})
    ]
    assert found[0] == found[1]


def test_once_within_the_tolerance_a_few_amounts_more_are_tried_and_the_nearest_is_taken():
    asked = []

    def score(amount):
        asked.append(amount)
        return falling(amount)

    _, reached = search(score, Sought(0.5, 0.2))
    assert abs(reached - 0.5) < 0.04
    within = [amount for amount in asked if abs(falling(amount) - 0.5) <= 0.2]
    assert len(within) <= 1 + FURTHER
    assert abs(reached - 0.5) == min(abs(falling(amount) - 0.5) for amount in asked)


@pytest.mark.parametrize(
    ("mean", "level", "said"),
    [
        (55.0, "INFO", "a mean normalised score of 0.550 (0 random, 1 expert), where 0.5 was sought"),
        (70.0, "WARNING", "of 0.700 (0 random, 1 expert), beyond the tolerance of 0.1, where 0.5 was sought"),
    ],
    ids=["within", "beyond"],
)
def test_the_score_of_the_dataset_itself_is_told(mean, level, said, caplog):
    build = prepare(build_config(WANTED))
    scale = ReferenceScores(0.0, 100.0, "by hand").content
    caplog.clear()
    caplog.set_level("INFO")
    tell_of_level(dataclasses.replace(build, inputs={**build.inputs, "level": {"reference": scale}}), mean)
    (record,) = caplog.records
    assert record.levelname == level
    assert said in record.getMessage()
