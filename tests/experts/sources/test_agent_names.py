"""Names of agents on the Hub: huggingface_sb3's, with and without it."""

import sys

import pytest
from extras import huggingface_sb3
from sweeps import case

from builder.composition import build_config
from builder.config import EnvConfig, ExpertConfig
from builder.errors import ConfigError
from builder.experts.sources.agent_names import archive_name, environment_of, repository_of, with_repository
from builder.experts.sources.hub import HubSource

NAMES = {
    "CartPole-v1": "sb3/ppo-CartPole-v1",
    "ALE/Pong-v5": "sb3/ppo-ALE-Pong-v5",
    "my_package:My-v0": "sb3/ppo-My-v0",
}


@pytest.fixture(params=["with", "without"])
def _extra(request, monkeypatch):
    if request.param == "with":
        huggingface_sb3()
    else:
        monkeypatch.setitem(sys.modules, "huggingface_sb3", None)  # its import fails


@pytest.mark.usefixtures("_extra")
def test_an_agent_is_called_by_its_algorithm_and_environment():
    for env_id, name in NAMES.items():
        with case(env_id):
            assert repository_of("ppo", env_id) == name


def test_an_archive_is_called_as_its_repository():
    assert archive_name("sb3/ppo-CartPole-v1") == "ppo-CartPole-v1.zip"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["test.zip", "hopper-v5-SAC-expert.zip"], "hopper-v5-SAC-expert.zip"),
        (["Hopper-v5-SAC-expert.zip", "hopper-v5-sac-expert.zip"], "Hopper-v5-SAC-expert.zip"),
        (["hopper-v5-sac-expert.zip", "HOPPER-v5-sac-expert.zip"], "Hopper-v5-SAC-expert.zip"),  # not there
        (["test.zip", "logs/hopper-v5-SAC-expert.zip"], "Hopper-v5-SAC-expert.zip"),  # likewise
    ],
    ids=["one", "exact", "two", "deeper"],
)
def test_an_archive_of_another_case_is_taken_where_it_is_the_only_one(files, name):
    assert archive_name("farama-minari/Hopper-v5-SAC-expert", files) == name


@pytest.mark.parametrize(
    ("repo_id", "env_id"),
    [
        ("farama-minari/HalfCheetah-v5-TQC-medium", "HalfCheetah-v5"),
        ("sb3/ppo-CartPole-v1", "CartPole-v1"),
        ("me/my-agent", None),
        ("me/ppo-Unheard-v9", None),
        ("me/ppo-os.system-v1", None),
    ],
)
def test_a_repository_names_an_environment_that_is_registered(repo_id, env_id):
    assert environment_of(repo_id) == env_id


@pytest.mark.parametrize(
    "expert",
    [
        ExpertConfig("hub", "hub", algo="ppo", repo_id="user/mine"),
        ExpertConfig("hub", "hub"),
        ExpertConfig("x", "local", algo="ppo"),
    ],
    ids=["named", "no algorithm", "another source"],
)
def test_only_an_agent_of_the_hub_that_is_not_named_gets_a_name(expert):
    assert with_repository(expert, EnvConfig("CartPole-v1", {}, None)) is expert


def test_the_environment_that_an_expert_states_names_it_too():
    expert = ExpertConfig("hub", "hub", algo="dqn", env_id="CartPole-v1")
    assert with_repository(expert, EnvConfig(None, {}, None)).repo_id == "sb3/dqn-CartPole-v1"


def test_an_id_that_gives_no_name_is_an_error():
    huggingface_sb3()
    expert = ExpertConfig("hub", "hub", algo="ppo")
    with pytest.raises(ConfigError, match=r"more than one colon.*expert\.repo_id=user/name"):
        with_repository(expert, EnvConfig("a:b:c", {}, None))


def test_a_command_gives_the_name_and_the_folder():
    config = build_config(["expert=hub", "expert.algo=ppo", "env.id=CartPole-v1"])
    assert config.expert.repo_id == "sb3/ppo-CartPole-v1"
    assert config.out.name == "ppo-CartPole-v1"


def test_an_agent_without_any_name_says_both_ways():
    with pytest.raises(ConfigError, match=r"expert\.repo_id=user/name, or expert\.algo=ppo and env\.id="):
        HubSource().check(ExpertConfig("hub", "hub"))
