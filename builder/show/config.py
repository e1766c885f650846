"""The configurations of a film and of the viewer, typed. The defaults stand in `conf/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from builder.config import ArgumentsConfig, HubConfig, ParallelConfig, TrustConfig, check_range
from builder.errors import ConfigError
from builder.parallel.backends import find_backend
from builder.storage.paths import AnyPath

SIDE = 4096
FPS = 120
PORTS = 65_535


@dataclass(frozen=True)
class RenderConfig:
    """One film (`conf/render.yaml`).

    Attributes:
        out: the dataset folder, or its URL.
        episode: its number, or best, median, worst or longest.
        split: where the best and so on are looked for; unset: everywhere.
        to: the kind of file (`name`), where to (`path`), and for a dataset its options.
        size: pixels of a frame's longer side; unset: as they are drawn, small ones enlarged.
        fps: frames a second; unset: the environment's own.
        plain: no text on the frames.
        frames: auto, environment, or a column of images (`observation`): what is shown.
        expert: whether code may be run that only the manifest names.
        env: what the manifest keeps only as a reference.
        overwrite: replace a file that lies there.
        parallel: on what the episodes of a dataset are stepped, where pictures are added to it.
        hub: a repository that has the dataset.
        debug: show tracebacks.
    """

    out: AnyPath | None
    episode: Any = "best"
    split: str | None = None
    to: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    fps: float | None = None
    plain: bool = False
    frames: str = "auto"
    expert: TrustConfig = field(default_factory=TrustConfig)
    env: ArgumentsConfig = field(default_factory=ArgumentsConfig)
    overwrite: bool = False
    parallel: ParallelConfig = field(default_factory=lambda: ParallelConfig("threading", 1))
    hub: HubConfig = field(default_factory=HubConfig)
    debug: bool = False

    def __post_init__(self) -> None:
        find_backend(self.parallel.backend)
        check_range("size", self.size, 16, SIDE)
        if self.fps is not None and not 1 <= self.fps <= FPS:
            raise ConfigError("fps is out of range", expected=f"1 to {FPS}", got=self.fps)
        if type(self.episode) not in (int, str):
            raise ConfigError(
                "episode is unknown", expected="a number, or a word such as best", got=repr(self.episode)[:80]
            )


@dataclass(frozen=True)
class ViewConfig:
    """One look at a dataset (`conf/view.yaml`).

    Attributes:
        out: the dataset folder, or its URL.
        port: of loopback; unset: a free one.
        browser: open the page in a browser.
        films: draw an episode when its film is first asked for.
        to: a folder for the page as a static Space, in place of a server.
        episodes: numbers, or words as of a film, of the episodes whose films are put beside the static page.
        cdn: hosts at which another Hub than huggingface.co keeps its files, for the static page.
        expert: whether code may be run that only the manifest names.
        env: what the manifest keeps only as a reference.
        overwrite: replace the static page that is there.
        hub: a repository, where `out` is unset.
        debug: show tracebacks.
    """

    out: AnyPath | None
    port: int | None = None
    browser: bool = True
    films: bool = True
    to: AnyPath | None = None
    episodes: list[Any] = field(default_factory=list)
    cdn: list[str] = field(default_factory=list)
    expert: TrustConfig = field(default_factory=TrustConfig)
    env: ArgumentsConfig = field(default_factory=ArgumentsConfig)
    overwrite: bool = False
    hub: HubConfig = field(default_factory=HubConfig)
    debug: bool = False

    def __post_init__(self) -> None:
        if self.port is not None and not 0 <= self.port <= PORTS:
            raise ConfigError("port is none", expected=f"0 to {PORTS}", got=self.port)
        for episode in self.episodes:
            if type(episode) not in (int, str):
                raise ConfigError(
                    "an episode is unknown",
                    expected="a number, or a word such as best",
                    got=repr(episode)[:80],
                )
        if self.episodes and self.to is None:
            raise ConfigError(
                "episodes are those of a static page", remedy="add to=FOLDER, or leave them out"
            )
