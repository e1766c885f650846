"""A film of one episode: chosen, stepped again, written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.dataset.columns import unsaid_of
from builder.environments.drawing import drawable
from builder.environments.environment import EnvironmentSpec, make
from builder.episodes.recording import PIXELS
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
FINE = 1.0
"""Large frames are first shrunk by a whole factor, to so many times their size: many times as fast."""
AUTO, ENVIRONMENT = "auto", "environment"
Report = Callable[[int, int], None]
"""Takes how many frames there are, and how many there will be."""


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


def render(folder: Path, request: FilmRequest, report: Report = lambda _, __: None) -> Rendered:
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
    manifest = read_manifest(folder)
    known = places(folder, manifest, request.split)
    return render_place(folder, choose(known, request.episode), request, report)


def render_place(
    folder: Path, place: Place, request: FilmRequest, report: Report = lambda _, __: None
) -> Rendered:
    """Make a film of the episode at a place; else as `render`."""
    encoder = film_kind(request.kind, request.path)
    target = request.path or folder.with_name(f"{folder.name}-episode-{place.index}{encoder.suffix}")
    if target.exists() and not request.overwrite:
        raise ExistsError(f"{target} exists", remedy="add overwrite=true, or give another to.path=")
    manifest = read_manifest(folder)
    recorded = RecordedSplit(folder, manifest, place.split).episode(place.position)

    def chosen(_: float) -> Collection[int]:
        return steps_shown(place.length, encoder.most)

    with closing(shown(manifest, recorded, request.look, chosen)) as film:
        count = _write(target, encoder, film, request.look, report)
    return Rendered(target, place, count, film.fps, film.repeated)


class Film:
    """The moments of an episode that are shown, and how fast; it is closed after use.

    Attributes:
        moments: in their order.
        fps: frames a second.
        count: how many moments there are.
        repeated: the environment draws them.
    """

    def __init__(
        self,
        moments: Iterator[Moment],
        *,
        fps: float,
        count: int,
        environment: gym.Env[Any, Any] | None = None,
    ) -> None:
        self.moments, self.fps, self.count = moments, fps, count
        self.repeated = environment is not None
        self._environment = environment

    def close(self) -> None:
        """Let the environment go that draws."""
        if self._environment:
            self._environment.close()


def shown(
    manifest: Manifest,
    episode: RecordedEpisode,
    look: Look,
    chosen: Callable[[float], Collection[int]],
    environment: EnvironmentSpec | None = None,
) -> Film:
    """The moments of an episode: images that the dataset holds, else drawn by its environment.

    Args:
        manifest: of the dataset.
        episode: what is recorded.
        look: what is shown, and how fast.
        chosen: of the frames a second, which moments are shown, as numbers of steps.
        environment: what was played; None: what the manifest names.

    Raises:
        ConfigError, DatasetError, EnvironmentError_: as `render`.
    """
    pixels = look.frames == PIXELS and PIXELS in episode.rows.recording.extras
    name = None if look.frames in (AUTO, ENVIRONMENT) else look.frames
    asked = look.frames != ENVIRONMENT and not pixels
    leaf = image_leaf(manifest.spaces.observation, name) if asked else None
    if leaf is not None or pixels:
        fps = look.fps or FPS
        wanted = chosen(fps)
        moments = (moment for moment in held(episode, leaf) if moment.step in wanted)
        return Film(moments, fps=fps, count=len(wanted))
    spec = environment or _environment(manifest, episode, look)
    spec = spec if spec.render_mode else drawable(spec)
    made = make(spec)
    fps = look.fps or _own_fps(made, spec)
    wanted = chosen(fps)
    lacking = _unsaid(manifest, episode)
    drawing = drawn(made, episode, wanted.__contains__, limit=spec.max_episode_steps, unsaid=lacking)
    return Film(drawing, fps=fps, count=len(wanted), environment=made)


def _own_fps(environment: gym.Env[Any, Any], spec: EnvironmentSpec) -> float:
    """How many steps of an environment are a second."""
    own = environment.metadata.get("render_fps")
    skipped = spec.preprocessing.frame_skip if spec.preprocessing else 1
    return float(own) / skipped if isinstance(own, (int, float)) and own > 0 else FPS


def _unsaid(manifest: Manifest, episode: RecordedEpisode) -> frozenset[str]:
    """The columns that are not known of an episode."""
    sources = episode.rows.recording.attempt_extras.get("source")
    return unsaid_of(manifest.inputs, None if sources is None else str(sources[0]))


def _environment(manifest: Manifest, episode: RecordedEpisode, look: Look) -> EnvironmentSpec:
    lacking = _unsaid(manifest, episode)
    if "environment" not in manifest.inputs or "seed" in lacking:
        what = "seeds" if "seed" in lacking else "the environment"
        merged = "merged" in manifest.inputs
        source = "a part of this merged dataset" if merged else "the source of this dataset"
        raise DatasetError(
            f"{source} does not say {what}, so its episodes cannot be stepped again",
            remedy="only datasets that hold images can be shown without",
        )
    return recorded_environment(manifest, trusted=look.trusted, kwargs=look.kwargs)


def _write(target: Path, encoder: FilmKind, film: Film, look: Look, report: Report) -> int:
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
    kind = Image.Resampling.NEAREST if size % longer == 0 else Image.Resampling.HAMMING
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((width, height), kind, reducing_gap=FINE))
