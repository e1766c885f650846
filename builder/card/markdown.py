"""Values as Markdown: numbers, code, tables. Manifests are strangers' too, so nothing is put in unquoted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

MAX_DECIMALS, MAX_DIGITS = 8, 15
"""Beyond these, figures are shown with an exponent."""
_PLAIN = re.compile(r"[(]?[A-Za-z0-9]+([-.'/=,][A-Za-z0-9]+)*[).,;:]*")
"""A word that means nothing to Markdown."""


def numbers(*values: float) -> list[str]:
    """Figures as the card shows them: whole numbers in full, others to the same decimals.

    The largest has at least four significant digits.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if all(not math.isfinite(value) or value == int(value) for value in values):
        decimals = 0
    else:
        decimals = max(2, 3 - math.floor(math.log10(largest)))
    extreme = decimals > MAX_DECIMALS or largest >= 10**MAX_DIGITS
    return [_number(value, ".3e" if extreme else f",.{decimals}f") for value in values]


def number(value: float) -> str:
    """One figure as the card shows it."""
    return numbers(value)[0]


def _number(value: float, form: str) -> str:
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    text = format(value, form)
    return text if text.strip("-0.") else text.removeprefix("-")  # no negative zero


def share(part: int, whole: int) -> str:
    """A share in per cent, `100%` and `0%` only where it is all or none."""
    if part in (0, whole):
        return "100%" if part else "0%"
    return f"{min(max(100 * part / whole, 0.01), 99.99):.2f}%"


def code(value: object) -> str:
    """A text as inline code on one line, whatever it holds."""
    text = " ".join(str(value).split()) or " "
    if "`" not in text:
        return f"`{text}`"
    longest = max(len(run) for run in "".join(c if c == "`" else " " for c in text).split())
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"


def block(text: str, language: str) -> str:
    """A text of others as a block of code, whatever it holds."""
    lines = [
        "".join(letter for letter in line if letter == "\t" or letter.isprintable())
        for line in text.strip().splitlines()
    ]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])


def plain(text: object) -> str:
    """A text of others as a part of a paragraph: whatever could mean something to Markdown is put in code."""
    return " ".join(word if _PLAIN.fullmatch(word) else code(word) for word in str(text).split())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a head that ends in a colon is aligned to the right."""
    rule = ["---:" if head.endswith(":") else "---" for head in heads]
    lines = [[head.removesuffix(":") for head in heads], rule, *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def count_of(count: int, what: str) -> str:
    """A count of things, in the singular where it is one."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def share_of(count: int, total: int) -> str:
    """A count, and what share of all it is."""
    return f"{number(count)} ({share(count, total)})"
