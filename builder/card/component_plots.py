"""How observations and actions are distributed: a histogram each of what varies, words for what does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from builder.card.columns import documented_id
from builder.card.contents import Contents
from builder.card.histogram import can_be_drawn
from builder.card.markdown import code, count_of, number, plain
from builder.card.plot import Choices, Component, components_png
from builder.card.sample import Part, Sample
from builder.environments.components import choice_names, components
from builder.episodes.spaces import Array, Spaces

MOST_PANELS = 24
MOST_OF_ACTIONS = 12
"""Panels that actions have at the most where observations would lack theirs."""
MOST_CHOICES = 18
"""A choice among more is a histogram."""
LISTED = 8
"""So many constant components are named."""


@dataclass(frozen=True)
class Series:
    """One component in all steps that were looked at.

    Attributes:
        part: observation or action.
        place: where it stands, as one writes it in Python.
        meaning: what it is, with its unit; empty where that is not documented.
        values: [steps].
        names: of the choices that are all of the action, from `start` on; empty: it is none such.
        start: the first of them.
    """

    part: str
    place: str
    meaning: str
    values: Array
    names: tuple[str, ...] = ()
    start: int = 0


@dataclass(frozen=True)
class Drawn:
    """What becomes of the components.

    Attributes:
        panels: drawn.
        left_out: not drawn, since there are more important ones, or their values are too far apart.
        constant: in words.
    """

    panels: tuple[Series, ...]
    left_out: int
    constant: tuple[Series, ...]


def components_picture(drawn: Drawn) -> bytes | None:
    """The picture; None: nothing varies, or could be drawn."""
    choices, parts = [], []
    for series in drawn.panels:
        if series.names:
            counts = np.bincount(series.values - series.start, minlength=len(series.names))
            choices.append(Choices(counts.tolist(), series.names, f"Share of each {series.place}"))
        else:
            finite = series.values[np.isfinite(series.values)]
            parts.append(Component(finite.astype(np.float64), series.place, series.meaning))
    return components_png(choices, parts) if choices or parts else None


def component_sentences(drawn: Drawn, sample: Sample) -> str:
    """Of how many steps is drawn what is drawn, and what is not."""
    return " ".join([*_of_steps(drawn, sample), *_constants(drawn), *_not_looked_at(sample)])


def _of_steps(drawn: Drawn, sample: Sample) -> Iterator[str]:
    if drawn.panels:
        steps = f"all {sample.total:,} steps"
        if sample.steps < sample.total:
            steps = f"{sample.steps:,} of {sample.total:,} steps, in evenly spaced stretches"
        yield f"How each component is distributed over {steps}."
        if not all(series.names for series in drawn.panels):
            yield "Bars of histograms are as high as the square roots of counts, so that what is rare shows."
    if drawn.left_out:
        count = drawn.left_out
        yield f"{count_of(count, 'more component')} {'is' if count == 1 else 'are'} not drawn."


def _constants(drawn: Drawn) -> Iterator[str]:
    named = [
        f"{code(series.place)} is always {_value(series)}"
        + (f" ({plain(series.meaning)})" if series.meaning and not series.names else "")
        for series in drawn.constant[:LISTED]
    ]
    if more := len(drawn.constant) - LISTED:
        named += (
            [f"{count_of(more, 'more component')} {'is' if more == 1 else 'are'} constant too"]
            if more > 0
            else []
        )
    if named:
        yield "; ".join(named) + "."


def _value(series: Series) -> str:
    value = series.values[0]
    chosen = series.names[int(value) - series.start] if series.names else ""
    meant = f" ({plain(chosen)})" if chosen and chosen != str(value) else ""
    return f"{number(float(value))}{meant}"


def _not_looked_at(sample: Sample) -> Iterator[str]:
    for part in sample.parts:
        if part.values is None:
            what = "pixels" if part.leaf.dtype == np.uint8 else "too many components"
            yield f"{code(part.name)} holds {what}, which are not drawn."


def drawn_of(contents: Contents, sample: Sample) -> Drawn:
    """Which components are drawn: as many of the first ones as there is room for."""
    spaces = contents.manifest.spaces
    env_id = documented_id(contents.manifest.inputs.get("environment", {}))
    found = [
        series
        for part in sample.parts
        if part.values is not None and len(part.values)
        for series in _series(part, part.values, spaces, env_id)
    ]
    alike = [bool((series.values == series.values[0]).all()) for series in found]
    constant = tuple(series for series, same in zip(found, alike, strict=True) if same)
    rest = [series for series, same in zip(found, alike, strict=True) if not same]
    varying = [series for series in rest if can_be_drawn(series.values[np.isfinite(series.values)])]
    observed = [series for series in varying if series.part == "observation"]
    done = [series for series in varying if series.part == "action"]
    panels = done[: max(MOST_OF_ACTIONS, MOST_PANELS - len(observed))]
    shown = (*observed[: MOST_PANELS - len(panels)], *panels)
    return Drawn(shown, len(rest) - len(shown), constant)


def _series(part: Part, values: Array, spaces: Spaces, env_id: str) -> Iterator[Series]:
    space = getattr(spaces, part.part)
    if part.part == "action" and isinstance(space, gym.spaces.Discrete) and space.n <= MOST_CHOICES:
        start = int(space.start)
        names = choice_names(env_id, part.part, space) or [str(start + index) for index in range(space.n)]
        yield Series(part.part, part.name, "", values, tuple(names), start)
        return
    documented = components(env_id, part.part, space)
    flat = values.reshape(len(values), -1)
    for index in range(flat.shape[1]):
        meaning = ""
        if documented:
            known = documented[part.first + index]
            meaning = f"{known.name} ({known.unit})" if known.unit else known.name
        yield Series(part.part, f"{part.name}{_index(index, part.leaf.shape)}", meaning, flat[:, index])


def _index(index: int, shape: Sequence[int]) -> str:
    places = np.unravel_index(index, shape) if shape else ()
    return f"[{', '.join(str(int(place)) for place in places)}]" if shape else ""
