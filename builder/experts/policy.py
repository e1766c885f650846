"""`Policy` and `Experts`: the public words for an expert."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import yaml

from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError, suggest

BUNDLED = Path(__file__).parent / "bundled"


def conf_folder() -> Path:
    """The folder of the YAML files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


@dataclass(frozen=True)
class Policy:
    """An expert: what it plays, where it comes from, what counts as a good episode.

    Attributes:
        name: the environment's id.
        repo_id: its repository on the Hub.
        filename: its archive there.
        threshold: the least return of an accepted episode.
        algo: the algorithm, as a class or by name.
        policy: instead of an archive: an object with `predict`, or a factory that makes one in each worker.
        env_kwargs: what the environment is made with.
        batched: `policy` takes a batch of observations; it then answers for equal bytes itself.
        path: a local archive.
        version: the identity of `policy` in the manifest; else it is "not pinned".
        revision: of the repository: a branch, tag or commit.
        max_return: the greatest return of an accepted episode.
        vec_normalize: where an archive's normalisation statistics lie, or "none"; None: they are looked for.
        frame_stack: how many observations an archive's agent was trained on at once; None: what lies beside
            it says so.
    """

    name: str
    repo_id: str = ""
    filename: str = ""
    threshold: float = -math.inf
    algo: type | str | None = None
    policy: Any = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    batched: bool = False
    path: str | None = None
    version: str | None = None
    revision: str | None = None
    max_return: float = math.inf
    vec_normalize: str | None = None
    frame_stack: int | None = None

    @property
    def acceptance(self) -> Acceptance:
        """Which returns are accepted."""
        return Acceptance(self.threshold, self.max_return)

    @property
    def algorithm(self) -> str | None:
        """The algorithm's name."""
        return self.algo.__name__ if isinstance(self.algo, type) else self.algo


class Experts:
    """The experts by name: those of `conf/expert/`, and those that a program registers."""

    _registered: ClassVar[dict[str, Policy]] = {}

    @classmethod
    def register(cls, identifier: str, policy: Policy) -> None:
        """Make an expert known to this program under a name.

        Raises:
            ConfigError: the name is taken by an expert of `conf/expert/`.
        """
        if (conf_folder() / "expert" / f"{identifier}.yaml").is_file():
            raise ConfigError(f"the expert {identifier!r} exists already", remedy="choose another name")
        cls._registered[identifier] = policy

    @classmethod
    def get(cls, identifier: str) -> Policy:
        """The expert of this name.

        Raises:
            ConfigError: there is none.
        """
        if identifier in cls._registered:
            return cls._registered[identifier]
        if identifier not in configured():
            raise ConfigError(f"there is no expert {identifier!r}", remedy=suggest(identifier, cls.names()))
        return _from_yaml(configured()[identifier])

    get_expert = get

    @classmethod
    def registered(cls, identifier: str) -> Policy | None:
        """The expert that this program registered under a name, if it did."""
        return cls._registered.get(identifier)

    @classmethod
    def names(cls) -> list[str]:
        """All names, sorted."""
        return sorted({*configured(), *cls._registered})


@cache
def configured() -> dict[str, dict[str, Any]]:
    """The experts of `conf/expert/` by name, without the generic ones, whose environment or file is open."""
    found = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a hundred files: ten times faster, where it is
    for path in sorted((conf_folder() / "expert").glob("*.yaml")):
        content = yaml.load(path.read_text(), loader)  # noqa: S506  (both are safe loaders)
        if content.get("env_id"):
            found[path.stem] = content
    return found


def _from_yaml(content: Mapping[str, Any]) -> Policy:
    path = content.get("path")
    if path and (BUNDLED / path).is_file():
        path = str(BUNDLED / path)
    return Policy(
        name=content["env_id"],
        threshold=float(content.get("threshold", -math.inf)),
        algo=content.get("algo"),
        env_kwargs=content.get("env_kwargs") or {},
        path=path,
        repo_id=content.get("repo_id") or "",
        filename=content.get("filename") or "",
        revision=content.get("revision"),
    )
