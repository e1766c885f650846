"""`expert.source=registered`: a `Policy` that a program has given a name."""

from __future__ import annotations

import dataclasses

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ConfigError
from builder.experts.foreign import says
from builder.experts.policy import Experts, Policy
from builder.experts.sources.expert import NOT_PINNED, Expert, expert_of
from builder.experts.sources.hub import HubSource
from builder.experts.sources.local import LocalSource
from builder.experts.sources.python import PythonPlayer, PythonSource
from builder.experts.sources.random import RandomSource
from builder.experts.sources.source import Source, check_surroundings, said_beside

DEFAULT_ROLLOUT = RolloutConfig(lanes=1, deterministic=True, precision="float64", max_steps=None)


class RegisteredSource(Source):
    """Whatever the program registered under `expert.name`; its dataset names what stands behind it."""

    name = "registered"
    surrounded = True

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        said = {**said_beside(config), **({"action_masks": "none"} if config.action_masks else {})}
        policy = dataclasses.replace(Experts.get(config.name), **said)
        return policy_expert(config.name, policy, rollout)


def policy_expert(name: str, policy: Policy, rollout: RolloutConfig = DEFAULT_ROLLOUT) -> Expert:
    """The expert behind a `Policy` object.

    Raises:
        ConfigError: the policy names neither an archive nor an object.
        ExpertError: see `Source.load`.
    """
    if isinstance(policy.policy, str) and policy.policy == RandomSource.name:
        random = RandomSource()
        expert = random.load(_configuration(name, policy, random), rollout)
        return dataclasses.replace(expert, policy=policy)
    if policy.policy is not None:
        batched = policy.batched or says(policy.policy, "batched")
        player = PythonPlayer(
            policy.policy,
            batched=batched,
            stateless=policy.stateless or says(policy.policy, "stateless"),
            deterministic=rollout.deterministic,
        )
        version = policy.version or getattr(policy.policy, "version", None)
        identity = {"version": str(version) if version else NOT_PINNED, "batched": batched}
        config = _configuration(name, policy, PythonSource())
        check_surroundings(PythonSource(), config)
        expert = expert_of(config, identity, foreign=player)
        return dataclasses.replace(expert, policy=policy)
    if not policy.path and not policy.repo_id:
        raise ConfigError(f"the policy {name!r} names no expert", remedy="give repo_id=, path= or policy=")
    source = HubSource() if policy.repo_id else LocalSource()
    return source.load(_configuration(name, policy, source), rollout)


def _configuration(name: str, policy: Policy, source: Source) -> ExpertConfig:
    """What a program says in a `Policy`, as the command line would say it."""
    return ExpertConfig(
        name=name,
        source=source.name,
        path=policy.path,
        algo=policy.algorithm,
        batched=policy.batched,
        stateless=policy.stateless,
        version=policy.version,
        repo_id=policy.repo_id or None,
        filename=policy.filename or None,
        revision=policy.revision,
        env_id=policy.name,
        env_kwargs=dict(policy.env_kwargs),
        threshold=policy.threshold,
        vec_normalize=policy.vec_normalize,
        frame_stack=policy.frame_stack,
        action_masks=policy.action_masks,
    )
