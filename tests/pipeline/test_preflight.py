"""The first returns of a build are held against the published one before the long run."""

import shutil

import pytest
from agents import agent, start
from places import AGENTS

from builder import Controller
from builder.errors import BudgetError, ExpertError
from builder.experts.published import Published


def test_the_least_mean_is_the_published_one_less_four_standard_errors_and_six_percent():
    assert Published(100.0, 10.0).least_mean(20.0, 16) == 100 - 4 * 20 / 4 - 6
    assert Published(-100.0, 10.0).least_mean(0.0, 4) == -100 - 4 * 10 / 2 - 6


def test_an_expert_that_falls_short_is_an_error_with_both_figures(tmp_path):
    folder = agent(tmp_path / "a", mean_return=900.0, std_return=10.0)
    with pytest.raises(ExpertError, match=r"falls short.*published 900\.0 ± 10\.0.*got 500\.0 ± 0\.0"):
        start(tmp_path, folder)
    assert not (tmp_path / "x").exists()


def test_the_figure_is_told_with_where_it_stands_and_how_it_was_played(tmp_path):
    said = {"mean_reward": 900.0, "std_reward": 1.0, "n_eval_episodes": 20, "is_deterministic": True}
    with pytest.raises(ExpertError) as error:
        start(tmp_path, agent(tmp_path / "a", **said))
    expected = (
        "(published 900.0 ± 1.0 in published.json beside it, over 20 episodes, playing deterministically)"
    )
    assert expected in str(error.value)
    assert "its statistics or wrappers may be missing; expert.check=warn" in str(error.value)


@pytest.mark.slow
def test_the_likely_causes_are_told_in_their_order(tmp_path):
    with pytest.raises(ExpertError, match=r"may be missing; or the figure may be that of sampled actions"):
        start(tmp_path, agent(tmp_path / "a", mean_return=900.0, std_return=10.0))


def test_the_check_can_be_a_warning_or_off(tmp_path, caplog):
    folder = agent(tmp_path / "a", mean_return=900.0, std_return=10.0)
    start(tmp_path, folder, **{"expert.check": "off"})
    assert "falls short" not in caplog.text
    start(tmp_path, folder, seed=1, overwrite=True, **{"expert.check": "warn"})
    assert "falls short" in caplog.text


def test_an_expert_that_agrees_goes_on_and_its_acceptance_is_forecast(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = agent(tmp_path / "a", mean_reward=500.0, std_reward=0.0)
    start(tmp_path, folder, threshold=450)
    assert "mean return 500.0 of the first 10 attempts, published 500.0 ± 0.0" in caplog.text
    assert "about 100% of the attempts will be accepted: about 15 attempts for 15 episodes" in caplog.text


@pytest.mark.slow
def test_nothing_is_forecast_where_all_has_been_played(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = agent(tmp_path / "a", mean_reward=500.0, std_reward=0.0)
    start(tmp_path, folder, threshold=450, episodes=2)
    assert "mean return 500.0 of the first 2 attempts" in caplog.text
    assert "will be accepted" not in caplog.text


@pytest.mark.slow
def test_it_is_said_when_none_of_the_first_attempts_is_accepted(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = agent(tmp_path / "a", mean_reward=500.0, std_reward=0.0)
    with pytest.raises(BudgetError):
        start(tmp_path, folder, threshold=501, max_attempts=10, episodes=5)
    assert "none of the first 5 attempts was accepted" in caplog.text


@pytest.mark.slow
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
def test_where_the_archive_alone_says_that_it_was_normalised_its_first_returns_do_so_too(name, tmp_path):
    config = published_agent(name, tmp_path / "a", "vec_normalize.pkl", "config.yml")
    with pytest.raises(ExpertError, match="it holds _last_original_obs"):
        Controller().start({**config, "out": str(tmp_path / "x")})
    config["expert.vec_normalize"] = "none"
    with pytest.raises(ExpertError, match="falls short of its published return"):
        Controller().start({**config, "out": str(tmp_path / "x")})
