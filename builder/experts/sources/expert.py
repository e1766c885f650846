"""`Expert`: one that was found, checked and read, whatever its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ExpertError
from builder.experts.actor import Player
from builder.experts.policy import Policy
from builder.experts.published import Evidence, Published
from builder.experts.sources.portable import PortableExpert

NOT_PINNED = "not pinned"
"""The version of an expert that nothing tells from another one."""


UNMASKED = "played without masks of the allowed actions, as expert.action_masks=none says"


def unmasked(identity: Mapping[str, Any]) -> bool:
    """Whether an expert that is asked with masks plays without them, since the user said so."""
    return identity.get("action_masks") is False


class Trained(Protocol):
    """A trained policy that was read from files: it knows its spaces, and what surrounded it in training."""

    @property
    def path(self) -> Path:
        """The file that holds it."""

    @property
    def preprocessing(self) -> AtariPreprocessing | None:
        """What training made of Atari's frames, where an environment can do it in the agent's place."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its dataset should know of it."""

    @property
    def readable(self) -> bool:
        """Whether it was read as data, so that it can be kept as data."""

    def player(
        self,
        rollout: RolloutConfig,
        *,
        env_id: str,
        max_episode_steps: int | None,
        zeros: int = 0,
        preprocessed: bool = False,
    ) -> Player:
        """How it plays in an environment.

        Args:
            rollout: how it shall act.
            env_id: the environment.
            max_episode_steps: its time limit.
            zeros: how many zeros the policy sees after each observation.
            preprocessed: the environment gives Atari's frames as the agent's training saw them, unstacked.

        Raises:
            UnsupportedExpertError: a wrapper cannot be had for this environment.
        """

    def portable(self) -> PortableExpert:
        """What of it is kept as data.

        Raises:
            UnsupportedExpertError: it was not read as data.
        """


@dataclass(frozen=True)
class Expert:
    """An expert that can play.

    Attributes:
        name: what the dataset calls it.
        policy: as the user's own `enjoy` gets it.
        identity: what the manifest holds of it.
        foreign: what workers make actors from, where it plays whatever environment it is given.
        trained: the trained policy otherwise, which plays where its spaces fit.
        published: its published return.
        evidence: where that stands.
        claimed: that it plays `policy.name` is said by nobody but a file that came with it.
        claimed_kwargs: what such a file says that its environment is made with.
        packages: which others than those of every build compute what it does.
    """

    name: str
    policy: Policy
    identity: dict[str, Any]
    foreign: Player | None = None
    trained: Trained | None = None
    published: Published | None = None
    evidence: Evidence | None = None
    claimed: bool = False
    claimed_kwargs: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

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
        """How it plays in an environment; see `Trained.player`."""
        if self.trained is not None:
            return self.trained.player(
                rollout,
                env_id=env_id,
                max_episode_steps=max_episode_steps,
                zeros=zeros,
                preprocessed=preprocessed,
            )
        if self.foreign is None:
            raise ExpertError(f"the expert {self.name!r} has nothing that plays")
        return self.foreign

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its dataset should know of it."""
        said = (UNMASKED,) if unmasked(self.identity) else ()
        return (*said, *(() if self.trained is None else self.trained.notes))

    def preprocessing(self, wanted: str | None = None) -> AtariPreprocessing | None:
        """What is made of Atari's frames before they are recorded and before the expert sees them.

        Args:
            wanted: "atari", "raw", or None for what the expert was trained behind.
        """
        if wanted == "raw":
            return None
        trained = None if self.trained is None else self.trained.preprocessing
        return trained or (AtariPreprocessing() if wanted == "atari" else None)


def expert_of(config: ExpertConfig, identity: Mapping[str, Any], **parts: Any) -> Expert:
    """The expert that a configuration describes.

    Args:
        config: the expert's.
        identity: what its source knows it by: its `version` at least.
        parts: fields of `Expert`.
    """
    policy = Policy(
        name=config.env_id or "",
        repo_id=config.repo_id or "",
        filename=config.filename or "",
        algo=config.algo,
        env_kwargs=config.env_kwargs,
        batched=config.batched,
        stateless=config.stateless,
        version=config.version,
        revision=config.revision,
        action_masks=config.action_masks,
    )
    published = evidence = None
    if config.mean_return is not None:
        published = Published(config.mean_return, config.std_return or 0.0)
        evidence = Evidence("expert.mean_return")
    known = {"name": config.label, "source": config.source, "algo": config.algo}
    said = {"action_masks": False} if config.action_masks else {}
    return Expert(
        config.label, policy, {**known, **identity, **said}, published=published, evidence=evidence, **parts
    )
