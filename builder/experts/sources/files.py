"""An expert that lies in files: the archive, what is beside it, and how it plays in an environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.errors import ArchiveError, ConfigError, ExpertError, UnsupportedExpertError
from builder.experts.actor import Player
from builder.experts.archive.agent import MASKABLE, Agent, read_agent
from builder.experts.archive.training import read_training
from builder.experts.network_player import NetworkPlayer
from builder.experts.observations.frame_stack import PictureStack
from builder.experts.observations.transforms import Normalisation, Zeros
from builder.experts.observations.wrapped_policy import PolicyView
from builder.experts.observations.wrappers import TrainedOn, repeats_first
from builder.experts.published import RESULT_FILES, Published, evidence_in, read_published
from builder.experts.sources.agent_names import environment_of
from builder.experts.sources.expert import Expert, expert_of
from builder.experts.sources.portable import DESCRIPTION, WEIGHTS, PortableExpert, read_portable
from builder.experts.sources.sb3_loader import TrustedPlayer, say_trusted
from builder.experts.sources.source import STATISTICS, algorithm, said_beside
from builder.experts.sources.statistics_files import NONE, files_beside
from builder.experts.sources.zoo_files import ZOO_FILES, Beside, Companions, read_beside
from builder.storage.digest import file_sha256
from builder.storage.limits import ARCHIVE_BYTES, EXPERT_BYTES, WEIGHTS_BYTES
from builder.storage.paths import expanded
from builder.storage.plain_json import check_size

OF_OLD = "trained with action masks; played without them"
"""What version 0.1.0 noted of MaskablePPO, also in experts that it kept; it is so no more."""
_HINT = "layers and tensors of another framework are played by expert=weights"
_NO_ARCHIVES = frozenset({"train_eval_metrics.zip"})
"""What a repository of RL Baselines3 Zoo holds beside its agent."""


@dataclass(frozen=True)
class Archived:
    """A trained policy that was read from an archive.

    Attributes:
        path: the archive.
        sha256: of it.
        agent: what was read from it; None where only Stable-Baselines3's own loader shall read it.
        companions: what the files beside it say.
        published: its published return, if a file beside it has one.
        algo: the algorithm.
        origin: the identity of the archive that a portable expert comes from.
        beside: the sha256 of each file beside it that was read, by its name.
        said: what the configuration says that is beside it, where it does; for the manifest.
    """

    path: Path
    sha256: str
    agent: Agent | None
    companions: Companions
    published: Published | None
    algo: str | None
    origin: dict[str, Any] | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)

    def player(
        self,
        rollout: RolloutConfig,
        *,
        env_id: str,
        max_episode_steps: int | None,
        zeros: int = 0,
        preprocessed: bool = False,
    ) -> Player:
        view = self.view(
            env_id=env_id, max_episode_steps=max_episode_steps, zeros=zeros, preprocessed=preprocessed
        )
        if self.agent is None:
            archive = self.path.resolve()
            return TrustedPlayer(
                archive,
                str(self.algo),
                view,
                str(Path.cwd()),
                deterministic=rollout.deterministic,
            )
        return NetworkPlayer(
            self.agent.network, rollout.deterministic, rollout.precision, view, masked=self.masked
        )

    def view(
        self, *, env_id: str, max_episode_steps: int | None, zeros: int = 0, preprocessed: bool = False
    ) -> PolicyView | None:
        """What it sees of an environment; the arguments are those of `player`. None: what is observed.

        Raises:
            UnsupportedExpertError: a wrapper cannot be had for this environment.
        """
        if preprocessed:
            stack = PictureStack(self._frames, repeats_first(self.companions.wrappers))
            statistics = self.companions.statistics  # of what is stacked
            normalised = () if statistics is None else (Normalisation(statistics),)
            view: PolicyView | None = PolicyView(decisions=(stack, *normalised))
        else:
            view = self.companions.view(
                env_id=env_id, max_episode_steps=max_episode_steps, trained=self._trained_on
            )
        if zeros:
            view = view or PolicyView()
            view = dataclasses.replace(view, every_step=(Zeros(zeros), *view.every_step))
        return view

    @property
    def masked(self) -> bool:
        """Whether it was trained to choose among the actions that a mask allows."""
        return self.algo == MASKABLE

    @property
    def preprocessing(self) -> AtariPreprocessing | None:
        return self.companions.preprocessing

    @property
    def notes(self) -> tuple[str, ...]:
        own = self.agent.notes if self.agent else ()
        return (*(note for note in own if note != OF_OLD), *self.companions.notes)

    @property
    def readable(self) -> bool:
        return self.agent is not None

    def portable(self) -> PortableExpert:
        if self.agent is None:
            raise UnsupportedExpertError(
                f"{self.path.name} was loaded by Stable-Baselines3 itself, so it cannot be kept as data"
            )
        origin = {"algo": self.algo, **self.identity}
        return PortableExpert(self.agent, self.companions, self.published, self.origin or origin)

    @property
    def _trained_on(self) -> gym.Space[Any] | None:
        """What the policy saw in the end, if that can be read."""
        return (
            read_training(self.path).observation_space if self.agent is None else self.agent.observation_space
        )

    @property
    def _frames(self) -> int:
        """How many pictures the policy sees: its network tells, also where no file beside it does."""
        space = self._trained_on
        if isinstance(space, gym.spaces.Box) and len(space.shape) == 3:
            return int(space.shape[0])
        return self.companions.frame_stack

    @property
    def identity(self) -> dict[str, Any]:
        """What the manifest holds of it: its sha256, and that of what else decides its actions."""
        wrappers = (*TrainedOn(self.companions.env_id, None).wrappers, *self.companions.wrappers)
        seen = {
            "wrappers": [wrapper.name for wrapper in wrappers],
            "frame_stack": self.companions.frame_stack,
            "normalised": self.companions.statistics is not None,
        }
        plain = {"wrappers": [], "frame_stack": 1, "normalised": False}
        return {
            "version": self.sha256,
            "sha256": self.sha256,
            **({"beside": dict(self.beside)} if self.beside else {}),
            **({"sees": seen} if seen != plain else {}),
            **self.said,
            **({"trust_remote_code": True} if self.agent is None else {}),
            **({"origin": self.origin} if self.origin else {}),
        }


def read_archived(config: ExpertConfig, path: Path, *, surrounded: bool = True) -> Archived:
    """Read an archive and what lies beside it.

    Args:
        config: the expert's; a sha256 given is enforced.
        path: the archive, or the folder that holds one.
        surrounded: whether what lies beside it is its own.

    Raises:
        ExpertError: it is missing, is not the expected one, or cannot be read.
    """
    archive = _archive(path, config.name)
    digest = _digest(archive, trusted=config.trust_remote_code)
    check_digest(config, archive.name, digest)
    if archive.name == DESCRIPTION:
        _refuse_what_is_kept(config)
        kept = read_portable(archive.parent)
        return Archived(
            archive, digest, kept.agent, kept.companions, kept.published, kept.agent.algorithm, kept.origin
        )
    beside = _beside(config, archive) if surrounded else Beside(Companions(), {})
    if config.trust_remote_code:
        say_trusted(archive)
        agent, algo = None, config.algo or read_training(archive).algorithm or _named_algorithm(archive)
    else:
        agent = _read(archive)
        algo = agent.algorithm
    return Archived(
        archive,
        digest,
        agent,
        beside.companions,
        read_published(archive.parent),
        algo,
        beside=beside.hashes,
        said=_said(config),
    )


def check_digest(config: ExpertConfig, name: str, digest: str) -> None:
    """Refuse a file that is not the one that the configuration says, where it does.

    Raises:
        ExpertError: it is another one.
    """
    if config.sha256 and config.sha256.lower() != digest:
        raise ExpertError(
            f"{name} is not the expert that was asked for",
            expected=f"sha256 {config.sha256}",
            got=digest,
            remedy="fetch it again, or state its new sha256 in expert.sha256",
        )


def _beside(config: ExpertConfig, archive: Path) -> Beside:
    return read_beside(archive, vec_normalize=config.vec_normalize, frame_stack=config.frame_stack)


def _refuse_what_is_kept(config: ExpertConfig) -> None:
    for key in said_beside(config):
        raise ConfigError(
            f"expert.{key} cannot change an expert that was kept as data",
            remedy=f"leave it out; or keep the expert again, with expert.{key}",
        )


def _said(config: ExpertConfig) -> dict[str, Any]:
    """What the user says of the archive's surroundings, as the manifest has it: no path."""
    said = said_beside(config)
    if said.get("vec_normalize", NONE) != NONE:
        said["vec_normalize"] = Path(said["vec_normalize"]).name
    return said


def _named_algorithm(archive: Path) -> str:
    """The algorithm by the zoo's way of naming archives: `ppo-CartPole-v1.zip`."""
    return archive.stem.partition("-")[0].upper()


def _read(archive: Path) -> Agent:
    try:
        return read_agent(archive)
    except UnsupportedExpertError as error:
        error.remedy = error.remedy or (
            "if you trust its author, expert.trust_remote_code=true loads it with Stable-Baselines3 itself"
        )
        raise


def expert_in_files(
    config: ExpertConfig,
    path: Path,
    *,
    known_as: Mapping[str, Any] | None = None,
    surrounded: bool = True,
) -> Expert:
    """The expert that lies in an archive.

    Args:
        config: the expert's.
        path: the archive, or the folder that holds one.
        known_as: what else identifies it.
        surrounded: whether what lies beside it is its own.

    Raises:
        ExpertError: it is missing, is not the expected one, or cannot be read.
    """
    return expert_of_archived(config, read_archived(config, path, surrounded=surrounded), known_as=known_as)


def expert_of_archived(
    config: ExpertConfig, archived: Archived, *, known_as: Mapping[str, Any] | None = None
) -> Expert:
    """The expert that was read from files.

    Args:
        config: the expert's.
        archived: what was read.
        known_as: what else identifies it.
    """
    identity = {"algo": archived.algo, **(known_as or {}), **archived.identity}
    companions = archived.companions
    claimed = {name: value for name, value in companions.env_kwargs.items() if name not in config.env_kwargs}
    expert = expert_of(config, identity, trained=archived, claimed=not config.env_id, claimed_kwargs=claimed)
    policy = dataclasses.replace(
        expert.policy,
        path=str(archived.path),
        name=config.env_id or companions.env_id or _named_environment(known_as),
        env_kwargs={**companions.env_kwargs, **config.env_kwargs},
    )
    if expert.published or not archived.published:
        return dataclasses.replace(expert, policy=policy)
    evidence = evidence_in(archived.path.parent)
    return dataclasses.replace(expert, policy=policy, published=archived.published, evidence=evidence)


def _named_environment(known_as: Mapping[str, Any] | None) -> str:
    """The environment by the name of the repository, where nothing else says it."""
    return environment_of(str((known_as or {}).get("repo_id", ""))) or ""


def archive_files(path: Path, *, vec_normalize: str | None = None) -> list[Path]:
    """All files that decide what the expert in an archive is, or might: it, and what may lie beside it.

    Args:
        path: the archive, or the folder that holds one.
        vec_normalize: where its statistics lie, if that was said.
    """
    archive = _archive(path, "")
    given = [] if vec_normalize in (None, NONE) else [expanded(str(vec_normalize))]
    names = {archive.name, WEIGHTS, *ZOO_FILES, *RESULT_FILES}
    return sorted({*files_beside(archive, names), *given})


def archive_values(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What an expert in an archive is configured with again; the archive itself says its algorithm."""
    said: dict[str, Any] = {"frame_stack": identity["frame_stack"]} if identity.get("frame_stack") else {}
    if identity.get("vec_normalize") == NONE:
        said["vec_normalize"] = NONE
    if not identity.get("trust_remote_code"):
        return {"sha256": identity["sha256"], **said}
    return {"trust_remote_code": True, **algorithm(identity), "sha256": identity["sha256"], **said}


def archive_missing(identity: Mapping[str, Any]) -> dict[str, str]:
    """What has to be given beside the archive, since no manifest holds it."""
    return {"vec_normalize": STATISTICS} if identity.get("vec_normalize", NONE) != NONE else {}


def archive_code(config: ExpertConfig) -> list[str]:
    """What loading an archive would run of what it carries."""
    return [f"what the archive of {config.name} carries"] if config.trust_remote_code else []


def bounded_sha256(limits: Mapping[Path, int]) -> str:
    """The sha256 of files, once none of them is larger than it may be.

    Raises:
        ArchiveError: one is, or it cannot be read.
    """
    for path, limit in limits.items():
        try:
            check_size(path, limit)
        except (ValueError, OSError) as error:
            raise ArchiveError(f"{path.name} cannot be read", got=str(error)[:100]) from error
    return file_sha256(*limits)


def _digest(archive: Path, *, trusted: bool) -> str:
    """The sha256 of the archive; of a portable expert, that of its two files."""
    if archive.name == DESCRIPTION:
        return bounded_sha256({archive: EXPERT_BYTES, archive.with_name(WEIGHTS): WEIGHTS_BYTES})
    return file_sha256(archive) if trusted else bounded_sha256({archive: ARCHIVE_BYTES})


def archives_in(path: Path) -> list[Path]:
    """The archives that lie in a folder, by name; none of a file, or beside an expert kept as data."""
    if not path.is_dir() or (path / DESCRIPTION).is_file():
        return []
    return sorted(archive for archive in path.glob("*.zip") if archive.name not in _NO_ARCHIVES)


def _archive(path: Path, name: str) -> Path:
    if path.is_dir() and (path / DESCRIPTION).is_file() and (path / WEIGHTS).is_file():
        return path / DESCRIPTION
    if path.is_dir() and (path / DESCRIPTION).is_file():
        raise ExpertError(f"the folder {path} holds no expert kept by il-builder", remedy=_HINT)
    if path.is_dir():
        found = archives_in(path)
        if len(found) != 1:
            raise ExpertError(
                f"the folder {path} of the expert {name!r}",
                expected="one .zip",
                got=", ".join(archive.name for archive in found[:8]) or "none",
                remedy="name the archive itself in expert.path",
            )
        return found[0]
    if not path.is_file():
        raise ExpertError(f"there is no file {path} for the expert {name!r}", remedy="check expert.path")
    return path
