"""`expert=hub`: an agent of the Hub, pinned to a commit, whole or not at all, offline from the cache."""

import gymnasium as gym
import hub_clients
import pytest
from extras import huggingface_sb3
from folders import files
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from sweeps import case

from builder import load
from builder.errors import (
    ConfigError,
    ExpertError,
    HubAccessError,
    HubDamagedError,
    HubMissingError,
    HubUnreachableError,
)
from builder.experts.policy import BUNDLED
from builder.experts.sources.hub import HubSource, fetch_expert, is_inside

AGENT, NAME = "user/ppo-CartPole-v1", "ppo-CartPole-v1.zip"


ARCHIVE = (BUNDLED / "cartpole.zip").read_bytes()


RESULTS = b'{"mean_reward": 500.0, "std_reward": 0.0, "is_deterministic": true, "n_eval_episodes": 10}'


BUILD = {"expert": "hub", "expert.repo_id": AGENT, "env.id": "CartPole-v1", "episodes": 2}


@pytest.fixture
def agent(hub):
    """A repository as Stable-Baselines3's own are, with an older and a newer commit."""
    there = {NAME: ARCHIVE, "results.json": RESULTS, "README.md": b"# an agent\n"}
    repository = hub.store.add("model", AGENT, there)
    repository.tags["v1"] = repository.head.oid
    hub.store.write(repository, {"env_kwargs.yml": b"{}\n"})
    return repository


def test_the_name_of_the_archive_is_the_convention_of_huggingface_sb3(clients, agent):
    _, archive, beside, _ = clients(hub_clients.expert, AGENT)
    assert archive == clients(hub_clients.one_file, AGENT, NAME) == ARCHIVE
    assert beside == ["env_kwargs.yml", NAME, "results.json"]


def test_an_agent_without_a_revision_comes_by_load_from_hub_and_a_pinned_one_does_not(hub, clients, agent):
    huggingface_sb3()
    clients(hub_clients.expert, AGENT, agent.tags["v1"])
    assert not any("huggingface-sb3" in name for name in hub.agents)
    clients(hub_clients.expert, AGENT)
    assert any("huggingface-sb3" in name for name in hub.agents)


def test_algorithm_and_environment_name_an_agent_of_the_zoo(hub, clients, tmp_path):
    hub.store.add("model", f"sb3/{NAME[:-4]}", {NAME: ARCHIVE})
    config = {**BUILD, "expert.repo_id": None, "expert.algo": "ppo", "out": str(tmp_path / "x")}
    clients(hub_clients.build, **config)
    assert load(tmp_path / "x").manifest.inputs["expert"]["repo_id"] == f"sb3/{NAME[:-4]}"


def test_an_archive_in_another_case_is_found_and_the_repository_names_the_environment(hub, clients, tmp_path):
    there = {"cartpole-v1-PPO-medium.zip": ARCHIVE, "test.zip": b"not this one", "results.json": RESULTS}
    hub.store.add("model", "farama-minari/CartPole-v1-PPO-medium", there)
    config = {**BUILD, "expert.repo_id": "farama-minari/CartPole-v1-PPO-medium", "out": str(tmp_path / "x")}
    del config["env.id"]  # the repository's name says it
    clients(hub_clients.build, **config)
    inputs = load(tmp_path / "x").manifest.inputs
    assert inputs["environment"]["id"] == "CartPole-v1"
    assert inputs["expert"]["filename"] == "cartpole-v1-PPO-medium.zip"


def test_the_hub_says_how_large_an_agent_is_and_under_what_licence(clients, agent):
    size, licence = clients(hub_clients.facts, AGENT)
    assert (size, licence) == (len(ARCHIVE), None)


@pytest.mark.parametrize("revision", ["v1", "commit"])
def test_a_revision_is_pinned_to_its_commit(clients, agent, revision):
    first = agent.tags["v1"]
    found = clients(hub_clients.expert, AGENT, first if revision == "commit" else revision)
    assert (found[0], found[2]) == (first, [NAME, "results.json"])
    assert clients(hub_clients.expert, AGENT)[0] == agent.head.oid


def test_the_commit_and_the_sha256_of_the_archive_are_in_the_manifest(clients, agent, tmp_path):
    clients(hub_clients.build, **BUILD, out=str(tmp_path / "x"))
    expert = load(tmp_path / "x").manifest.inputs["expert"]
    assert (expert["repo_id"], expert["filename"], expert["commit"]) == (AGENT, NAME, agent.head.oid)
    assert expert["sha256"] == agent.head.files[NAME].sha256


def test_a_commit_in_the_cache_needs_no_network(hub, clients, agent):
    commit = clients(hub_clients.expert, AGENT)[0]
    hub.log.clear()
    assert clients(hub_clients.expert, AGENT, commit)[0] == commit
    assert hub.log == []


def test_a_hub_that_cannot_be_reached_leaves_the_expert_of_the_cache_and_says_so(hub, clients, agent):
    commit = clients(hub_clients.expert, AGENT)[0]
    hub.fault("drop")
    found = clients(hub_clients.expert, AGENT)
    assert found[:2] == (commit, ARCHIVE)
    assert f"the expert is that of the cache, of commit {commit[:12]}" in found[3]


def test_an_archive_without_what_lies_beside_it_is_not_taken_for_the_expert(hub, clients, agent):
    clients(hub_clients.one_file, AGENT, NAME)
    hub.fault("drop")
    for revision in (None, agent.head.oid):
        with pytest.raises(HubUnreachableError, match="once downloaded, the expert plays offline"):
            clients(hub_clients.expert, AGENT, revision)


@pytest.mark.parametrize(
    "fault", [("status", 500), ("status", 429), ("drop", 0), ("cut", 0), ("lost", 0)], ids=str
)
def test_an_expert_comes_where_one_request_in_three_fails(hub, clients, agent, fault):
    hub.fault(fault[0], status=fault[1], every=3)
    assert clients(hub_clients.expert, AGENT)[1] == ARCHIVE


def test_a_byte_that_is_flipped_on_the_way_is_fetched_again(hub, clients, agent):
    fault = hub.fault("flip", "GET /cdn/", times=1)
    assert clients(hub_clients.expert, AGENT)[1] == ARCHIVE
    assert fault.struck == 1


def test_an_archive_that_is_damaged_on_the_hub_is_refused(hub, clients, agent):
    hub.store.flip(agent, NAME)
    with pytest.raises(HubDamagedError, match=f"{NAME} of {AGENT} arrives damaged"):
        clients(hub_clients.expert, AGENT)


def test_an_archive_of_another_name_is_said(clients, agent):
    with pytest.raises(
        ExpertError, match=r"has no file agent.zip; got archives: ppo-CartPole-v1.zip; name its"
    ):
        clients(hub_clients.expert, AGENT, filename="agent.zip")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (None, HubMissingError, "the model user/other is not on the Hub, or it is private"),
        ({"private": True}, HubMissingError, "if it is private, log in"),
        ({"gated": True}, HubAccessError, "the model user/other is gated"),
    ],
)
def test_an_expert_that_cannot_be_had_is_named_with_its_remedy(hub, clients, options, error, message):
    if options:
        hub.store.add("model", "user/other", {"other.zip": ARCHIVE}, **options)
    with pytest.raises(error, match=message):
        clients(hub_clients.expert, "user/other")


def test_a_private_expert_comes_with_its_owners_token(clients, agent):
    agent.private = True
    assert clients(hub_clients.expert, AGENT, user="hf_writer")[1] == ARCHIVE


@pytest.mark.slow
def test_an_expert_of_the_hub_plays_the_same_episodes_offline(shell, agent, tmp_path):
    words = [f"{key}={value}" for key, value in BUILD.items()]
    online = shell(*words, "out=x")
    assert online.returncode == 0, online.stderr
    for more in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        offline = shell(*words, "out=y", "overwrite=true", "keep_chunks=false", **more)
        assert offline.returncode == 0, offline.stderr
        assert files(tmp_path / "x/data") == files(tmp_path / "y/data")


def test_the_best_model_of_a_log_folder_comes_with_its_statistics_also_offline(hub, clients, tmp_path):
    normaliser = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    normaliser.save(tmp_path / "vecnormalize.pkl")
    there = {
        "best_model.zip": ARCHIVE,
        "CartPole-v1/vecnormalize.pkl": (tmp_path / "vecnormalize.pkl").read_bytes(),
        "CartPole-v1/config.yml": b"normalize: true\n",
        "replay_buffer.pkl": b"much",
    }
    hub.store.add("model", "user/logs", there)
    config = {**BUILD, "expert.repo_id": "user/logs", "expert.filename": "best_model.zip", "threshold": 0}
    clients(hub_clients.build, **config, out=str(tmp_path / "x"))
    identity = load(tmp_path / "x").manifest.inputs["expert"]
    assert sorted(identity["beside"]) == ["config.yml", "vecnormalize.pkl"]
    assert identity["sees"]["normalised"]
    hub.fault("drop")
    clients(hub_clients.build, **config, out=str(tmp_path / "y"))
    assert load(tmp_path / "y").manifest.inputs["expert"] == identity


LEADING_OUT = [
    *(
        {"filename": "../../../x.zip"},
        {"filename": "/x.zip"},
        {"filename": "a//b.zip"},
        {"filename": "~/x.zip"},
    ),
    *(
        {"filename": "a\0b.zip"},
        {"filename": "..\\x.zip"},
        {"revision": "../../../../x"},
        {"revision": "/x"},
    ),
    *({"repo_id": "../x"}, {"repo_id": "a/b/c"}, {"repo_id": "a b"}, {"repo_id": ""}),
]


def test_a_name_that_leads_out_of_the_repository_is_refused_before_anything_is_opened():
    for given in LEADING_OUT:
        with case(given):
            names = {"repo_id": "user/name", "filename": None, "revision": None} | given
            with pytest.raises(ConfigError, match=r"leads out of the repository|is no repository"):
                fetch_expert(**names)


@pytest.mark.parametrize("name", ["refs/pr/1", "v1.0", "a-b/c.zip", "feature/x"])
def test_a_name_within_the_repository_is_one(name):
    assert is_inside(name)


@pytest.mark.parametrize("commit", ["main", "../../x", "ab" * 19, "", "AB" * 20])
def test_an_expert_of_a_manifest_is_at_a_commit(commit):
    identity = {"name": "x", "repo_id": "user/x", "filename": "x.zip", "sha256": "ab" * 32, "commit": commit}
    with pytest.raises(ValueError, match=r"expert\.commit"):
        HubSource().rebuilt(identity)
