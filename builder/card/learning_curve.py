"""What was learned from a dataset, on its card: the curve, and the section that it stands in."""

from __future__ import annotations

import math
from itertools import pairwise

from builder.card.canvas import (
    BAR,
    HAIR,
    LINE,
    MARK,
    TITLE,
    WIDTH,
    Canvas,
    shortened,
    width_of,
)
from builder.card.histogram import ticks
from builder.card.markdown import code, count_of, number, numbers, plain, table
from builder.manifest.baseline import Baseline, Played, Point
from builder.manifest.manifest import LEARNING_CURVE

HEIGHT, TOP, BOTTOM = 560, 110, 470
ROOM = 60
"""Between the ends of the plot and its first and last number of demonstrations."""
STEP = 22
LONG, SHORT = 14, 5
"""From one dash to the next, and how long they are: the expert's and those of random actions, which are told
apart so without their colours."""
ALGORITHMS = {"bc": "behavioural cloning"}


def learning_curve_png(learned: Baseline) -> bytes:
    """Returns over the number of demonstrations: every clone, means with their intervals, expert and random.

    The same baseline gives the same bytes with the same version of Pillow.
    """
    return _Plot(learned).png()


class _Plot:
    """The picture while it is drawn; places are pixels from its top left."""

    def __init__(self, learned: Baseline) -> None:
        self._learned = learned
        self._canvas = Canvas(HEIGHT)
        played = [played for played in (learned.random, learned.expert) if played]
        values = [
            *(run.mean for run in learned.runs),
            *(end for point in learned.curve for end in (point.low, point.high)),
            *(each.mean for each in played),
        ]
        low, high = min(values), max(values)
        margin = 0.05 * (high - low) or max(1.0, abs(high)) * 0.05
        self._low, self._high = low - margin, high + margin
        self._ticks = list(zip(*ticks(self._low, self._high, most=6), strict=True))
        self._left = 24 + max((width_of(label) for _, label in self._ticks), default=0.0)

    def png(self) -> bytes:
        """All of it."""
        canvas = self._canvas
        canvas.text((0, TITLE / 2 + 2), "Return of clones by number of demonstrations", size=TITLE)
        self._draw_key()
        for value, label in self._ticks:
            canvas.text((self._left - 12 - width_of(label), self._height(value)), label)
            canvas.fill((self._left, self._height(value) - 1, WIDTH, self._height(value) + 1), HAIR)
        canvas.fill((self._left, BOTTOM, WIDTH, BOTTOM + 2), LINE)
        if self._learned.expert:
            self._draw_dashes(self._height(self._learned.expert.mean), (self._left, WIDTH), MARK, LONG)
        self._draw_dashes(self._height(self._learned.random.mean), (self._left, WIDTH), LINE, SHORT)
        self._draw_runs()
        self._draw_curve()
        canvas.text((self._left, HEIGHT - 22), "demonstrations (episodes)")
        return canvas.png()

    def _height(self, value: float) -> float:
        return BOTTOM - (value - self._low) / (self._high - self._low) * (BOTTOM - TOP)

    def _place(self, demos: int) -> float:
        """Where a number of demonstrations is: equal factors are equally far apart."""
        ends = [math.log(self._learned.curve[end].demos) for end in (0, -1)]
        if ends[0] == ends[1]:
            return (self._left + WIDTH) / 2
        share = (math.log(demos) - ends[0]) / (ends[1] - ends[0])
        return self._left + ROOM + share * (WIDTH - self._left - 2 * ROOM)

    def _draw_key(self) -> None:
        expert, random = self._learned.expert, self._learned.random
        left = self._left
        self._canvas.fill((left, 62, left + 16, 78), BAR)
        left = self._name(left + 24, "mean, 95% interval")
        self._canvas.frame((left, 64, left + 12, 76), BAR)
        left = self._name(left + 20, "each clone")
        if expert:
            self._draw_dashes(70, (left, left + STEP + LONG), MARK, LONG)
            left = self._name(left + STEP + LONG + 8, f"expert {number(expert.mean)}")
        self._draw_dashes(70, (left, left + STEP + LONG), LINE, SHORT)
        self._name(left + STEP + LONG + 8, f"random {number(random.mean)}")

    def _name(self, left: float, text: str) -> float:
        """Write what something in the key is; return where the next one begins."""
        self._canvas.text((left, 70), shortened(text, 420))
        return left + width_of(text) + 26

    def _draw_dashes(self, height: float, ends: tuple[float, float], colour: int, length: int) -> None:
        start, end = ends
        while start < end:
            self._canvas.fill((start, height - 1, min(start + length, end), height + 2), colour)
            start += STEP

    def _draw_runs(self) -> None:
        for run in self._learned.runs:
            x, y = self._place(run.demos) + 18, self._height(run.mean)
            self._canvas.frame((x - 6, y - 6, x + 6, y + 6), BAR)

    def _draw_curve(self) -> None:
        curve = self._learned.curve
        places = [(self._place(point.demos), self._height(point.mean)) for point in curve]
        for start, end in pairwise(places):
            self._canvas.line(start, end, BAR)
        for point, (x, y) in zip(curve, places, strict=True):
            self._canvas.fill((x - 2, self._height(point.high), x + 2, self._height(point.low)), BAR)
            self._canvas.fill((x - 8, y - 8, x + 8, y + 8), BAR)
            label = f"{point.demos:,}"
            self._canvas.text((x - width_of(label) / 2, BOTTOM + 26), label)


def baseline_section(learned: Baseline) -> str:
    """The section as Markdown, without its heading."""
    picture = f'<img src="{LEARNING_CURVE}" width="700" alt="Return of clones by number of demonstrations">'
    return "\n\n".join([picture, _table(learned), *_sentences(learned)])


def _table(learned: Baseline) -> str:
    scored = learned.scores is not None
    heads = [
        "demonstrations:",
        "mean return [95% interval]",
        *(["normalised:"] if scored else []),
        "each clone",
    ]
    rows = []
    for point in learned.curve:
        each = numbers(*(run.mean for run in learned.runs if run.demos == point.demos))
        score = learned.score(point.mean)
        shown = [] if score is None else [f"{100 * score:.1f}"]
        rows.append([f"{point.demos:,}", _interval(point), *shown, ", ".join(each)])
    return table(heads, rows)


def _interval(entry: Point | Played) -> str:
    mean, low, high = numbers(entry.mean, entry.low, entry.high)
    return f"{mean} [{low}, {high}]"


def _sentences(learned: Baseline) -> list[str]:
    train, clones = learned.train, len({run.seed for run in learned.runs})
    hidden = " and ".join(f"{units:,}" for units in train["hidden"]) or "no"
    against = [f"random actions reach {_interval(learned.random)}"]
    if learned.expert:
        against.append(f"the expert, unselected, {_interval(learned.expert)}")
    scale = " *Normalised*: random actions are 0, the expert is 100." if learned.scores else ""
    notes = [f"{plain(note[:1].upper() + note[1:])}." for note in learned.notes]
    how = (
        f"{ALGORITHMS[learned.algo].capitalize()}, {count_of(clones, 'clone')} for each number, of other"
        f" demonstrations of {code(learned.split)} and other first weights: {train['steps']:,} steps of Adam"
        f" with batches of {train['batch_size']:,} and a learning rate from {train['learning_rate']:g} to"
        f" nothing, {hidden} hidden units. Each played {count_of(learned.episodes, 'episode')} with its last"
        f" weights and its best actions; {', '.join(against)}, on the same seeds, of which no episode of this"
        f" dataset has one.{scale} The interval is a percentile bootstrap over the clones (of the expert and"
        " of random actions: over episodes). `il-builder verify level=baseline` trains them again."
    )
    return [how, *notes]
