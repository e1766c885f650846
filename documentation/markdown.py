"""Words of the code as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MARK = "<!-- made by `make pages`; change the code that it is made from -->"


def page(title: str, *parts: str) -> str:
    """A page that says that it is made.

    Args:
        title: its heading.
        parts: its paragraphs, tables and sections; empty ones are left out.
    """
    return "\n\n".join([f"# {title}", MARK, *filter(None, parts)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or "" where it has no rows; cells are Markdown already."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines]) if lines else ""


def code(text: str) -> str:
    """As code, in a cell of a table or elsewhere; "" stays so."""
    quoted = text.replace("|", "\\|").replace("\n", " ")
    if "`" in quoted:
        return f"`` {quoted} ``"
    return f"`{quoted}`" if quoted else ""


def words(text: str) -> str:
    """A sentence of the code: what is code in it stays so, all else means itself."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        code(part[1:-1]) if part.startswith("`") and len(part) > 1 else _escaped(part) for part in parts
    )


def _escaped(text: str) -> str:
    return re.sub(r"([|<*_\[\]{}$~\\`#])", r"\\\1", text)
