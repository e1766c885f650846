"""An episode as a REPL and a notebook show it. Whatever names say, they are shown as text."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.episodes.spaces import Array

if TYPE_CHECKING:
    from builder.episodes.episode import Episode

LONGEST = 200
"""Signs of a name that are shown."""
MOST_ARRAYS = 12
"""So many arrays of a Dict or Tuple space are shown."""
WIDTH, HEIGHT = 480, 96
"""Of a drawn curve, in pixels."""
SMALLEST = 96
"""Pixels that an image is shown with at least."""


def shown(value: object) -> str:
    """A text of others on one line: no sign in it moves a cursor, and it has an end."""
    text = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def figure(value: float) -> str:
    """A return as it is shown: at most six digits that say something; 500, -149.27, 1.2e+08."""
    return "not known" if np.isnan(value) else f"{value:.6g}"


def arrays_text(named: Iterable[tuple[str, Array]]) -> str:
    """Names, dtypes and shapes: `actions int64 [500]`."""
    parts = [f"{shown(name)} {array.dtype} {list(array.shape)}" for name, array in named]
    rest = len(parts) - MOST_ARRAYS
    return ", ".join(parts if rest <= 0 else [*parts[:MOST_ARRAYS], f"{rest} more"])


def text(episode: Episode, arrays: Sequence[tuple[str, Array]]) -> str:
    """An episode in two lines.

    Args:
        episode: which.
        arrays: its observations and actions by their names, leaf by leaf.
    """
    return f"{_what(episode)}\n  {arrays_text(arrays)}"


def _what(episode: Episode) -> str:
    where = f" of {shown(episode.environment)}" if episode.environment else ""
    who = f" by {shown(episode.policy)}" if episode.policy else ""
    steps = f"{len(episode):,} step" + ("" if len(episode) == 1 else "s")
    result = f"return {figure(episode.episode_return)}, {ending(episode)}"
    return f"Episode{where}{who}: seed {episode.seed}, attempt {episode.index}, {steps}, {result}"


def ending(episode: Episode) -> str:
    """How it ended."""
    ends = {"terminated": episode.terminations[-1], "truncated": episode.truncations[-1]}
    return " and ".join(name for name, ended in ends.items() if ended) or "no end recorded"


def page(episode: Episode, arrays: Sequence[tuple[str, Array]]) -> str:
    """An episode as HTML: what `text` says, and its images at the start, in the middle and at the end.

    Without images, the sum of its rewards is drawn over its steps.

    Args:
        episode: which.
        arrays: as `text` takes them.
    """
    images = [array for name, array in arrays if name.startswith("observations") and _is_image(array)]
    if images:
        drawn = "".join(_image(images[0][at]) for at in (0, len(episode) // 2, len(episode)))
    else:
        drawn = curve(np.cumsum(np.asarray(episode.rewards, np.float64)), "sum of rewards")
    return f"<div><p>{html.escape(_what(episode))}<br>{html.escape(arrays_text(arrays))}</p>{drawn}</div>"


def _is_image(array: Array) -> bool:
    """[T + 1, height, width] or with three colours, of bytes; a stack of them is none."""
    large = min(array.shape[1:3], default=0) >= 8 if array.ndim >= 3 else False
    return (
        array.dtype == np.uint8 and large and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3))
    )


def _image(pixels: Array) -> str:
    from PIL import Image

    picture, file = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    picture.save(file, "PNG")
    height = max(SMALLEST, picture.height)
    style = f"height:{height}px;image-rendering:pixelated;margin-right:4px"
    return f'<img alt="observation" style="{style}" src="{data_uri(file.getvalue(), "image/png")}">'


def data_uri(content: bytes, kind: str) -> str:
    """A file as the address of itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def curve(values: Array, label: str) -> str:
    """A line over steps as SVG, in the colour of the text around it: light or dark."""
    finite = np.isfinite(values)
    if len(values) < 2 or not finite.all():
        return ""
    some = np.unique(np.linspace(0, len(values) - 1, min(len(values), WIDTH)).astype(int))
    low, high = float(values.min()), float(values.max())
    across = 2 + some / (len(values) - 1) * (WIDTH - 4)
    down = HEIGHT - 2 - (values[some] - low) / ((high - low) or 1.0) * (HEIGHT - 4)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    title = html.escape(f"{label}: {figure(low)} to {figure(high)}")
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" style="max-width:100%"><title>{title}</title>'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
        f'<div style="font-size:smaller">{title}</div>'
    )


def table(rows: Mapping[str, Any]) -> str:
    """Names and what they are, as an HTML table without colours of its own."""
    cells = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table>{cells}</table>"
