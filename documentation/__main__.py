"""`python -m documentation`: write the pages made from the code; with `site=FOLDER`, look at a built site."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from documentation import api, errors, keys, manifest
from documentation.site import faults

DOCS = Path(__file__).parents[1] / "docs"


BY_HAND = "reference/index.md"
"""The one page among those that are made which is not."""


def made() -> dict[str, str]:
    """Every made page by its place below `docs/`."""
    return {**keys.pages(), **manifest.pages(), **errors.pages(), **api.pages()}


def write(docs: Path, pages: Mapping[str, str]) -> int:
    """Write the pages, and remove those that are made no more.

    Args:
        docs: the folder of the documents.
        pages: each by its place there.

    Returns:
        how many have changed.
    """
    for path in sorted((docs / "reference").rglob("*.md")):
        if path.relative_to(docs).as_posix() not in {*pages, BY_HAND}:
            path.unlink()
    changed = 0
    for name, text in pages.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed += 1
    return changed


def main(arguments: list[str]) -> int:
    """Do what the words say; the result is the exit code."""
    if arguments:
        found = faults(Path(arguments[0].removeprefix("site=")))
        print("\n".join(found) or f"looked at: {arguments[0]}")
        return 1 if found else 0
    pages = made()
    print(f"{write(DOCS, pages)} of {len(pages)} pages have changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
