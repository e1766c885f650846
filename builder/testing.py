"""The contracts of a build, for the environments, policies and functions of others to run as their own tests.

    from builder.testing import check_environment, check_policy

    def test_my_environment_is_fit_for_a_dataset():
        assert check_environment("my_package:Mine-v0") == ()

Each returns what it found, and raises where something would make a dataset wrong (`docs/checks.md`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle

from builder.checks.config import CheckConfig
from builder.checks.enjoy import enjoy_findings
from builder.checks.environment import actions_of, environment_findings, speed_finding
from builder.checks.finding import ONE_LANE, Finding, finding, raise_for_errors
from builder.checks.policy import policy_findings, seconds_per_action
from builder.composition import compose_mapping
from builder.dataset.columns import TABLES, present
from builder.dataset.schema import features
from builder.environments.behaviour import Chooser, random_actions
from builder.environments.masks import ASKED, GIVEN
from builder.errors import BuilderError, SpaceError
from builder.experts.actor import Player, pack
from builder.experts.policy import Experts, Policy
from builder.experts.sources.expert import Expert
from builder.experts.sources.load import load_expert
from builder.experts.sources.python import PythonPlayer
from builder.experts.sources.registered import policy_expert
from builder.pipeline.pairing import Found, find

__all__ = ["Finding", "check_enjoy", "check_environment", "check_policy"]


@dataclass(frozen=True)
class Checked:
    """What was checked, and what was found.

    Attributes:
        what: the environment, and who played it.
        findings: in the order of the checks.
    """

    what: str
    findings: tuple[Finding, ...]


def check_environment(env_id: str, **kwargs: Any) -> tuple[Finding, ...]:
    """Whether an environment repeats itself, forgets its past, gives what it declares, has columns.

    Args:
        env_id: a registered environment, or `module:Id`.
        **kwargs: what it is made with.

    Returns:
        Notes: what a build handles by itself, without the one of its speed.

    Raises:
        CheckError: something would make a dataset wrong; it holds all findings.
        BuilderError: the environment cannot be made.
    """
    return _fit(check(_config(env_id, kwargs)))


def check_policy(policy: Any, env_id: str, **kwargs: Any) -> tuple[Finding, ...]:
    """Whether a policy is a function of what it is given, in an environment.

    Args:
        policy: an object with `predict`, a factory of one, a `Policy`, or the name of an expert.
        env_id: the environment.
        **kwargs: what it is made with.

    Returns:
        Notes: what a build handles by itself, of the policy and of the environment.

    Raises:
        CheckError: something would make a dataset wrong; it holds all findings.
        BuilderError: the expert or the environment cannot be had.
    """
    known = Experts.get(policy) if isinstance(policy, str) else policy
    wanted = known if isinstance(known, Policy) else Policy(name=env_id, policy=known)
    return _fit(check(_config(env_id, kwargs), policy_expert(wanted.name, wanted)))


def check_enjoy(enjoy: Callable[..., bool], expert: str | Policy = "cartpole") -> tuple[Finding, ...]:
    """Whether an `enjoy` of one's own plays and records attempts that depend on their context alone.

    Args:
        enjoy: `enjoy(path=, context=, expert=) -> accepted`.
        expert: who plays what.

    Returns:
        Notes, of which there are none so far.

    Raises:
        CheckError: something would make a dataset wrong; it holds all findings.
    """
    policy = Experts.get(expert) if isinstance(expert, str) else expert
    found = tuple(enjoy_findings(enjoy, policy))
    raise_for_errors(found)
    return found


def check(config: CheckConfig, expert: Expert | None = None) -> Checked:
    """What an environment and an expert do that a build has to know.

    Args:
        config: who plays what.
        expert: instead of the configuration's.

    Raises:
        BuilderError: the expert or the environment cannot be had.
    """
    found = find(expert or load_expert(config.expert, config.rollout), config)
    what = f"{found.matched.spec.id}, played by {found.expert.name}"
    if found.matched.spec.masks == GIVEN:
        text = f"{found.expert.name} chooses among allowed actions, and {found.matched.spec.id} says of none"
        return Checked(what, (finding("no-masks", text),))
    try:
        for table in TABLES.values():
            features(present(table), found.spaces)
    except SpaceError as error:
        return Checked(what, (finding("no-columns", f"{found.matched.spec.id}: {error.what}"),))
    masks = found.matched.spec.masks
    findings, watched = environment_findings(
        found.matched.spec,
        _chooser(found),
        found.spaces,
        root_seed=config.seed,
        others=config.env.instances != "single",
        infinite=config.rollout.infinite == "record",
    )
    if masks:
        findings.append(finding("action-masks", f"{found.expert.name} is asked with {ASKED[masks]}"))
    if isinstance(found.player, PythonPlayer) and watched.observations:
        findings += policy_findings(found.player, found.spaces, watched.observations)
    if watched.expert_raised and all(item.severity == "note" for item in findings):
        findings.append(finding("raises", f"{found.expert.name}: {watched.expert_raised}"))
    if all(item.severity == "note" for item in findings):
        alone = any(item.remedy == ONE_LANE for item in findings)
        lanes = 1 if alone or config.env.instances == "single" else config.rollout.most_lanes
        seconds = seconds_per_action(_copied(found.player), found.spaces, watched.observations, lanes)
        findings.append(speed_finding(what, watched, seconds))
    return Checked(what, tuple(findings))


def _chooser(found: Found) -> Chooser:
    """The expert's actions; random ones where it cannot act, which is for the checks of the policy to say."""
    try:
        return actions_of(_copied(found.player).actor(*found.spaces), *found.spaces)
    except BuilderError:
        return random_actions(found.spaces.action)


def _copied(player: Player) -> Player:
    """A copy, so that the program's own object stays as it is."""
    copied: Player = cloudpickle.loads(pack(player))
    return copied


def _config(env_id: str, kwargs: dict[str, Any]) -> CheckConfig:
    config = compose_mapping(CheckConfig, "check", {"env": {"id": env_id}})
    return dataclasses.replace(config, env=dataclasses.replace(config.env, kwargs=kwargs))


def _fit(checked: Checked) -> tuple[Finding, ...]:
    raise_for_errors(checked.findings)
    return tuple(item for item in checked.findings if item.code != "speed")
