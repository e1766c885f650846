"""The first returns of a build are held against the published one before the long run."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from places import AGENTS

from builder import Controller, load
from builder.composition import build_config
from builder.errors import ArchiveError, BudgetError, ConfigError, ExpertError, UnsafeArchiveError
from builder.experts.policy import BUNDLED
from builder.experts.published import Published, read_published
from builder.pipeline.preflight import check_returns
from builder.pipeline.prepare import prepare


def agent(folder, **published):
    folder.mkdir()
    shutil.copy(BUNDLED / "cartpole.zip", folder / "ppo-CartPole-v1.zip")
    if published:
        (folder / "published.json").write_text(json.dumps(published))
    return folder


def start(tmp_path, folder, **config):
    base = {"expert": "local", "expert.path": str(folder), "env.id": "CartPole-v1", "episodes": 15}
    return Controller().start({**base, "out": str(tmp_path / "x"), **config})


def test_the_least_mean_is_the_published_one_less_four_standard_errors_and_six_percent():
    assert Published(100.0, 10.0).least_mean(20.0, 16) == 100 - 4 * 20 / 4 - 6
    assert Published(-100.0, 10.0).least_mean(0.0, 4) == -100 - 4 * 10 / 2 - 6


def test_an_expert_that_falls_short_is_an_error_with_both_figures(tmp_path):
    folder = agent(tmp_path / "a", mean_return=900.0, std_return=10.0)
    with pytest.raises(ExpertError, match=r"falls short.*published 900\.0 ± 10\.0.*got 500\.0 ± 0\.0"):
        start(tmp_path, folder)
    assert not (tmp_path / "x").exists()


def test_the_check_can_be_a_warning_or_off(tmp_path, caplog):
    folder = agent(tmp_path / "a", mean_return=900.0, std_return=10.0)
    start(tmp_path, folder, **{"expert.check": "off"})
    assert "falls short" not in caplog.text
    start(tmp_path, folder, seed=1, overwrite=True, **{"expert.check": "warn"})
    assert "falls short" in caplog.text


@pytest.mark.parametrize(
    ("env_id", "said", "played", "remedy"),
    [
        ("CartPole-v1", {}, True, "its statistics or wrappers may be missing"),
        ("CartPole-v1", {"is_deterministic": True}, True, "its statistics or wrappers may be missing"),
        ("CartPole-v1", {"is_deterministic": False}, True, "give rollout.deterministic=false"),
        ("CartPole-v1", {"is_deterministic": True}, False, "give rollout.deterministic=true"),
        ("PongNoFrameskip-v4", {}, True, "give rollout.deterministic=false"),
        ("PongNoFrameskip-v4", {"is_deterministic": True}, True, "its statistics or wrappers may be missing"),
    ],
)
def test_a_return_that_was_published_of_the_stochastic_policy_is_said(tmp_path, env_id, said, played, remedy):
    folder = agent(tmp_path / "a", mean_reward=900.0, std_reward=10.0, **said)
    overrides = [f"expert.path={folder}", "env.id=CartPole-v1", f"rollout.deterministic={played}"]
    build = prepare(build_config(["expert=local", *overrides]))
    policy = dataclasses.replace(build.expert.policy, name=env_id)
    build = dataclasses.replace(build, expert=dataclasses.replace(build.expert, policy=policy))
    with pytest.raises(ExpertError, match=remedy):
        check_returns(build, np.full(10, 500.0))


NO_RETURNS = [
    *("", "[]", "{}", "3", "[" * 100_000, '{"mean_reward": null}', '{"mean_reward": NaN}'),
    *('{"mean_return": 1e999}', '{"mean_return": "x"}', '{"mean_reward": ' + "9" * 400 + "}"),
    '{"mean_reward": 1, "std_reward": -1}',
]


@pytest.mark.parametrize("name", ["results.json", "published.json"])
def test_a_published_return_that_is_none_is_an_error(tmp_path, name):
    for content in NO_RETURNS:
        (tmp_path / name).write_text(content)
        with pytest.raises(ArchiveError, match=f"{name} beside the expert is damaged"):
            read_published(tmp_path)


def test_a_module_that_only_a_file_beside_the_archive_names_is_not_imported(tmp_path, monkeypatch):
    folder = agent(tmp_path / "a")
    (tmp_path / "an_attack.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'marker')!r})")
    monkeypatch.syspath_prepend(tmp_path)
    (folder / "args.yml").write_text("env: an_attack:CartPole-v1")
    with pytest.raises(UnsafeArchiveError, match="'an_attack:CartPole-v1', which would import a module"):
        start(tmp_path, folder, **{"env.id": None})
    assert not (tmp_path / "marker").exists()
    start(tmp_path, folder, **{"env.id": "an_attack:CartPole-v1"})  # the user's own word
    assert (tmp_path / "marker").exists()


def test_an_expert_that_agrees_goes_on_and_its_acceptance_is_forecast(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = agent(tmp_path / "a", mean_reward=500.0, std_reward=0.0)
    start(tmp_path, folder, threshold=450)
    assert "mean return 500.0 of the first 10 attempts, published 500.0 ± 0.0" in caplog.text
    assert "about 100% of the attempts will be accepted: about 15 attempts for 15 episodes" in caplog.text


def test_it_is_said_when_none_of_the_first_attempts_is_accepted(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = agent(tmp_path / "a", mean_reward=500.0, std_reward=0.0)
    with pytest.raises(BudgetError):
        start(tmp_path, folder, threshold=501, max_attempts=10, episodes=5)
    assert "none of the first 5 attempts was accepted" in caplog.text


def test_the_check_changes_no_byte(tmp_path):
    checked = start(tmp_path, agent(tmp_path / "a", mean_return=500.0, std_return=0.0))
    unchecked = Controller().start(
        {
            "expert": "local",
            "expert.path": str(tmp_path / "a"),
            "env.id": "CartPole-v1",
            "episodes": 15,
            "out": str(tmp_path / "y"),
            "expert.check": "off",
        }
    )
    assert checked.manifest.fingerprint == unchecked.manifest.fingerprint


def test_a_local_expert_is_called_as_its_file(tmp_path):
    start(tmp_path, agent(tmp_path / "a"))
    assert set(load(tmp_path / "x").episode_table["policy"]) == {"a"}


def test_a_sha256_that_is_given_is_enforced(tmp_path):
    with pytest.raises(ExpertError, match="is not the expert that was asked for; expected sha256 abab"):
        start(tmp_path, agent(tmp_path / "a"), **{"expert.sha256": "ab" * 32})


def test_the_weights_can_go_with_the_dataset_and_play_alike(tmp_path):
    start(tmp_path, agent(tmp_path / "a"), **{"dataset.include_expert": True})
    assert "expert/expert.json" in load(tmp_path / "x").manifest.files
    again = Controller().start(
        {
            "expert": "local",
            "expert.path": str(tmp_path / "x/expert"),
            "env.id": "CartPole-v1",
            "episodes": 15,
            "out": str(tmp_path / "y"),
        }
    )
    ours, theirs = load(tmp_path / "x").arrays(), load(again.out).arrays()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_dataset_is_built_again_from_the_expert_inside_it(tmp_path):
    folder = agent(tmp_path / "a")
    first = start(tmp_path, folder, **{"dataset.include_expert": True}).manifest
    shutil.rmtree(folder)
    again = Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
    assert again.manifest == first  # with the archive that it came from, and the expert in it once more


def test_an_expert_that_was_changed_inside_its_dataset_does_not_stand_for_the_archive(tmp_path):
    start(tmp_path, agent(tmp_path / "a"), **{"dataset.include_expert": True})
    description = tmp_path / "x/expert/expert.json"
    description.write_text(description.read_text().replace('"sha256"', '"SHA256"'))
    with pytest.raises(ConfigError, match="does not say where the archive"):
        Controller().start({"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")})
    config = {"manifest": str(tmp_path / "x"), "out": str(tmp_path / "y")}
    with pytest.raises(ExpertError, match="is not the expert that was asked for"):
        Controller().start({**config, "expert.path": str(tmp_path / "x/expert")})


NORMALISED = ["a2c-HalfCheetah-v3", "trpo-Hopper-v3", "ppo-Swimmer-v3", "trpo-Ant-v3"]
needs_agents = pytest.mark.skipif(not AGENTS.is_dir(), reason="the published agents are not here")


def published_agent(name, folder, *without):
    folder.mkdir()
    for path in (AGENTS / name).iterdir():
        if path.name not in without:
            shutil.copyfile(path, folder / path.name)
    return {"expert": "local", "episodes": 10, "expert.path": str(folder), "env.id": name.split("-", 1)[1]}


@pytest.mark.slow
@needs_agents
@pytest.mark.parametrize("name", NORMALISED)
def test_a_normalised_expert_reaches_its_published_return(name, tmp_path):
    Controller().start({**published_agent(name, tmp_path / "a"), "out": str(tmp_path / "x")})


@needs_agents
@pytest.mark.parametrize("name", NORMALISED)
def test_a_normalised_expert_without_its_statistics_is_refused_by_name(name, tmp_path):
    config = published_agent(name, tmp_path / "a", "vec_normalize.pkl")
    with pytest.raises(
        ExpertError, match=r"normalised observations \(.* says so\), but their statistics are missing"
    ):
        Controller().start({**config, "out": str(tmp_path / "x")})


@pytest.mark.slow
@needs_agents
@pytest.mark.parametrize("name", [name for name in NORMALISED if name != "ppo-Swimmer-v3"])
def test_where_nothing_says_that_it_was_normalised_its_first_returns_do(name, tmp_path):
    config = published_agent(name, tmp_path / "a", "vec_normalize.pkl", "config.yml")
    with pytest.raises(ExpertError, match="falls short of its published return"):
        Controller().start({**config, "out": str(tmp_path / "x")})
