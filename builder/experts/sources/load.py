"""From a configured expert to one that can play: found, checked, read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ConfigError
from builder.experts.actor import Player, RandomPlayer
from builder.experts.policy import BUNDLED, Experts, Policy
from builder.experts.published import Published
from builder.experts.sources.python import PythonPlayer

NOT_PINNED = "not pinned"
DEFAULT_ROLLOUT = RolloutConfig(lanes=1, deterministic=True, precision="float64", max_steps=None)
NEEDS = {"python": "target", "local": "path", "bundled": "path", "hub": "repo_id"}


@dataclass(frozen=True)
class Expert:
    """An expert that can play.

    Attributes:
        name: what the dataset calls it.
        policy: as the user's own `enjoy` gets it.
        identity: what the manifest holds of it.
        foreign: what workers make actors from, where it does not come from an archive.
        archived: the archive that it comes from.
        published: its published return.
    """

    name: str
    policy: Policy
    identity: dict[str, Any]
    foreign: Player | None = None
    archived: Any = None
    published: Published | None = None

    @property
    def pinned(self) -> bool:
        """Whether the identity tells this expert from every other."""
        return bool(self.identity["version"] != NOT_PINNED)

    def player(
        self,
        rollout: RolloutConfig,
        *,
        env_id: str,
        max_episode_steps: int | None,
        zeros: int = 0,
        preprocessed: bool = False,
    ) -> Player:
        """How it plays in an environment; see `Archived.player`."""
        if self.foreign is not None:
            return self.foreign
        player: Player = self.archived.player(
            rollout,
            env_id=env_id,
            max_episode_steps=max_episode_steps,
            zeros=zeros,
            preprocessed=preprocessed,
        )
        return player

    def preprocessing(self, wanted: str | None = None) -> AtariPreprocessing | None:
        """What is made of Atari's frames before they are recorded and before the expert sees them.

        Args:
            wanted: "atari", "raw", or None for what the expert was trained behind.
        """
        if wanted == "raw":
            return None
        trained: AtariPreprocessing | None = None
        if self.archived is not None:
            trained = self.archived.companions.preprocessing
        return trained or (AtariPreprocessing() if wanted == "atari" else None)


def load_expert(config: ExpertConfig, rollout: RolloutConfig) -> Expert:
    """Find, check and read an expert.

    Args:
        config: the expert's.
        rollout: how it shall act.

    Raises:
        ConfigError: its source needs a key that is not given.
        ExpertError: its file is missing, is not the expected one, or cannot be read.
    """
    if config.source == "registered":
        return policy_expert(config.name, Experts.get(config.name), rollout)
    key = NEEDS.get(config.source)
    if key and not getattr(config, key):
        raise ConfigError(
            f"expert={config.source} needs expert.{key}", remedy=f"add expert.{key}=... to the command"
        )
    if config.source == "random":
        return _expert(config, {"version": "random"}, foreign=RandomPlayer())
    if config.source == "python":
        folder = str(Path.cwd())
        player = PythonPlayer(config.target, config.batched, rollout.deterministic, folder)
        version = config.version or NOT_PINNED
        identity = {"version": version, "target": config.target, "batched": config.batched}
        return _expert(config, identity, foreign=player)
    return _from_files(config)


def policy_expert(name: str, policy: Policy, rollout: RolloutConfig = DEFAULT_ROLLOUT) -> Expert:
    """The expert behind a `Policy` object.

    Raises:
        ConfigError: the policy names neither an archive nor an object.
        ExpertError: see `load_expert`.
    """
    config = ExpertConfig(
        name=name,
        source="python" if policy.policy is not None else "hub" if policy.repo_id else "local",
        path=policy.path,
        sha256=None,
        algo=policy.algorithm,
        target=None,
        batched=policy.batched,
        version=policy.version,
        repo_id=policy.repo_id or None,
        filename=policy.filename or None,
        revision=policy.revision,
        trust_remote_code=False,
        env_id=policy.name,
        env_kwargs=dict(policy.env_kwargs),
        threshold=policy.threshold,
        mean_return=None,
        std_return=None,
        check="warn",
        check_episodes=10,
    )
    if policy.policy is None:
        if not policy.path and not policy.repo_id:
            raise ConfigError(
                f"the policy {name!r} names no expert", remedy="give repo_id=, path= or policy="
            )
        return _from_files(config)
    player = PythonPlayer(policy.policy, policy.batched, rollout.deterministic)
    version = policy.version or getattr(policy.policy, "version", None)
    identity = {"version": str(version) if version else NOT_PINNED, "batched": policy.batched}
    return dataclasses.replace(_expert(config, identity, foreign=player), policy=policy)


def _from_files(config: ExpertConfig) -> Expert:
    from builder.experts.sources.files import read_archived

    where: dict[str, Any] = {}
    if config.source == "hub":
        from builder.experts.sources.hub import fetch_expert

        fetched = fetch_expert(str(config.repo_id), config.filename, config.revision)
        path = fetched.archive
        where = {"repo_id": config.repo_id, "filename": fetched.filename, "commit": fetched.commit}
    elif config.source == "bundled":
        path = BUNDLED / str(config.path)
    else:
        path = Path(str(config.path)).expanduser()
    archived = read_archived(config, path)
    expert = _expert(config, {"algo": archived.algo, **where, **archived.identity}, archived=archived)
    companions = archived.companions
    policy = dataclasses.replace(
        expert.policy,
        path=str(archived.path),
        name=config.env_id or companions.env_id or "",
        env_kwargs={**companions.env_kwargs, **config.env_kwargs},
    )
    return dataclasses.replace(expert, policy=policy, published=expert.published or archived.published)


def _expert(config: ExpertConfig, identity: dict[str, Any], **parts: Any) -> Expert:
    policy = Policy(
        name=config.env_id or "",
        repo_id=config.repo_id or "",
        filename=config.filename or "",
        threshold=config.threshold,
        algo=config.algo,
        env_kwargs=config.env_kwargs,
        batched=config.batched,
        version=config.version,
        revision=config.revision,
    )
    published = None
    if config.mean_return is not None:
        published = Published(config.mean_return, config.std_return or 0.0)
    known = {"name": config.label, "source": config.source, "algo": config.algo}
    return Expert(config.label, policy, {**known, **identity}, published=published, **parts)
