"""Experts that a program registered, and policies that it gives."""

import pytest
from configured import SHA256, Right, loaded

from builder.errors import ConfigError
from builder.experts.policy import Experts, Policy
from builder.experts.sources.registered import policy_expert


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


def test_a_policy_may_name_a_local_archive(copy):
    expert = policy_expert("mine", Policy("CartPole-v1", path=str(copy)))
    assert (expert.name, expert.identity["source"], expert.identity["version"]) == ("mine", "local", SHA256)
