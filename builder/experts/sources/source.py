"""`Source`: the contract of everything that experts can come from.

One file of this folder for each source, and one entry in `table.py`. Nothing else of the package compares the
name of a source: whoever wants to know something of one asks it here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from builder.config import ExpertConfig, RolloutConfig
from builder.errors import ConfigError
from builder.experts.sources.expert import NOT_PINNED, Expert

Quote = Callable[[object], str]
"""Puts a text of others into Markdown as it is."""
ARCHIVE = "path/to/archive.zip"
"""Stands for the path of an expert's archive, which no manifest holds."""
ARCHIVES = "path/to/archives"
"""Stands for the folder of several archives, likewise."""
OTHER_POLICY = "path/to/policy.zip"
"""Stands for the path of the archive of the policy of `rollout.switch`, likewise."""
STATISTICS = "path/to/vec_normalize.pkl"
"""Stands for the path of its normalisation statistics, where that was said."""


@dataclass(frozen=True)
class Rebuilt:
    """How an expert is configured again.

    Attributes:
        group: the file of `conf/expert/` to begin with.
        values: fields of `ExpertConfig` that must not be as they are there.
        missing: fields that no manifest holds and the user has to give; what a command shows in their place.
    """

    group: str
    values: Mapping[str, Any]
    missing: Mapping[str, str] = field(default_factory=dict)


class Source(ABC):
    """One kind of place that experts come from.

    `config` is the configured expert; `identity` what the manifest of a dataset holds of one, which anybody
    may have written.

    Attributes:
        name: `expert.source=`.
        needs: the key of `expert` that must be given.
        chooses: it has a policy; False where actions are drawn whatever is observed.
        here: its experts come with the package.
        contained: a container can play it, given no more than an archive.
        surrounded: it is an archive that something may lie around, which can be said.
    """

    name: ClassVar[str]
    needs: ClassVar[str | None] = None
    chooses: ClassVar[bool] = True
    here: ClassVar[bool] = False
    contained: ClassVar[bool] = True
    surrounded: ClassVar[bool] = False

    @abstractmethod
    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        """Find, check and read an expert.

        Raises:
            ExpertError: its file is missing, is not the expected one, or cannot be read.
        """

    def check(self, config: ExpertConfig) -> None:
        """Refuse a configuration that lacks what this source needs, or says what it cannot use.

        Raises:
            ConfigError: it does.
        """
        check_surroundings(self, config)
        if self.needs and not getattr(config, self.needs):
            raise ConfigError(
                f"expert={self.name} needs expert.{self.needs}",
                remedy=f"add expert.{self.needs}=... to the command",
            )

    def files(self, config: ExpertConfig) -> list[Path] | None:
        """All files that decide what an expert is, or might; None where more than files here does."""
        return None

    def runs(self, config: ExpertConfig) -> list[str]:
        """What loading or playing it would import and run that is not this package's own; for an error."""
        return []

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        """How it is configured again; None where no configuration can say it."""
        return None

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        """Where it comes from, as the card says it: Markdown, with whatever is not ours in `code`."""
        return code(identity["source"])

    def page(self, identity: Mapping[str, Any]) -> str | None:
        """The address of a page that shows it; None: there is none."""
        return None

    def why_not(self, identity: Mapping[str, Any], code: Quote) -> str:
        """Why no command can build with it again, where `rebuilt` is None; likewise."""
        return f"Its expert {code(identity['name'])} is none that this version could find again."


def check_surroundings(source: Source, config: ExpertConfig) -> None:
    """Refuse what a configuration says of an archive's surroundings where there is no archive.

    Raises:
        ConfigError: it says something.
    """
    for key in () if source.surrounded else said_beside(config):
        raise ConfigError(
            f"expert.{key} is said of an archive of one's own, which expert={source.name} is not",
            remedy="leave it out",
        )


def said_beside(config: ExpertConfig) -> dict[str, Any]:
    """What a configuration says of an archive's surroundings, where it does."""
    said = {key: getattr(config, key) for key in ("vec_normalize", "frame_stack")}
    return {key: value for key, value in said.items() if value is not None}


def algorithm(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The algorithm, where nothing but the configuration says it."""
    return {"algo": identity["algo"]} if identity.get("algo") else {}


def version(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The version, where the configuration gave one."""
    return {"version": identity["version"]} if identity["version"] != NOT_PINNED else {}
