"""`benchmarks/RESULTS.md`: one section per part, with the machine and the versions it was measured on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TARGET = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `python -m benchmarks`; a part that is measured again replaces its own section. Seconds are those
of the machine named below a section, which other work may have kept busy (its load is there too): only ratios
of one section mean something.
"""
PACKAGES = ("gymnasium", "stable-baselines3", "torch", "numpy", "pyarrow", "datasets")


@dataclass(frozen=True)
class Section:
    """What a part has found.

    Attributes:
        title: of the section.
        text: what is measured, and how.
        columns: of the table, the first one left-aligned.
        rows: the cells.
        notes: lines below the table.
        versions: of packages beyond those that every section names.
    """

    title: str
    text: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def markdown(self) -> str:
        """As the file holds it."""
        notes = "".join(f"* {note}\n" for note in self.notes)
        parts = [f"## {self.title}\n", f"{self.text.strip()}\n", table(self.columns, self.rows), notes]
        return "\n".join([*filter(None, parts), f"{self._measured_on()}\n"])

    def _measured_on(self) -> str:
        found = {name: _version(name) for name in PACKAGES} | dict(self.versions)
        versions = ", ".join(f"{name} {number}" for name, number in found.items())
        load = os.getloadavg()[1]
        return (
            f"<sub>{processor()}, {os.cpu_count()} cores, load {load:.1f};"
            f" Python {platform.python_version()}, {versions}</sub>"
        )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its first column left-aligned."""
    align = ["---", *("---:" for _ in columns[1:])]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, align, *rows))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def processor() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    return found.group(1).strip() if found else platform.machine()


def write(section: Section) -> None:
    """Put a section in its place in the file, after those that are there if it is new."""
    known = TARGET.read_text().split("\n## ")[1:] if TARGET.is_file() else []
    sections = {text.partition("\n")[0]: f"## {text.rstrip()}\n" for text in known}
    sections[section.title] = section.markdown
    TARGET.write_text("\n".join([HEAD, *sections.values()]))
