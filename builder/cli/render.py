"""The verb `render`: a film of an episode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.storage.paths import local_path, place

if TYPE_CHECKING:
    from builder.show.config import RenderConfig

UNSAID, DATASET = "film", "dataset"


def render(overrides: list[str]) -> None:
    """Run the verb."""
    from builder.api import dataset_folder
    from builder.composition import compose
    from builder.errors import ConfigError
    from builder.exchange.config import Chosen
    from builder.show.config import RenderConfig

    config = compose(RenderConfig, "render", overrides)
    to = Chosen.of(
        "to", {"name": UNSAID, **{key: value for key, value in config.to.items() if value is not None}}
    )
    source = str(config.out) if config.out is not None else config.hub.repo_id
    if source is None:
        raise ConfigError("render needs a dataset", remedy="give out=FOLDER or hub.repo_id=user/name")
    folder = dataset_folder(source, config.hub.revision if config.out is None else None)
    path = None if to.path is None else local_path(place(to.path), "render")
    if to.name == DATASET:
        _add_pixels(folder, path, to.options, config)
    else:
        _film(folder, path, None if to.name == UNSAID else to.name, config)


def _film(folder: Path, path: Path | None, kind: str | None, config: RenderConfig) -> None:
    """Make a film, and say what it shows."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    from builder.display import Display, shown_size
    from builder.show.render import FilmRequest, Look
    from builder.show.render import render as film

    look = Look(
        size=config.size,
        fps=config.fps,
        plain=config.plain,
        frames=config.frames,
        trusted=config.expert.trust_remote_code,
        kwargs=config.env.kwargs,
    )
    request = FilmRequest(config.episode, kind, path, config.split, look, config.overwrite)
    with Display("render", 1, MofNCompleteColumn(), TimeRemainingColumn()) as display:
        made = film(
            folder,
            request,
            lambda now, all_of: display.show(now, f"{now:,} of {all_of:,} frames", total=all_of),
        )
    told = f"return {made.place.total:,.10g}, " if made.place.total == made.place.total else ""
    print(f"rendered: {made.path} ({shown_size(made.path.stat().st_size)})")
    print(f"  episode {made.place.index} of {made.place.split}: {told}{made.place.length:,} steps")
    how = "stepped again, every observation as recorded" if made.repeated else "from the images that it holds"
    print(f"  {made.frames:,} frames, {made.fps:g} a second; {how}")


def _add_pixels(folder: Path, path: Path | None, size: Mapping[str, Any], config: RenderConfig) -> None:
    """Make another dataset, with what the environment shows at each step."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    from builder.display import Display
    from builder.errors import ConfigError
    from builder.show.pixels import PixelsRequest, add_pixels

    if path is None:
        raise ConfigError(
            "to.path must be given", remedy="add to.path=FOLDER, where the new dataset is to be"
        )
    request = PixelsRequest(
        path,
        size,
        parallel=config.parallel,
        trusted=config.expert.trust_remote_code,
        kwargs=config.env.kwargs,
        overwrite=config.overwrite,
    )
    with Display("render", 1, MofNCompleteColumn(), TimeRemainingColumn()) as display:
        made = add_pixels(
            folder,
            request,
            lambda now, all_of: display.show(now, f"{now:,} of {all_of:,} episodes", total=all_of),
        )
    steps = sum(split.rows for split in made.splits.values())
    print(f"rendered: {path}")
    print(
        f"  {made.accepted:,} episodes, {steps:,} steps, each with a picture; every observation as recorded"
    )
    print(f"  fingerprint {made.fingerprint}")
