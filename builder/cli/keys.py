"""The keys of a verb, one line each: what its files in `conf/` say of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.config import INTERFERENCES

LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):(?: +(?P<value>[^#\s][^#]*?))?(?: +# (?P<about>.*))?")
GROUP = re.compile(r"  - (?P<group>\w+): (?P<option>\w+|\?\?\?)(?: +#.*)?")
BASES = {"expert": "base"}
"""Groups of many files whose keys stand in one of them."""
LEFT_OUT = {"reference": tuple(f"rollout.{key}" for key in (*INTERFERENCES, "tolerance", "on_error"))}
"""Keys of a group that a verb does not play with."""
WIDTH = 32


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        name: as it is typed, with its group: `rollout.lanes`.
        default: as the file has it.
        about: what the file says of it; "": nothing.
        heads: it is a group, and its own keys follow.
    """

    name: str
    default: str
    about: str
    heads: bool = False

    @property
    def line(self) -> str:
        """As `--help` prints it; a group is a heading, and a choice where there is more than one of it."""
        if self.heads and self.default == "default":
            return f"\n  {self.name}: {self.about}"
        line = f"  {f'{self.name}={self.default}':{WIDTH}}  {self.about}".rstrip()
        return f"\n{line}" if self.heads else line


def keys(verb: str, conf: Path) -> tuple[Key, ...]:
    """The keys of a verb, its own first, then those of its groups; a group's file is read once.

    Args:
        verb: the name of its file.
        conf: the folder of the files.
    """
    lines = (conf / f"{verb}.yaml").read_text(encoding="utf-8").splitlines()
    found = [*_keys(lines, "")]
    for match in filter(None, map(GROUP.fullmatch, lines)):
        group, option = match["group"], BASES.get(match["group"], match["option"])
        within = (conf / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
        found += [
            Key(group, match["option"], _about(within), heads=True),
            *(key for key in _keys(within, f"{group}.") if key.default != "???"),
        ]
    left_out = LEFT_OUT.get(verb, ())
    return tuple(
        key for key in found if key.name not in left_out and key.name.partition(".")[0] != "defaults"
    )


def _about(lines: Iterable[str]) -> str:
    """What a file says of itself, in its first line."""
    first = next(iter(lines), "")
    return first.removeprefix("# ") if first.startswith("# ") else ""


def _keys(lines: Iterable[str], prefix: str) -> Iterator[Key]:
    above: list[tuple[int, str]] = []
    for match in filter(None, map(LINE.fullmatch, lines)):
        indent = len(match["indent"])
        above = [(depth, name) for depth, name in above if depth < indent]
        name = ".".join([*(name for _, name in above), match["key"]])
        if match["value"] is None:
            above.append((indent, match["key"]))
        else:
            yield Key(prefix + name, match["value"], match["about"] or "")
