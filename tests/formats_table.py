"""The table of docs/exchange.md: what every format brings back of each kind of dataset.

PYTHONPATH=tests python tests/formats_table.py      (make formats)
"""

import logging
import sys
import tempfile
from pathlib import Path

import kinds
import numpy as np
from places import ROOT

from builder import Controller, load
from builder.errors import BuilderError, ConfigError, MissingExtraError, SpaceError
from builder.exchange.export import ExportRequest, export
from builder.exchange.formats import FORMATS
from builder.exchange.importing import ImportRequest, import_

PAGE = ROOT / "docs/exchange.md"
BEGIN, END = "<!-- formats: made by `make formats` -->", "<!-- end of formats -->"
TITLES = {
    "vector": "float32 vectors",
    "float64": "float64",
    "image": "images",
    "dict": "Dict",
    "tuple": "Tuple",
    "whole": "Discrete",
    "choices": "MultiDiscrete actions",
    "start": "Discrete actions from -1",
    "binary": "MultiBinary actions",
    "plane": "2-D actions",
}
ORDERED = ("episode_index",)
"""Numbers in the order of the episodes, which a format may hold split by split."""
LINES = ("seed", "final_observation", "policy")
"""What of the table of episodes is looked for, beside the steps."""


def dataset(kind, folder):
    """A dataset of eight episodes of a kind of space, two of them in the split test."""
    kinds.register()
    what = ["expert=random", "env.id=Kind-v0", f"env.kwargs.kind={kind}", "episodes=8", "verify_sample=0"]
    Controller().start([*what, "dataset.test_fraction=0.25", f"out={folder}"])
    return folder


def lost(before, after):
    """The names of columns, or `test`, that an import does not have as they were."""
    known = {*load(after).manifest.splits}
    found = [] if "test" in known or "test" not in load(before).manifest.splits else ["test"]
    ours, theirs = (_columns(folder, known) for folder in (before, after))
    return found + [name for name in ours if name not in theirs or not _equal(ours[name], theirs[name])]


def _columns(folder, splits):
    """Every column in the order of train, then test; of one split only where the import has but one."""
    columns = {}
    names = ("train", "test")
    for split in (name for name in names if name in load(folder).manifest.splits):
        opened = load(folder, split=split)
        table = opened.episode_table
        lines = {f"{name} ": np.array(table[name], object) for name in LINES if name in table.column_names}
        for name, array in (opened.arrays() | lines).items():
            if name not in ORDERED:
                columns.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in columns.items()}


def _equal(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tolist() == other.tolist()


def cell(name, folder, scratch):
    """What comes back of a dataset by way of a format."""
    try:
        given = export(folder, ExportRequest(name, scratch / f"x{FORMATS[name].suffix}")).given
    except (ConfigError, SpaceError):
        return "refused"
    back = import_(ImportRequest(name, given, replay=False), scratch / "back").out
    names = sorted({column.strip().partition(".")[0] for column in lost(folder, back)})
    return "all" if not names else "less " + ", ".join(names)


def rows():
    """The cells of each format, in the order of the kinds."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {kind: dataset(kind, Path(scratch) / kind) for kind in kinds.KINDS}
        for name in (name for name, entry in FORMATS.items() if entry.write):
            found = {}
            for kind, folder in folders.items():
                place = Path(scratch) / f"{name}-{kind}"
                place.mkdir()
                try:
                    found[kind] = cell(name, folder, place)
                except MissingExtraError:
                    found[kind] = "extra missing"
                except BuilderError as error:
                    found[kind] = f"error: {error}"
            yield name, found


def text():
    """The table as Markdown: kinds that fare alike are put together."""
    lines = ["| format | comes back whole | comes back, but for | refused |", "|---|---|---|---|"]
    for name, cells in rows():
        groups = {}
        for kind, found in cells.items():
            groups.setdefault(found, []).append(TITLES[kind])
        whole, refused = (", ".join(groups.pop(key, [])) for key in ("all", "refused"))
        partly = "; ".join(
            f"{', '.join(titles)}: {found.removeprefix('less ')}" for found, titles in groups.items()
        )
        lines.append(f"| `{name}` | {whole} | {partly} | {refused} |")
    return "\n".join(lines)


def main():
    """Write the table into the page."""
    logging.disable(logging.WARNING)
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text()}\n{END}{rest.split(END)[1]}")
    sys.stdout.write("docs/exchange.md\n")


if __name__ == "__main__":
    main()
