"""Names of agents on the Hub as huggingface_sb3 gives them: `sb3/ppo-CartPole-v1` has `ppo-CartPole-v1.zip`.

Its extra (`huggingface-sb3`) holds the Hub's client below 1.0. Without it the same names are made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from builder.config import EnvConfig, ExpertConfig
from builder.errors import ConfigError

ORGANISATION = "sb3"
"""Whose agents are taken where nobody is named: those of Stable-Baselines3's zoo."""

NAMES = (
    re.compile(r"[a-z_0-9]+-(?P<env>[\w.-]+-v\d+)"),  # the zoo's
    re.compile(r"(?P<env>[A-Za-z0-9]+-v\d+)-[A-Z0-9]+-[a-z]+"),  # Minari's
)
"""How repositories name their environment."""


def with_repository(expert: ExpertConfig, env: EnvConfig) -> ExpertConfig:
    """The expert with the repository that its algorithm and environment give, where none is named.

    Raises:
        ConfigError: the environment's id gives no name.
    """
    env_id = env.id or expert.env_id
    if expert.source != "hub" or expert.repo_id or not expert.algo or not env_id:
        return expert
    try:
        return replace(expert, repo_id=repository_of(expert.algo, env_id))
    except ValueError as error:
        raise ConfigError(str(error), remedy="name the repository: expert.repo_id=user/name") from None


def repository_of(algo: str, env_id: str) -> str:
    """The repository of the zoo's agent for an environment.

    Raises:
        ValueError: huggingface_sb3 refuses the environment's id.
    """
    try:
        from huggingface_sb3 import EnvironmentName, ModelName, ModelRepoId
    except ImportError:  # or a client that it was not made for
        return f"{ORGANISATION}/{algo}-{env_id.rpartition(':')[2].replace('/', '-')}"
    return str(ModelRepoId(ORGANISATION, ModelName(algo, EnvironmentName(env_id))))


def archive_name(repo_id: str, files: Iterable[str] = ()) -> str:
    """What a repository's archive is called: the repository's own name, in whatever case.

    Args:
        repo_id: `user/name`.
        files: what the repository has; where that is not known, the name is as the convention spells it.
    """
    name = f"{repo_id.rpartition('/')[2]}.zip"
    files = [*files]
    alike = [file for file in files if file.lower() == name.lower()]
    return alike[0] if name not in files and len(alike) == 1 else name


def environment_of(repo_id: str) -> str | None:
    """The environment in a repository's name: `sb3/ppo-CartPole-v1`, `farama-minari/Ant-v5-SAC-medium`.

    Returns:
        None where it names none that is registered here.
    """
    from gymnasium import registry

    return next((name for name in names_in(repo_id) if name in registry), None)


def names_in(repo_id: str) -> list[str]:
    """What may be an environment's id in a repository's name, whether or not it is registered."""
    name = repo_id.rpartition("/")[2]
    return [found["env"] for pattern in NAMES if (found := pattern.fullmatch(name))]
