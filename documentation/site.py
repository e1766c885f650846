"""A look at a built site: links that lead nowhere, and what would be fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}
"""What a browser asks for by itself, without a click."""
INERT = {"canonical", "next", "prev", "search", "index", "author", "license"}
"""Kinds of `<link>` that no browser fetches."""
ELSEWHERE = re.compile(r"""(?:@import\s+|url\()\s*["']?(?:https?:)?//""")


@dataclass
class Page(HTMLParser):
    """What one page names.

    Attributes:
        ids: what can be linked to.
        links: where its links lead.
        fetched: what is loaded with it.
    """

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.update(filter(None, [given.get("id"), given.get("name") if tag == "a" else None]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif tag in FETCHED and given.get(FETCHED[tag]) and given.get("rel") not in INERT:
            self.fetched.append(str(given[FETCHED[tag]]))


def faults(site: Path) -> list[str]:
    """Every link within a site that leads nowhere, and everything that it would fetch from elsewhere.

    Args:
        site: the folder of the built site.

    Returns:
        a line for each; none: it can be read without a network, and every link holds.
    """
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.relative_to(site).parts]
    pages = {path.resolve(): _read(path) for path in paths}
    found = [] if pages else [f"{site}: there is no page"]
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        found += [f"{name}: fetches {url}" for url in page.fetched if _is_elsewhere(url)]
        found += [f"{name}: {url} leads nowhere" for url in page.links if not _holds(url, path, pages)]
        found += [
            f"{name}: {url} is not there"
            for url in page.fetched
            if not _is_elsewhere(url) and not url.startswith("data:") and not _target(url, path).exists()
        ]
    found += [
        f"{path.relative_to(site).as_posix()}: fetches from elsewhere"
        for path in sorted(site.rglob("*.css"))
        if ELSEWHERE.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    return sorted(set(found))


def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _is_elsewhere(url: str) -> bool:
    return bool(urlsplit(url).netloc)


def _target(url: str, path: Path) -> Path:
    place = unquote(urlsplit(url).path)
    return (path.parent / place).resolve() if place else path


def _holds(url: str, path: Path, pages: Mapping[Path, Page]) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return True
    target = _target(url, path)
    if not target.exists():
        return False
    page = pages.get(target)
    return not parts.fragment or page is None or unquote(parts.fragment) in page.ids
