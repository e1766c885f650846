"""A film of one episode: chosen, stepped again, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from builder.dataset.columns import unsaid
from builder.environments.drawing import drawable
from builder.environments.environment import EnvironmentSpec, make
from builder.episodes.spaces import Array
from builder.errors import DatasetError, ExistsError, storage_error
from builder.manifest.manifest import Manifest, read_manifest
from builder.replay import recorded_environment
from builder.replay.recorded import RecordedEpisode, RecordedSplit
from builder.show.captions import captioned, told
from builder.show.choice import Place, choose, places
from builder.show.films import FilmKind, film_kind, steps_shown
from builder.show.frames import Moment, drawn, held, image_leaf
from builder.storage.paths import atomic_file

FPS = 30.0
"""Frames a second, where the environment does not say."""
SMALL = 360
"""Frames whose longer side is shorter are enlarged, by a whole factor: nobody can see 84 pixels."""
ON_STRIP = 240
"""Pixels of the longer side of a frame on a strip, unless the user says otherwise."""
AUTO, ENVIRONMENT = "auto", "environment"


@dataclass(frozen=True)
class Look:
    """How an episode is shown.

    Attributes:
        size: pixels of a frame's longer side; None: as it is drawn, small ones enlarged.
        fps: frames a second; None: the environment's own.
        plain: no text on the frames.
        frames: auto, environment, or a column of images.
        trusted: what only the manifest names may be imported, opened and run.
        kwargs: what the manifest keeps only as a reference.
    """

    size: int | None = None
    fps: float | None = None
    plain: bool = False
    frames: str = AUTO
    trusted: bool = False
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FilmRequest:
    """A film that is asked for.

    Attributes:
        episode: its `episode_index`, or best, median, worst or longest.
        kind: mp4, webp, gif or png; None: what the path says, else mp4 where it can be had, else webp.
        path: the file; None: beside the dataset folder.
        split: where the best and so on are looked for; None: everywhere.
        look: how it is shown.
        overwrite: replace a file that lies there.
    """

    episode: int | str = "best"
    kind: str | None = None
    path: Path | None = None
    split: str | None = None
    look: Look = field(default_factory=Look)
    overwrite: bool = False


@dataclass(frozen=True)
class Rendered:
    """A film that was made.

    Attributes:
        path: the file.
        place: the episode.
        frames: how many.
        fps: so many a second.
        repeated: the environment drew it; False: it shows images of the dataset.
    """

    path: Path
    place: Place
    frames: int
    fps: float
    repeated: bool


def render(
    folder: Path, request: FilmRequest, report: Callable[[int, int], None] = lambda _, __: None
) -> Rendered:
    """Make a film of an episode.

    Args:
        folder: the dataset folder.
        request: what, and how.
        report: called with the frames so far, and how many there will be.

    Raises:
        ConfigError: there is no such episode, kind of film or column of images.
        DatasetError: the dataset is damaged, or does not say how to step its episodes again.
        NotRepeatedError: the environment gives something else than is recorded.
        EnvironmentError_: it cannot draw.
        ExistsError: something lies at the path.
        MissingExtraError: a package is not installed.
        StorageError: the disk is full or not writable.
    """
    look, encoder = request.look, film_kind(request.kind, request.path)
    manifest = read_manifest(folder)
    place = choose(places(folder, manifest, request.split), request.episode)
    target = request.path or folder.with_name(f"{folder.name}-episode-{place.index}{encoder.suffix}")
    if target.exists() and not request.overwrite:
        raise ExistsError(f"{target} exists", remedy="add overwrite=true, or give another to.path=")
    recorded = RecordedSplit(folder, manifest, place.split).episode(place.position)
    with closing(shown(manifest, recorded, look, most=encoder.most)) as film:
        count = _write(target, encoder, film, look, report)
    return Rendered(target, place, count, film.fps, film.repeated)


class Film:
    """The moments of an episode that are shown, and how fast.

    Attributes:
        fps: frames a second.
        repeated: the environment draws it.
        count: how many moments there are.
    """

    def __init__(
        self, moments: Iterator[Moment], *, fps: float, repeated: bool, count: int, close: Callable[[], None]
    ) -> None:
        self.moments, self.fps, self.repeated, self.count, self.close = moments, fps, repeated, count, close


def shown(manifest: Manifest, episode: RecordedEpisode, look: Look, most: int | None = None) -> Film:
    """The moments of an episode: images that the dataset holds, else drawn by its environment.

    Args:
        manifest: of the dataset.
        episode: what is recorded.
        look: what is shown, and how fast.
        most: moments at the most, evenly spread; None: all.

    Raises:
        ConfigError, DatasetError, EnvironmentError_: as `render`.
    """
    steps = len(episode.rows.recording.rewards)
    chosen = steps_shown(steps, most)
    count = steps + 1 if chosen is None else len(chosen)
    wanted = (lambda _: True) if chosen is None else chosen.__contains__
    name = None if look.frames in (AUTO, ENVIRONMENT) else look.frames
    leaf = None if look.frames == ENVIRONMENT else image_leaf(manifest.spaces.observation, name)
    moments: Iterator[Moment]
    if leaf is not None:
        moments = (moment for moment in held(episode, leaf) if wanted(moment.step))
        fps = look.fps or FPS
        return Film(moments, fps=fps, repeated=False, count=count, close=lambda: None)
    spec = _environment(manifest, look)
    environment = make(spec)
    moments = drawn(
        environment, episode, wanted, limit=spec.max_episode_steps, unsaid=unsaid(manifest.inputs)
    )
    own = environment.metadata.get("render_fps")
    skipped = spec.preprocessing.frame_skip if spec.preprocessing else 1
    fps = look.fps or (float(own) / skipped if isinstance(own, (int, float)) and own > 0 else FPS)
    return Film(moments, fps=fps, repeated=True, count=count, close=environment.close)


def _environment(manifest: Manifest, look: Look) -> EnvironmentSpec:
    lacking = unsaid(manifest.inputs)
    if "environment" not in manifest.inputs or "seed" in lacking:
        what = "seeds" if "seed" in lacking else "the environment"
        raise DatasetError(
            f"the source of this dataset does not say {what}, so its episodes cannot be stepped again",
            remedy="only datasets that hold images can be shown without",
        )
    return drawable(recorded_environment(manifest, trusted=look.trusted, kwargs=look.kwargs))


def _write(
    target: Path, encoder: FilmKind, film: Film, look: Look, report: Callable[[int, int], None]
) -> int:
    """The film as a file, whole or not at all; how many frames it has."""
    count = 0

    def frames() -> Iterator[Array]:
        nonlocal count
        for moment in film.moments:
            image = sized(moment.image, look.size or (ON_STRIP if encoder.still else None))
            yield image if look.plain else captioned(image, told(moment.step, moment.total))
            count += 1
            report(count, film.count)

    try:
        with atomic_file(target) as file:
            encoder.write(file, frames(), film.fps)
    except OSError as error:
        raise storage_error(error, target) from error
    return count


def sized(image: Array, size: int | None) -> Array:
    """A frame whose longer side has so many pixels; None: a small one enlarged by a whole factor."""
    longer = max(image.shape[:2])
    if size is None:
        factor = -(-SMALL // longer)
        return image if factor == 1 else image.repeat(factor, 0).repeat(factor, 1)
    if size == longer:
        return image
    from PIL import Image

    height, width = (max(1, round(side * size / longer)) for side in image.shape[:2])
    kind = Image.Resampling.NEAREST if size % longer == 0 else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), kind))
