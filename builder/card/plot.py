"""The card's picture: how returns, and lengths where they vary, are distributed.

Its bytes follow from the episodes and the version of matplotlib: neither time nor software is written into
it, and no setting of the user's is read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.card.markdown import number
from builder.episodes.spaces import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_BINS = 40
INK, BAR, LINE = "#333333", "#4878a8", "#c0504d"
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
}


@dataclass(frozen=True)
class Panel:
    """One histogram.

    Attributes:
        values: one per episode.
        title: above it.
        label: below it, with the unit.
        marks: values to draw a line at, and what they are.
    """

    values: Array
    title: str
    label: str
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class _Histogram:
    """What of a panel is drawn; `value` where all values are the same one."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    whole: bool
    value: float | None
    title: str
    label: str
    marks: tuple[tuple[float, str], ...]


def histogram_png(panels: list[Panel]) -> bytes:
    """Histograms side by side, as PNG."""
    with _hushed():
        return render(tuple(_histogram(panel) for panel in panels))


def _histogram(panel: Panel) -> _Histogram:
    edges = bin_edges(panel.values)
    counts, _ = np.histogram(panel.values, edges)
    reach = 2 * (edges[-1] - edges[0])  # a mark further off would leave no room for the bars
    near = tuple(mark for mark in panel.marks if edges[0] - reach <= mark[0] <= edges[-1] + reach)
    whole = bool((panel.values % 1 == 0).all())
    value = float(panel.values[0]) if len(counts) == 1 else None
    return _Histogram(tuple(edges), tuple(counts), whole, value, panel.title, panel.label, near)


@contextmanager
def _hushed() -> Iterator[None]:
    """Without what matplotlib says of its caches, which a container's user may not be able to write."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@lru_cache(maxsize=64)  # drawing takes longer than a small build
def render(histograms: tuple[_Histogram, ...]) -> bytes:
    """The PNG of histograms side by side."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    buffer = BytesIO()
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(4.4 * len(histograms) + 0.6, 3.2), dpi=120, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        places = figure.subplots(1, len(histograms), squeeze=False).flat
        for axes, histogram in zip(places, histograms, strict=True):
            _draw(axes, histogram)
        canvas.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]  # matplotlib does not type it
    return buffer.getvalue()


def _draw(axes: Axes, drawn: _Histogram) -> None:
    from matplotlib.ticker import MaxNLocator

    edges = np.array(drawn.edges)
    widths = np.diff(edges)
    axes.bar(edges[:-1], drawn.counts, widths, align="edge", color=BAR, edgecolor="white", linewidth=0.5)
    axes.set_title(drawn.title, loc="left", fontweight="bold")
    axes.set_xlabel(drawn.label)
    axes.set_ylabel("episodes")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.margins(y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=drawn.whole))
    if drawn.value is not None:
        _draw_constant(axes, drawn.value, drawn.counts[0], width=widths[0])
    for (value, text), style in zip(drawn.marks, ("--", ":"), strict=False):
        axes.axvline(value, color=LINE, linestyle=style, linewidth=1.4, label=f"{text} {number(value)}")
    if drawn.marks:
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)


def _draw_constant(axes: Axes, value: float, episodes: int, *, width: float) -> None:
    """One bar in the middle, and its value in words."""
    axes.set_xlim(value - 4 * width, value + 4 * width)
    axes.set_xticks([value], [number(value)])
    axes.text(value + 0.7 * width, episodes, f"all {episodes:,} alike", va="top")


def bin_edges(values: Array) -> Array:
    """Edges of at most 40 equal bins; whole numbers get bins of a whole width around them."""
    low, high = float(values.min()), float(values.max())
    whole = bool((values == np.round(values)).all())
    if low == high:
        return (
            np.array([low - 0.5, low + 0.5]) if whole else low + np.array([-0.5, 0.5]) * (abs(low) / 10 or 1)
        )
    wanted = min(MAX_BINS, max(8, math.ceil(2 * len(values) ** (1 / 3))))  # Rice's rule
    if not whole:
        return np.linspace(low, high, wanted + 1)
    width = math.ceil((high - low + 1) / wanted)
    return np.arange(low - 0.5, high + width + 0.5, width)[: math.ceil((high - low + 1) / width) + 1]
