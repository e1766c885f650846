"""The configurations of an export and an import, typed. The defaults stand in `conf/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builder.config import HubConfig
from builder.errors import ConfigError
from builder.storage.paths import AnyPath

OWN_KEYS = ("name", "path")
"""Of `to` and `from`; all others are options of the format."""


@dataclass(frozen=True)
class ExportConfig:
    """One export (`conf/export.yaml`).

    Attributes:
        out: the dataset folder, or its URL.
        to: the format's name, where to (`path`), and its options.
        split: train or test alone; unset: all that there is.
        episodes: the first so many of each split, or a list of their numbers; unset: all.
        overwrite: replace what an earlier export has left there.
        hub: a repository: with `out` unset the dataset, with `push` where the export goes.
        debug: show tracebacks.
    """

    out: AnyPath | None
    to: dict[str, Any] = field(default_factory=dict)
    split: str | None = None
    episodes: Any = None
    overwrite: bool = False
    hub: HubConfig = field(default_factory=HubConfig)
    debug: bool = False

    def __post_init__(self) -> None:
        one = [] if self.episodes is None else [self.episodes]
        counted = self.episodes if isinstance(self.episodes, list) else one
        if any(type(number) is not int or number < 0 for number in counted):
            raise ConfigError(
                "episodes are wrong", expected="how many, or a list of numbers", got=repr(self.episodes)[:80]
            )


@dataclass(frozen=True)
class SourceEnvConfig:
    """What an import may be told of the environment; it goes before what the source names.

    Attributes:
        id: a registered environment.
        kwargs: what it was made with.
    """

    id: str | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportConfig:
    """One import (`conf/import.yaml`).

    Attributes:
        out: the dataset folder.
        from_: the format's name, and its options; `from` as a user writes it.
        path: the file or folder; unset: what `hub.repo_id` holds.
        env: what was played, where the source does not name it.
        license: what the author of the source states, where it does not say so itself.
        replay: step the environment again, where it and the seeds are known, and say what it repeats.
        overwrite: replace another dataset.
        hub: a repository that holds the files.
        debug: show tracebacks.
    """

    out: AnyPath
    from_: dict[str, Any] = field(default_factory=dict)
    path: str | None = None
    env: SourceEnvConfig = field(default_factory=SourceEnvConfig)
    license: str | None = None
    replay: bool = True
    overwrite: bool = False
    hub: HubConfig = field(default_factory=HubConfig)
    debug: bool = False


@dataclass(frozen=True)
class Chosen:
    """A format as a user wrote it.

    Attributes:
        name: of the format.
        path: where it lies, or is to lie; None: unsaid.
        options: whatever else.
    """

    name: str
    path: str | None
    options: Mapping[str, Any]

    @staticmethod
    def of(key: str, given: Mapping[str, Any]) -> Chosen:
        """What stands under `to` or `from`.

        Raises:
            ConfigError: no format is named, or a value is no text.
        """
        name, path = (given.get(part) for part in OWN_KEYS)
        if not name:
            raise ConfigError(f"{key} must be given", remedy=f"add {key}=FORMAT; il-builder --help has them")
        for part, value in (("name", name), ("path", path)):
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"{key}.{part} is no text", got=repr(value)[:80])
        return Chosen(name, path, {part: value for part, value in given.items() if part not in OWN_KEYS})
