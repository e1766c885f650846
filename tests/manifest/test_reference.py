"""Which scores an environment's returns are measured by: of just this version, arguments and wrappers."""

import csv
import dataclasses
import json
from threading import Thread

import pytest

from builder.errors import DatasetError
from builder.manifest.reference import (
    PUBLISHED,
    VARIABLE,
    Measured,
    measured_reference,
    published_reference,
    reference_of,
    store_reference,
    stored_at,
)
from builder.manifest.scores import ReferenceScores

CARTPOLE = {"id": "CartPole-v1", "kwargs": {}, "max_episode_steps": 500}
MEASURED = Measured(
    environment=CARTPOLE,
    scores=ReferenceScores(22.5, 500.0, "measured", random_std=11.0, expert_std=0.0),
    expert={"name": "cartpole", "sha256": "0" * 64},
    episodes=100,
    seed=7,
    deterministic=True,
    packages={"gymnasium": "1.3.0"},
)
OTHERS = {
    "version": {"id": "CartPole-v0"},
    "arguments": {"kwargs": {"sutton_barto_reward": True}},
    "limit": {"max_episode_steps": 200},
    "wrappers": {"wrappers": [{"path": "ClipReward", "kwargs": {}}]},
    "preprocessing": {"preprocessing": {"frame_skip": 4}},
}


@pytest.fixture
def stored(tmp_path):
    return tmp_path / "below" / "references.json"


def rows():
    with PUBLISHED.open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_published_figure_is_without_its_source_its_limit_and_its_version():
    assert all(row["source"].startswith("d4rl/infos.py of Farama-Foundation/D4RL at ") for row in rows())
    assert all(int(row["max_episode_steps"]) > 0 for row in rows())
    assert {row["environment"].rpartition("-")[2] for row in rows()} == {"v0", "v1", "v2"}


def test_each_environment_is_published_once():
    names = [row["environment"] for row in rows()]
    assert names == sorted(set(names))


def test_published_figures_are_those_of_d4rl():
    found = {
        name: published_reference({"id": name, "kwargs": {}})
        for name in ("hopper-medium-v2", "Ant-v2", "pen-human-v1")
    }
    assert {name: (scores.random, scores.expert) for name, scores in found.items()} == {
        "hopper-medium-v2": (-20.272305, 3234.3),
        "Ant-v2": (-325.6, 3879.7),
        "pen-human-v1": (96.262799, 3076.8331017826877),
    }


@pytest.mark.parametrize("version", ["v3", "v4", "v5"])
@pytest.mark.parametrize("name", ["HalfCheetah", "Hopper", "Walker2d", "Ant"])
def test_published_figures_are_of_no_other_version(name, version, stored):
    environment = {"id": f"{name}-{version}", "kwargs": {}, "max_episode_steps": 1000}
    assert reference_of(environment, stored=stored) is None


@pytest.mark.parametrize(
    "changed", [{"kwargs": {"frame_skip": 1}}, {"max_episode_steps": 100}, OTHERS["wrappers"]]
)
def test_published_figures_are_of_the_environment_as_it_was_published(changed):
    plain = {"id": "Hopper-v2", "kwargs": {}, "max_episode_steps": 1000}
    assert published_reference(plain) is not None
    assert published_reference(plain | changed) is None


def test_a_reward_threshold_and_the_expert_s_own_threshold_are_no_reference(stored):
    assert reference_of(CARTPOLE, stored=stored) is None  # registered with 475, and conf/expert has 475 too


def test_nothing_is_known_of_no_environment(stored):
    assert reference_of(None, stored=stored) is None


def test_what_was_measured_is_found_again(stored):
    assert store_reference(MEASURED, stored=stored) == stored
    assert measured_reference(CARTPOLE, stored=stored) == MEASURED
    assert reference_of(CARTPOLE, stored=stored) == MEASURED.scores


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_what_was_measured_is_of_just_that_environment(other, stored):
    store_reference(MEASURED, stored=stored)
    assert reference_of(CARTPOLE | OTHERS[other], stored=stored) is None


def test_who_looks_on_and_what_draws_decide_no_score(stored):
    store_reference(MEASURED, stored=stored)
    watched = CARTPOLE | {
        "kwargs": {"render_mode": "rgb_array"},
        "drawn_by": "pygame",
        "mapping": {"zeros": 0},
    }
    assert reference_of(watched, stored=stored) == MEASURED.scores


def test_a_new_measurement_takes_the_place_of_the_old_and_of_no_other(stored):
    acrobot = dataclasses.replace(
        MEASURED, environment={"id": "Acrobot-v1", "kwargs": {}, "max_episode_steps": 500}
    )
    again = dataclasses.replace(MEASURED, seed=8)
    for measured in (MEASURED, acrobot, again):
        store_reference(measured, stored=stored)
    found = [measured_reference(entry.environment, stored=stored) for entry in (acrobot, again)]
    assert found == [acrobot, again]
    assert len(json.loads(stored.read_text())["references"]) == 2


def test_the_file_does_not_depend_on_the_order_of_measurements(tmp_path):
    acrobot = dataclasses.replace(
        MEASURED, environment={"id": "Acrobot-v1", "kwargs": {}, "max_episode_steps": 500}
    )
    written = []
    for name, order in (("a.json", [MEASURED, acrobot]), ("b.json", [acrobot, MEASURED])):
        for measured in order:
            store_reference(measured, stored=tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_nothing_but_the_file_is_left(stored):
    store_reference(MEASURED, stored=stored)
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"references": [{}]}', '{"references": [], "more": 1}'],
    ids=["cut", "list", "empty", "more"],
)
def test_a_damaged_file_is_named_with_what_helps(content, stored):
    stored.parent.mkdir()
    stored.write_text(content)
    with pytest.raises(
        DatasetError, match=r"references.json is not what il-builder reference has written.*remove it"
    ):
        reference_of(CARTPOLE, stored=stored)


def test_the_file_is_the_user_s_or_the_one_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert stored_at() == tmp_path / "il-builder" / "references.json"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.json"))
    assert stored_at() == tmp_path / "mine.json"


def test_whoever_comes_second_waits_and_loses_nothing(stored):
    acrobot = dataclasses.replace(
        MEASURED, environment={"id": "Acrobot-v1", "kwargs": {}, "max_episode_steps": 500}
    )
    threads = [
        Thread(target=store_reference, args=(each,), kwargs={"stored": stored})
        for each in (MEASURED, acrobot)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(stored.read_text())["references"]) == 2
