"""A split as a REPL and a notebook show it: no step is read for it, and it never fails."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builder.card.markdown import numbers
from builder.dataset.columns import known
from builder.episodes.notebook import MOST_ARRAYS, data_uri, shown, table
from builder.episodes.spaces import Array, Spaces, leaves
from builder.errors import BuilderError, DatasetError
from builder.loading.blocks import NEXT, OBSERVATION
from builder.loading.shapes import Steps
from builder.loading.split_tables import SplitTables
from builder.storage.tree import inside

PREVIEWS = {
    "assets/preview.webp": ("image/webp", b"RIFF"),
    "assets/returns.png": ("image/png", b"\x89PNG"),
    "assets/components.png": ("image/png", b"\x89PNG"),
}
"""What may be shown of a dataset, the first that is there; the kind of each, and how its file begins."""
PREVIEW_BYTES = 2_000_000
"""A larger file is not put into a page."""
MOST_PLAYERS = 4
"""So many players of a merged dataset are named."""


@dataclass(frozen=True)
class Summary:
    """What is said of a split, or of some of its episodes.

    Attributes:
        where: the folder.
        split: its name.
        environment: its id, as the manifest has it; "": not known.
        expert: who played; "": not known.
        episodes: how many.
        of: how many the whole split has.
        lengths: how many steps of each are here.
        returns: of the episodes; none where they are not known.
        columns: of the steps, with dtype and shape.
        frames: how many observations are stacked; 0: none.
        every: of so many steps one is kept.
        wrong: why the files cannot be read; "": they can.
    """

    where: str
    split: str
    environment: str
    expert: str
    episodes: int
    of: int
    lengths: Array
    returns: Array
    columns: tuple[str, ...]
    frames: int = 0
    every: int = 1
    wrong: str = ""


def summary(
    tables: SplitTables, positions: Array | None, kept: Steps | None = None, frames: int = 0
) -> Summary:
    """What is said of a split.

    Args:
        tables: of the split.
        positions: of the episodes in its table; None: all of them.
        kept: which of their steps; None: all.
        frames: how many observations come stacked; 0: they are single.
    """
    inputs, nothing = tables.manifest.inputs, np.empty(0)
    wrong = ""
    found: dict[str, Array] = {}
    columns: tuple[str, ...] = ()
    try:
        found = tables.of_episodes("length", "episode_return")
        names = tables.known_columns(positions)
        more = [NEXT] if kept is not None and NEXT not in names and tables.has_finals(positions) else []
        columns = tuple(_columns([*names, *more], tables.spaces, frames))
    except BuilderError as error:
        wrong = str(error)
    chosen = slice(None) if positions is None else positions
    return Summary(
        where=tables.where,
        split=tables.split,
        environment=str(inputs.get("environment", {}).get("id") or ""),
        expert=_players(inputs["merged"])
        if "merged" in inputs
        else _expert(inputs.get("expert", {}), inputs.get("imported", {})),
        episodes=tables.count if positions is None else len(positions),
        of=tables.count,
        lengths=_counts(found["length"], kept)[chosen] if found else nothing,
        returns=found["episode_return"][chosen] if "episode_return" in found else nothing,
        columns=columns,
        frames=frames,
        every=1 if kept is None else kept.every,
        wrong=wrong,
    )


def _counts(lengths: Array, kept: Steps | None) -> Array:
    """How many steps of each episode are kept."""
    return lengths if kept is None else kept.counts(lengths)


def _players(merged: Mapping[str, Any]) -> str:
    """Who played in the parts of a merged dataset."""
    names = list(dict.fromkeys(source.get("policy", "somebody") for source in merged["sources"]))
    return ", ".join(
        [*names[:MOST_PLAYERS], *([f"{len(names) - MOST_PLAYERS} more"] if names[MOST_PLAYERS:] else [])]
    )


def _expert(expert: dict[str, object], imported: dict[str, object]) -> str:
    name = expert.get("name") or imported.get("policy") or ""
    home = expert.get("repo_id") or expert.get("source")
    return f"{name} ({home})" if name and home else str(name)


def _columns(names: Sequence[str], spaces: Spaces, frames: int) -> Iterator[str]:
    """Each column's name, dtype and shape, leaf by leaf."""
    columns = known(spaces)
    for name in names:
        column = columns.get(name)
        space = column.space(spaces) if column else None
        if column is None or space is None:
            yield f"{name} {column.kind}" if column else name
            continue
        for leaf, label in zip(leaves(space), column.names(spaces), strict=not column.nullable):
            stacked = [frames] if frames and name in (OBSERVATION, NEXT) else []
            shape = [*stacked, *leaf.shape]
            yield f"{label} {leaf.dtype}" + (f" {shape}" if shape else "")


def rows(found: Summary) -> dict[str, str]:
    """What is said, by what it is."""
    part = "" if found.episodes == found.of else f" of {found.of:,}"
    said = {
        "environment": found.environment or "not known",
        "expert": found.expert or "not known",
        "episodes": f"{found.episodes:,}{part}",
    }
    if found.wrong:
        return {**{key: shown(value) for key, value in said.items()}, "unreadable": shown(found.wrong)}
    thin = f", one in {found.every}" if found.every > 1 else ""
    said["steps"] = f"{int(found.lengths.sum()):,}{thin}"
    said["return"] = _returns(found.returns)
    if found.frames:
        said["stacked"] = f"{found.frames} observations"
    rest = len(found.columns) - MOST_ARRAYS
    more = [f"{rest} more"] if rest > 0 else []
    columns = ", ".join(map(shown, [*found.columns[:MOST_ARRAYS], *more]))
    return {**{key: shown(value) for key, value in said.items()}, "columns": columns}


def _returns(returns: Array) -> str:
    if not len(returns) or np.isnan(returns).all():
        return "not known"
    returns = returns[~np.isnan(returns)]  # of a merged dataset, those of which a return is known
    with np.errstate(all="ignore"):
        mean, std, least, most = numbers(*(float(f(returns)) for f in (np.mean, np.std, np.min, np.max)))
    return f"{mean} ± {std}, {least} to {most}"


def text(found: Summary) -> str:
    """A split in a few lines."""
    said = rows(found)
    width = max(map(len, said))
    head = f"Trajectories {shown(found.where)}, split {shown(found.split)}"
    return "\n".join([head, *(f"  {name:<{width}}  {value}" for name, value in said.items())])


def page(found: Summary, folder: Path | None) -> str:
    """A split as HTML.

    Args:
        found: what is said of it.
        folder: of the dataset, to look for a preview in; None: without.
    """
    head = html.escape(f"{shown(found.where)}, split {shown(found.split)}")
    picture = preview(folder) if folder is not None else ""
    return f"<div><p><strong>Trajectories</strong> {head}</p>{table(rows(found))}{picture}</div>"


def preview(folder: Path) -> str:
    """The picture of a dataset as an HTML element; "": there is none that can be shown."""
    for name, (kind, begins) in PREVIEWS.items():
        try:
            path = inside(folder, name)
            if path.stat().st_size > PREVIEW_BYTES:
                continue
            content = path.read_bytes()
        except (DatasetError, OSError):
            continue
        if content.startswith(begins):
            style = "max-width:100%;background:#fff;margin-top:8px"
            return f'<img alt="preview" style="{style}" src="{data_uri(content, kind)}">'
    return ""
