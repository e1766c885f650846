"""The card's two pictures: how episodes went, and how observations and actions are distributed.

Their bytes follow from the values and the versions of numpy and Pillow: no time, no setting of the user's and
no font of the machine's is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from builder.card.canvas import (
    BAR,
    HAIR,
    LINE,
    MARK,
    REJECTED,
    TITLE,
    WIDTH,
    Canvas,
    in_lines,
    shortened,
    width_of,
)
from builder.card.histogram import bin_edges, counted, is_whole, ticks
from builder.card.markdown import number, share
from builder.episodes.spaces import Array

GAP = 56
"""Between panels side by side."""
PANEL_HEIGHT, PANEL_TOP, PANEL_BOTTOM = 440, 100, 350
KEY_HEIGHT = 36
"""Of a panel of episodes: with everything, where its bars begin and end, and what tells of its colours."""
COLUMNS = 4
CELL_BARS, CELL_HEAD, CELL_FOOT = 106, 42, 54
LINE_HEIGHT = 29
"""Of a panel of one component: its bars, what is above and below them, and a line of its name."""
CELL_BINS = 36
CHOICES_TOP, CHOICES_FOOT = 62, 30
ROW = 38
"""Of a choice: what is above and below the bars, and the height of one."""
NAMES = 520
"""The most room that names of bars take."""
NO_VALUES = np.empty(0)


@dataclass(frozen=True)
class Panel:
    """The histogram of something that each episode has.

    Attributes:
        values: one per episode, finite and not all the same.
        title: above it.
        label: below it, with the unit.
        marks: values to draw a line at, and what they are.
        rejected: values of attempts that are not in the dataset.
        weight: how many attempts each of them stands for.
        border: a value that is an edge of bins, so that none has values of either side; None: any edges.
    """

    values: Array
    title: str
    label: str
    marks: tuple[tuple[float, str], ...] = ()
    rejected: Array = field(default_factory=lambda: NO_VALUES)
    weight: float = 1.0
    border: float | None = None


@dataclass(frozen=True)
class Component:
    """The histogram of one component; its bars are as high as the square roots of counts.

    Attributes:
        values: one per step, finite and not all the same.
        title: where it stands.
        name: what it is, with its unit; may be empty.
    """

    values: Array
    title: str
    name: str


@dataclass(frozen=True)
class Choices:
    """How often each of a few choices was taken.

    Attributes:
        counts: one per choice.
        names: of the choices.
        title: above them.
    """

    counts: Sequence[int]
    names: Sequence[str]
    title: str


def episodes_png(panels: Sequence[Panel]) -> bytes:
    """Histograms side by side."""
    canvas = Canvas(PANEL_HEIGHT)
    width = (WIDTH - GAP * (len(panels) - 1)) / len(panels)
    top = PANEL_TOP - (0 if any(panel.marks or len(panel.rejected) for panel in panels) else KEY_HEIGHT)
    for index, panel in enumerate(panels):
        _draw_panel(canvas, panel, (index * (width + GAP), top), width)
    return canvas.png()


def components_png(choices: Sequence[Choices], parts: Sequence[Component]) -> bytes:
    """Bars of choices below each other, and below these the histograms of components, four in a row."""
    heights = [CHOICES_TOP + ROW * len(each.counts) + CHOICES_FOOT for each in choices]
    width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    head = CELL_HEAD + LINE_HEIGHT * max((len(in_lines(part.name, width)) for part in parts), default=0)
    cell = head + CELL_BARS + CELL_FOOT
    canvas = Canvas(sum(heights) + cell * math.ceil(len(parts) / COLUMNS))
    for index, each in enumerate(choices):
        _draw_choices(canvas, each, sum(heights[:index]))
    for index, part in enumerate(parts):
        row, column = divmod(index, COLUMNS)
        place = column * (width + GAP), sum(heights) + row * cell
        _draw_component(canvas, part, place, (width, cell - CELL_FOOT))
    return canvas.png()


@dataclass(frozen=True)
class _Axis:
    """Values along a panel.

    Attributes:
        start: where the lowest is, in pixels.
        low: the lowest.
        high: the highest.
        scale: pixels for a difference of one.
    """

    start: float
    low: float
    high: float
    scale: float

    def place(self, value: Any) -> Any:
        """Where a value is, or values are, in pixels."""
        return self.start + (value - self.low) * self.scale


def _draw_panel(canvas: Canvas, panel: Panel, place: tuple[float, float], width: float) -> None:
    """Draw a panel; its place is where its title begins, and how high its bars may reach."""
    left, top = place
    values = np.concatenate([panel.values, panel.rejected])
    edges = bin_edges(values, border=panel.border)
    kept = np.histogram(panel.values, edges)[0]  # which knows exactly on which side of an edge a value is
    heights = kept + panel.weight * np.histogram(panel.rejected, edges)[0]
    reach = 2 * (edges[-1] - edges[0])  # a mark further off would leave no room for the bars
    marks = [mark for mark in panel.marks if edges[0] - reach <= mark[0] <= edges[-1] + reach]
    low, high = (f([edges[-end], *(value for value, _ in marks)]) for end, f in ((0, min), (1, max)))
    canvas.text((left, TITLE / 2 + 2), shortened(panel.title, width, TITLE), size=TITLE)
    _draw_key(canvas, panel, marks, left)
    scale, margin = _draw_counts(canvas, float(heights.max()) * 1.05, place, width)
    axis = _Axis(left + margin, low, high, (width - margin - 8) / (high - low))
    _draw_bars(canvas, axis.place(edges), kept * scale, heights * scale)
    _draw_values(canvas, axis, whole=is_whole(values))
    canvas.text((left + margin, PANEL_HEIGHT - 22), shortened(panel.label, width - margin))
    for value, _ in marks:
        for start in np.arange(top - 6.0, PANEL_BOTTOM, 14.0):
            end = min(start + 9, PANEL_BOTTOM)
            canvas.fill((axis.place(value) - 2, start, axis.place(value) + 1, end), MARK)


def _draw_counts(
    canvas: Canvas, highest: float, place: tuple[float, float], width: float
) -> tuple[float, float]:
    """Draw lines at counts; return the pixels for a count of one, and the room for numbers."""
    counts, labels = ticks(0, highest, most=4, whole=True)
    left, top = place
    margin, scale = max(map(width_of, labels)) + 12, (PANEL_BOTTOM - top) / highest
    for count, label in zip(counts, labels, strict=True):
        middle = PANEL_BOTTOM - count * scale
        canvas.text((left + margin - 12 - width_of(label), middle), label)
        canvas.fill((left + margin, middle - 1, left + width, middle + 1), HAIR if count else LINE)
    return scale, margin


def _draw_bars(canvas: Canvas, places: Array, kept: Array, heights: Array) -> None:
    """Bars between places, up to what is kept, and from there up to all."""
    for index in np.flatnonzero(heights):
        start, end = places[index] + 1, max(places[index] + 2, places[index + 1] - 1)
        middle = PANEL_BOTTOM - max(float(kept[index]), 2.0 if kept[index] else 0.0)
        if heights[index] > kept[index]:
            canvas.fill((start, PANEL_BOTTOM - heights[index], end, middle), REJECTED)
        if kept[index]:
            canvas.fill((start, middle, end, PANEL_BOTTOM), BAR)


def _draw_values(canvas: Canvas, axis: _Axis, *, whole: bool) -> None:
    """Round numbers below an axis, as many as there is room for."""
    end = -math.inf
    for value, label in zip(*ticks(axis.low, axis.high, most=6, whole=whole), strict=True):
        place, wide = axis.place(value), width_of(label)
        start = min(max(0.0, place - wide / 2), WIDTH - wide)
        if start > end:
            canvas.fill((place - 1, PANEL_BOTTOM, place + 1, PANEL_BOTTOM + 8), LINE)
            canvas.text((start, PANEL_BOTTOM + 26), label)
            end = start + wide + 14


def _draw_key(canvas: Canvas, panel: Panel, marks: Sequence[tuple[float, str]], left: float) -> None:
    """What the colours mean, where there is more than one."""
    entries = [(MARK, f"{text} {number(value)}") for value, text in marks]
    if len(panel.rejected):
        entries = [(BAR, "accepted"), (REJECTED, "rejected"), *entries]
    for colour, text in entries:
        canvas.fill((left, 54, left + 16, 70), colour)
        canvas.text((left + 24, 62), text)
        left += 24 + width_of(text) + 26


def _draw_component(
    canvas: Canvas, part: Component, place: tuple[float, float], size: tuple[float, float]
) -> None:
    """Draw a component at a place; the size is of what is above its foot."""
    (left, top), (width, height) = place, size
    edges = bin_edges(part.values, most=CELL_BINS)
    counts = counted(part.values, edges)
    bottom = top + height
    canvas.text((left, top + 14), shortened(part.title, width))
    for line, text in enumerate(in_lines(part.name, width)):
        canvas.text((left, top + 14 + LINE_HEIGHT * (line + 1)), text)
    heights = np.sqrt(counts / counts.max()) * CELL_BARS
    places = left + np.linspace(0.0, width, len(edges))
    for index in np.flatnonzero(counts):
        highest = bottom - max(2.0, float(heights[index]))
        canvas.fill((places[index], highest, places[index + 1] - 1, bottom), BAR)
    canvas.fill((left, bottom, left + width, bottom + 2), LINE)
    ends = [_short(float(part.values.min())), _short(float(part.values.max()))]
    canvas.text((left, bottom + 18), ends[0])
    canvas.text((left + width - width_of(ends[1]), bottom + 18), ends[1])


def _draw_choices(canvas: Canvas, choices: Choices, top: float) -> None:
    canvas.text((0, top + 20), shortened(choices.title, WIDTH), size=TITLE)
    total = sum(choices.counts)
    names = [shortened(name, NAMES) for name in choices.names]
    start = max(map(width_of, names)) + 16
    room = (WIDTH - start - 120) / max(choices.counts)
    for index, (name, count) in enumerate(zip(names, choices.counts, strict=True)):
        middle = top + CHOICES_TOP + ROW * index + ROW / 2 - 8
        canvas.text((0, middle), name)
        length = max(2.0 if count else 0.0, count * room)
        if count:
            canvas.fill((start, middle - 11, start + length, middle + 11), BAR)
        canvas.text((start + length + 12, middle), share(count, total))


def _short(value: float) -> str:
    """A number in few letters."""
    if value == int(value) and abs(value) < 10**7:
        return f"{int(value):,}"
    return f"{value:.3g}"
