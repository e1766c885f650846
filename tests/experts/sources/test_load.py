"""From a configured expert to one that can play: python, random, local, bundled and registered ones."""

import pytest
from configured import CARTPOLE, SHA256, Right, first_action, loaded, player_of

from builder.errors import ConfigError
from builder.experts.actor import RandomPlayer
from builder.experts.policy import Experts, Policy
from builder.experts.sources.registered import policy_expert


def test_a_random_expert_needs_nothing():
    expert = loaded("random")
    assert player_of(expert) == RandomPlayer()
    assert expert.identity == {"name": "random", "source": "random", "algo": None, "version": "random"}
    assert expert.pinned


def test_a_registered_expert_is_the_policy_that_the_program_registered(monkeypatch):
    policy = Policy("CartPole-v1", policy=Right, version="1")
    monkeypatch.setitem(Experts._registered, "mine", policy)
    expert = loaded("registered")
    assert (expert.name, expert.policy, expert.identity["version"]) == ("mine", policy, "1")


def test_an_expert_that_nobody_registered_is_an_error():
    with pytest.raises(ConfigError, match="there is no expert 'nobodys'"):
        loaded("registered", name="nobodys")


def test_a_policy_without_any_expert_is_refused():
    with pytest.raises(ConfigError) as caught:
        policy_expert("mine", Policy("CartPole-v1"))
    assert str(caught.value) == "the policy 'mine' names no expert; give repo_id=, path= or policy="


def test_a_bundled_expert_is_named_by_its_archives_sha256():
    expert = loaded("cartpole")
    assert expert.identity == {
        "name": "cartpole",
        "source": "bundled",
        "algo": "PPO",
        "version": SHA256,
        "sha256": SHA256,
    }
    assert expert.policy.path == str(CARTPOLE)
    assert first_action(player_of(expert)) == 1


def test_a_policy_may_name_a_local_archive(copy):
    expert = policy_expert("mine", Policy("CartPole-v1", path=str(copy)))
    assert (expert.name, expert.identity["source"], expert.identity["version"]) == ("mine", "local", SHA256)


@pytest.mark.parametrize(("source", "key"), [("local", "path"), ("hub", "repo_id")])
def test_a_source_without_its_key_is_refused(source, key):
    with pytest.raises(ConfigError) as caught:
        loaded(source)
    assert str(caught.value) == f"expert={source} needs expert.{key}; add expert.{key}=... to the command"
