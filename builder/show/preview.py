"""The card's preview: its best, median and worst episode side by side, and a strip of the best.

Other machines may draw it otherwise, so nothing that is promised to be equal depends on it: the manifest does
not list it, the card is the same with and without it, and its note carries a checksum of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from builder.environments.drawing import drawable
from builder.environments.environment import EnvironmentSpec
from builder.episodes.spaces import Array
from builder.errors import BuilderError, storage_error
from builder.manifest.identity import sha256_of
from builder.manifest.manifest import PREVIEW, Manifest, read_manifest
from builder.replay.recorded import RecordedSplit
from builder.show.captions import captioned
from builder.show.choice import BY_RETURN, Place, choose, places
from builder.show.films import FILMS
from builder.show.frames import image_leaf
from builder.show.render import Look, shown, sized
from builder.storage.digest import file_sha256
from builder.storage.paths import atomic_file, write_whole
from builder.versions import installed_version

log = logging.getLogger(__name__)

SECONDS, RATE = 3, 7
"""How long it plays, and how many frames a second."""
FASTEST = 4
"""An episode that takes up to so many times `SECONDS` is shown whole, sped up; of a longer one its end."""
WIDTH, GAP = 720, 4
"""Pixels: what the Hub's page is wide."""
GROUND = 127
"""The grey between the episodes, and behind those that have ended: neither light nor dark pages mind it."""
ON_STRIP = 6
STEPS = 6_000
"""Steps of the shown episodes together from which on drawing takes too long to be done unasked."""
IN_SOFTWARE = (
    "gymnasium.envs.classic_control.",
    "gymnasium.envs.box2d.",
    "gymnasium.envs.toy_text.",
    "ale_py.",
)
"""Whose environments draw a frame within a millisecond or two, on every machine."""
ALWAYS = ("gymnasium", "pillow", "pygame-ce", "pygame")
DRAWERS = (*ALWAYS, "mujoco", "ale-py")
"""The packages that decide what a picture looks like."""


def draws_unasked(manifest: Manifest, environment: EnvironmentSpec | None) -> bool:
    """Whether the pictures cost little enough to be drawn without being asked for."""
    if image_leaf(manifest.spaces.observation) is not None:
        return True
    entry_point = str(environment.registered.entry_point) if environment and environment.registered else ""
    return entry_point.startswith(IN_SOFTWARE) and not (environment and environment.wrappers)


def write_preview(folder: Path, environment: EnvironmentSpec | None, *, asked: bool = True) -> bool:
    """Draw a dataset's preview into its folder.

    Args:
        folder: a dataset folder with its manifest.
        environment: what was played; None: what the manifest names.
        asked: fail where it cannot be drawn; else leave it away where that is so, or would take long.

    Returns:
        Whether there is one.

    Raises:
        BuilderError: it was asked for, and cannot be drawn.
        StorageError: the disk is full or not writable.
    """
    manifest = read_manifest(folder)
    chosen = chosen_places(places(folder, manifest))
    if not asked and (
        not draws_unasked(manifest, environment) or sum(place.length for place in chosen) > STEPS
    ):
        return False
    try:
        _write(folder, manifest, chosen, environment)
    except BuilderError as error:
        if asked:
            raise
        log.info("no preview: %s", error)
        return False
    return True


def chosen_places(known: list[Place]) -> dict[Place, str]:
    """The best, the median and the worst episode, and what each is called; one that is two of them once."""
    if all(np.isnan(place.total) for place in known):
        return {choose(known, "longest"): "longest"}
    found: dict[Place, list[str]] = {}
    for word in BY_RETURN:
        found.setdefault(choose(known, word), []).append(word)
    totals = {place.total for place in found}
    if len(totals) == 1:
        return {next(iter(found)): "every episode" if len(known) > 1 else "the episode"}
    return {place: " and ".join(words) for place, words in found.items()}


def _write(
    folder: Path, manifest: Manifest, chosen: Mapping[Place, str], environment: EnvironmentSpec | None
) -> None:
    width = min((WIDTH - GAP * (len(chosen) - 1)) // len(chosen), WIDTH // 2)
    if environment is not None and image_leaf(manifest.spaces.observation) is None:
        environment = drawable(environment)  # once, not for each episode
    films = [_frames(folder, manifest, place, width, environment) for place in chosen]
    texts = [_told(place, word) for place, word in chosen.items()]
    best = films[0]
    spread = {int(number) for number in np.linspace(0, len(best) - 1, ON_STRIP).round()}
    small = [sized(best[number], WIDTH // ON_STRIP) for number in sorted(spread)]
    film, picture, note = (folder / name for name in PREVIEW)
    try:
        with atomic_file(film) as file:
            FILMS["webp"].write(file, _side_by_side(films, texts), RATE)
        with atomic_file(picture) as file:
            FILMS["png"].write(file, small, RATE)
        write_whole(note, note_text(folder, chosen))
    except OSError as error:
        raise storage_error(error, film) from error


def _frames(
    folder: Path, manifest: Manifest, place: Place, size: int, environment: EnvironmentSpec | None
) -> list[Array]:
    """The frames of one episode that are shown."""
    episode = RecordedSplit(folder, manifest, place.split).episode(place.position)

    def chosen(fps: float) -> range:
        return moments(place.length, fps)

    with closing(shown(manifest, episode, Look(), chosen, environment)) as film:
        return [sized(moment.image, size) for moment in film.moments]


def _told(place: Place, word: str) -> str:
    return word if np.isnan(place.total) else f"{word}: {place.total + 0.0:,.6g}"  # of -0, 0


def moments(steps: int, fps: float) -> range:
    """The moments of an episode that are shown, as numbers of steps; it has one more than steps.

    Args:
        steps: of the episode.
        fps: how many of its steps are a second.
    """
    most = SECONDS * RATE
    stride = max(1, round(fps / RATE))
    if steps <= most * stride * FASTEST:
        stride = max(stride, -(-(steps + 1) // most))
        return range(0, steps + 1, stride)
    return range(steps - (most - 1) * stride, steps + 1, stride)


def _side_by_side(films: list[list[Array]], texts: list[str]) -> Iterator[Array]:
    """Frames of all films, each with what it is; one that has ended stands still."""
    films = [[captioned(image, text) for image in film] for film, text in zip(films, texts, strict=True)]
    for number in range(max(map(len, films))):
        images = [film[min(number, len(film) - 1)] for film in films]
        gap = np.full((images[0].shape[0], GAP, 3), GROUND, np.uint8)
        yield np.concatenate([part for image in images for part in (gap, image)][1:], axis=1)


def note_text(folder: Path, chosen: Mapping[Place, str]) -> str:
    """The note of a preview that lies in a folder: what it shows, drawn by what, and its checksums."""
    played = read_manifest(folder).inputs.get("packages", {})
    versions = {name: installed_version(name) for name in DRAWERS if name in (*ALWAYS, *played)}
    content: dict[str, Any] = {
        "drawn_by": {name: version for name, version in versions.items() if version},
        "episodes": [{"episode": place.index, "is": word} for place, word in chosen.items()],
        "files": {name: file_sha256(folder / name) for name in PREVIEW[:2]},
    }
    return json.dumps({**content, "sha256": sha256_of(content)}, indent=1, sort_keys=True) + "\n"
