"""The viewer as a static Space: a folder that any web server can serve, for any dataset of the Hub."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from builder.errors import ConfigError, ExistsError
from builder.show.film_queue import Draw, Key
from builder.show.site import PAGE, PAGE_FILES
from builder.storage.lock import locked
from builder.storage.paths import AnyPath
from builder.storage.staging import replaced
from builder.storage.tree import is_link

log = logging.getLogger(__name__)

ENDPOINT = "https://huggingface.co"
CDN = {ENDPOINT: ("https://*.huggingface.co", "https://*.hf.co")}
"""Where a Hub keeps its files: it answers with a redirect to there, which the page's policy must allow."""
MARK = "il_builder_viewer"
"""The key of `config.json` by which a folder is known as one that this module has written."""
CONFIG, INDEX, CARD = "config.json", "index.html", "README.md"
FILES = (*PAGE_FILES, CONFIG, CARD)
FILMS = "films"
OWN_FILM = re.compile(rf"{FILMS}/\w+-\d+\.mp4")
SOURCE = re.compile(r"https?://[A-Za-z0-9*](?:[A-Za-z0-9.*-]*[A-Za-z0-9])?(?::\d{1,5})?")
VIEWPORT = '<meta name="viewport"'
README = """---
title: {title}
emoji: 🎞️
colorFrom: green
colorTo: gray
sdk: static
pinned: false
---

Shows datasets that il-builder has built, in the browser: their
episodes as a table, as film and as time series. Any repository can be named in the address:
`?repo=user/name&revision=main`. The page reads the dataset's own Parquet files and asks nobody else.
"""


@dataclass(frozen=True)
class Filmed:
    """Episodes whose films stand beside the page.

    Attributes:
        fingerprint: of the dataset; the films are shown with no other.
        episodes: split and `episode_index` of each.
        draw: makes a film.
    """

    fingerprint: str
    episodes: Sequence[Key]
    draw: Draw


@dataclass(frozen=True)
class Space:
    """What a static page shows.

    Attributes:
        endpoint: the Hub.
        repo_id: the repository that is shown where the address names none; None: it must name one.
        revision: of it; None: the branch `main`.
        cdn: further hosts at which the Hub keeps its files.
        names: of components, by environment.
        filmed: episodes with a film beside the page; None: none.
    """

    endpoint: str = ENDPOINT
    repo_id: str | None = None
    revision: str | None = None
    cdn: Sequence[str] = ()
    names: Mapping[str, Any] = field(default_factory=dict)
    filmed: Filmed | None = None


def write_space(out: Path, space: Space, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write the page as a static Space.

    Args:
        out: the folder.
        space: what it shows.
        overwrite: write into a folder that holds something else, over files of the same names.

    Returns:
        The names of its files.

    Raises:
        ExistsError: the folder holds something else.
        ConfigError: a host is none.
        StorageError: the disk is full or not writable.
        BuilderError: a film cannot be drawn.
    """
    hosts = _hosts(space)
    _check_place(out, overwrite=overwrite)
    title = f"Episodes of {space.repo_id}" if space.repo_id else "Episodes of a dataset"
    with locked(out), replaced(out, INDEX, _written) as folder:
        for name in PAGE_FILES:
            shutil.copyfile(PAGE / name, folder / name)
        page = (PAGE / INDEX).read_text(encoding="utf-8")
        (folder / INDEX).write_text(with_policy(page, hosts), encoding="utf-8")
        films = _draw(space.filmed, folder / FILMS) if space.filmed else []
        config = json.dumps(_config(space, films), indent=1, sort_keys=True)
        (folder / CONFIG).write_text(f"{config}\n", encoding="utf-8")
        (folder / CARD).write_text(README.format(title=title), encoding="utf-8")
    return (*FILES, *films)


def _config(space: Space, films: Sequence[str]) -> dict[str, Any]:
    """What the page is told."""
    return {
        MARK: 1,
        "endpoint": space.endpoint,
        "repo": space.repo_id,
        "revision": space.revision,
        "names": dict(space.names),
        "filmed": {"fingerprint": space.filmed.fingerprint, "films": list(films)} if space.filmed else None,
    }


def _draw(filmed: Filmed, folder: Path) -> list[str]:
    """Draw the films; their names in the folder of the page."""
    folder.mkdir()
    names = []
    for number, (split, episode) in enumerate(filmed.episodes, 1):
        log.info("film %d of %d: episode %d of %s", number, len(filmed.episodes), episode, split)
        path = folder / f"{split}-{episode}.mp4"
        filmed.draw(split, episode, path, lambda _, __: None)
        names.append(f"{FILMS}/{path.name}")
    return names


def _written(out: AnyPath) -> tuple[str, ...]:
    """The files of a folder that this module has written, or writes anew."""
    films = _told(out).get("filmed") or {}
    return (*FILES, *(name for name in films.get("films", ()) if OWN_FILM.fullmatch(str(name))))


def with_policy(page: str, hosts: Sequence[str]) -> str:
    """The page with its policy inside, as no web server of ours sends it.

    Args:
        page: HTML.
        hosts: of the Hub: the only ones that it may ask.
    """
    there = " ".join(hosts)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        f" media-src 'self' blob: {there}; connect-src 'self' {there}; base-uri 'none'; form-action 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}" />\n    '
    return page.replace(VIEWPORT, meta + VIEWPORT, 1)


def _hosts(space: Space) -> list[str]:
    """The hosts that the page may ask.

    Raises:
        ConfigError: one is none.
    """
    found = urlsplit(space.endpoint)
    endpoint = f"{found.scheme}://{found.netloc}"
    hosts = [endpoint, *CDN.get(endpoint, ()), *space.cdn]
    for host in hosts:
        if not SOURCE.fullmatch(host):
            raise ConfigError("a host of the Hub is none", expected="https://NAME", got=repr(host)[:80])
    return hosts


def _check_place(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds what this module has not written.

    Raises:
        ExistsError: it does.
    """
    if not (out.exists() or is_link(out)) or (out.is_dir() and not is_link(out) and not any(out.iterdir())):
        return
    if is_link(out) or not out.is_dir():
        raise ExistsError(f"{out} exists and is no folder", remedy="choose another to=")
    if overwrite or _told(out):
        return
    raise ExistsError(
        f"{out} holds something else than a viewer",
        remedy="choose another to=, or give overwrite=true to write over files of the same names",
    )


def _told(out: AnyPath) -> dict[str, Any]:
    """What the page in a folder is told; empty where it is none of ours."""
    try:
        told = json.loads((out / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) and MARK in told else {}
