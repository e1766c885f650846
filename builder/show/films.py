"""Frames become a film, or a strip: one entry for each kind of file.

mp4 is encoded by PyAV (the extra `video`), the others by Pillow, whose files have the same bytes each time
on the same machine. Nothing of the time goes into a file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes.spaces import Array
from builder.errors import ConfigError, missing_extra

MOST_HELD = 1500
"""So many frames of an animation in memory at the most; an mp4 has no such limit."""
STRIP = 8
"""Frames of a strip."""
KEYFRAMES = 10
"""Every so many frames can be jumped to: few enough for a viewer to scrub."""
CRF = 20
"""Quality of x264: 0 is lossless, 51 the worst; 18 to 28 is what its documentation calls sane."""


@dataclass(frozen=True)
class FilmKind:
    """A kind of file that shows an episode.

    Attributes:
        suffix: of its files.
        write: makes the file at a path from frames uint8 [height, width, 3] of one size, at so many a second.
        most: frames that it takes; None: any number.
        still: it is one picture of frames from the whole episode.
        package: what has to be installed; "": nothing but what always is.
    """

    suffix: str
    write: Callable[[Path, Iterable[Array], float], None]
    most: int | None = None
    still: bool = False
    package: str = ""


def _write_mp4(path: Path, frames: Iterable[Array], fps: float) -> None:
    import av

    frames = iter(frames)
    first = next(frames)
    height, width = (side + side % 2 for side in first.shape[:2])  # the chroma planes have half the size
    # A file that others may cut, join and seek in: no B-frames, all that players need at its front.
    with av.open(path, "w", format="mp4", options={"movflags": "faststart", "fflags": "+bitexact"}) as file:
        options = {"crf": str(CRF), "preset": "veryfast", "threads": "1", "bf": "0"}
        stream: Any = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count, stream.codec_context.gop_size = 1, KEYFRAMES
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for image in itertools.chain([first], frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(_even(image), format="rgb24")))
        file.mux(stream.encode())


def _even(image: Array) -> Array:
    """A frame whose sides have an even number of pixels: the last row or column twice."""
    odd = [(0, side % 2) for side in image.shape[:2]]
    return (
        np.pad(image, [*odd, (0, 0)], "edge") if any(end for _, end in odd) else np.ascontiguousarray(image)
    )


def _write_webp(path: Path, frames: Iterable[Array], fps: float) -> None:
    _animated(path, frames, fps, "WEBP", quality=70, method=2, minimize_size=False)


def _write_gif(path: Path, frames: Iterable[Array], fps: float) -> None:
    _animated(path, frames, fps, "GIF", optimize=False, disposal=1)


def _animated(path: Path, frames: Iterable[Array], fps: float, kind: str, **options: Any) -> None:
    """A film by Pillow, played again and again."""
    first, *others = _pictures(frames)
    first.save(path, kind, save_all=True, append_images=others, duration=round(1000 / fps), loop=0, **options)


def _pictures(frames: Iterable[Array]) -> Iterator[Any]:
    from PIL import Image

    return (Image.fromarray(np.ascontiguousarray(image)) for image in frames)


def _write_strip(path: Path, frames: Iterable[Array], _: float) -> None:
    from PIL import Image

    shown = list(frames)
    gap = max(2, shown[0].shape[1] // 80)
    between = np.full((shown[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for image in shown for part in (between, image)][1:]
    Image.fromarray(np.concatenate(parts, axis=1)).save(path, "PNG")


FILMS = {
    "mp4": FilmKind(".mp4", _write_mp4, package="av"),
    "webp": FilmKind(".webp", _write_webp, most=MOST_HELD),
    "gif": FilmKind(".gif", _write_gif, most=MOST_HELD),
    "png": FilmKind(".png", _write_strip, most=STRIP, still=True),
}
"""By the names that `to=` knows."""


def film_kind(name: str | None, path: Path | None = None) -> FilmKind:
    """The kind of file that is meant.

    Args:
        name: its name; None: what the path's ending says, else mp4 where it can be had here, else webp.
        path: where the film goes.

    Raises:
        ConfigError: there is none of this name.
        MissingExtraError: the package that encodes it is not installed.
    """
    if name is None:
        ending = path.suffix.removeprefix(".").lower() if path is not None else ""
        name = ending if ending in FILMS else "mp4" if find_spec("av") else "webp"
    if name not in FILMS:
        raise ConfigError("the kind of film is unknown", expected=" or ".join(FILMS), got=repr(name)[:80])
    kind = FILMS[name]
    if kind.package and not find_spec(kind.package):
        raise missing_extra(f"to={name}", "video", otherwise=", or to=webp, which needs nothing more")
    return kind


def steps_shown(steps: int, most: int | None) -> Collection[int]:
    """Which moments of an episode are shown, evenly spread, its first and last among them.

    Args:
        steps: of the episode; it has one moment more.
        most: how many moments a film takes; None: any number.
    """
    if most is None or steps < most:
        return range(steps + 1)
    return frozenset(int(number) for number in np.linspace(0, steps, most).round())
