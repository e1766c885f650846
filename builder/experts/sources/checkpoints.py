"""A folder of several archives: checkpoints of a training, each of which plays in its turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ConfigError, ExpertError, UnsupportedExpertError
from builder.experts.actor import Player
from builder.experts.mixture import MIXTURE, MixturePlayer
from builder.experts.sources.expert import Expert, Trained
from builder.experts.sources.files import archives_in, check_digest, expert_in_files
from builder.experts.sources.portable import PortableExpert
from builder.storage.digest import file_sha256

MOST = 1000
"""Checkpoints in a folder."""


@dataclass(frozen=True)
class Checkpoints:
    """Trained policies that play in turns: see `Trained`.

    Attributes:
        path: their folder.
        members: in the order of their names.
    """

    path: Path
    members: tuple[Trained, ...]

    @property
    def preprocessing(self) -> AtariPreprocessing | None:
        return self.members[0].preprocessing

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for member in self.members for note in member.notes))

    @property
    def readable(self) -> bool:
        return False

    def player(
        self,
        rollout: RolloutConfig,
        *,
        env_id: str,
        max_episode_steps: int | None,
        zeros: int = 0,
        preprocessed: bool = False,
    ) -> Player:
        played: dict[str, Any] = {"env_id": env_id, "max_episode_steps": max_episode_steps, "zeros": zeros}
        return MixturePlayer(
            tuple(member.player(rollout, **played, preprocessed=preprocessed) for member in self.members)
        )

    def portable(self) -> PortableExpert:
        raise UnsupportedExpertError(f"the checkpoints of {self.path.name} cannot be kept as one expert")


def is_mixture(path: Path) -> bool:
    """Whether several archives lie in a folder."""
    return len(archives_in(path)) > 1


def checkpoints(config: ExpertConfig, path: Path) -> Expert:
    """The mixture of all archives in a folder: attempt i is played by the i-th, counted round and round.

    Args:
        config: the expert's.
        path: the folder; what lies beside the archives is of each.

    Raises:
        ConfigError: trust, which is given to one archive.
        ExpertError: they do not play the same, are too many, or one cannot be read.
    """
    archives = archives_in(path)
    if config.trust_remote_code:
        raise ConfigError("checkpoints are read as data", remedy="leave expert.trust_remote_code out")
    if len(archives) > MOST:
        raise ExpertError(f"the folder {path}", expected=f"at most {MOST:,} archives", got=len(archives))
    own = dataclasses.replace(config, sha256=None)
    found = [expert_in_files(dataclasses.replace(own, path=str(archive)), archive) for archive in archives]
    for what, of in _ALIKE.items():
        _check_alike(path, what, [of(expert) for expert in found])
    digest = file_sha256(*archives)
    check_digest(config, path.name, digest)
    first = found[0]
    members = [
        {"name": archive.stem, "sha256": expert.identity["sha256"]}
        for archive, expert in zip(archives, found, strict=True)
    ]
    identity = {**first.identity, "algo": MIXTURE, "version": digest, "sha256": digest, "members": members}
    trained = Checkpoints(path, tuple(expert.trained for expert in found if expert.trained is not None))
    return dataclasses.replace(
        first,
        name=config.label,
        policy=dataclasses.replace(first.policy, path=str(path), algo=None),
        identity={**identity, "name": config.label},
        trained=trained,
        published=None,
        evidence=None,
    )


_ALIKE: dict[str, Callable[[Expert], Any]] = {
    "environment": lambda expert: (expert.policy.name, expert.policy.env_kwargs),
    "preprocessing": lambda expert: expert.preprocessing(),
    "wrappers": lambda expert: expert.identity.get("sees"),
    "masks": lambda expert: getattr(expert.trained, "masked", False),
}
"""What all checkpoints of a folder have in common."""


def _check_alike(path: Path, what: str, found: Sequence[Any]) -> None:
    if other := next((value for value in found if value != found[0]), None):
        raise ExpertError(
            f"the checkpoints in {path} do not have the same {what}",
            expected=found[0],
            got=other,
            remedy="name one archive in expert.path, or put others into a folder of their own",
        )
