"""What the viewer serves: its page, the files that a manifest lists, and films."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from builder.manifest.manifest import MANIFEST, Manifest
from builder.show.film_queue import Films
from builder.show.server import Answer
from builder.storage.tree import inside

PAGE = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
PAGE_FILES = ("index.html", "viewer.js", "viewer.css", "icon.svg", "licenses.txt")
SHOWN = (MANIFEST, "README.md")
"""Files of a dataset that its manifest does not list, and the page may read."""
FILM = re.compile(r"films/(\w+)/(\d{1,12})\.(json|mp4)")


class Dataset(Protocol):
    """Where the files of a dataset are."""

    @property
    def manifest(self) -> Manifest:
        """Of the dataset."""

    def find(self, name: str) -> Path:
        """Where one of its files is on this machine.

        Raises:
            BuilderError: it is not there, or cannot be brought here.
        """


@dataclass(frozen=True)
class Folder:
    """A dataset folder.

    Attributes:
        root: the folder.
        manifest: of it.
    """

    root: Path
    manifest: Manifest

    def find(self, name: str) -> Path:
        return inside(self.root, name)


@dataclass(frozen=True)
class Site:
    """All that is served, by name.

    Attributes:
        dataset: what is shown.
        films: of its episodes; None: none can be made.
        config: what the page is told.
    """

    dataset: Dataset
    films: Films | None
    config: Mapping[str, Any]

    def __call__(self, name: str) -> Answer | None:
        """What is found under a name; None: nothing."""
        if name in ("", *PAGE_FILES):
            return page_file(name or "index.html")
        if name == "config.json":
            return Answer.of_json(self.config)
        if name.startswith("dataset/"):
            return self._file(name.removeprefix("dataset/"))
        film = FILM.fullmatch(name)
        return self._film(film[1], int(film[2]), film[3]) if film else None

    def _file(self, name: str) -> Answer | None:
        """A file of the dataset; all are bytes or text to the browser, whatever they are called."""
        entry = self.dataset.manifest.files.get(name)
        if entry is None and name not in SHOWN:
            return None
        kind = "application/octet-stream" if entry else "text/plain; charset=utf-8"
        return Answer(self.dataset.find(name), kind, entry.sha256 if entry else None)

    def _film(self, split: str, episode: int, ending: str) -> Answer | None:
        if self.films is None or split not in self.dataset.manifest.splits:
            return None
        state = self.films.state(split, episode)
        if ending == "json":
            return Answer.of_json(state)
        if state.get("ready"):
            return Answer(self.films.path(split, episode), "video/mp4")
        failed = "error" in state
        return Answer.of_json(state, HTTPStatus.NOT_IMPLEMENTED if failed else HTTPStatus.ACCEPTED)


def page_file(name: str) -> Answer:
    """A file of the page itself."""
    return Answer(PAGE / name, KINDS[Path(name).suffix])
