"""A dataset in the browser: what the page is told, and the server that shows it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from builder.environments.components import choice_names, component_names
from builder.manifest.manifest import Manifest
from builder.show.film_queue import Draw, Films, Report
from builder.show.render import FilmRequest, Look, render
from builder.show.server import Server
from builder.show.site import Dataset, Site


@contextmanager
def served(dataset: Dataset, title: str, *, draw: Draw | None = None, port: int = 0) -> Iterator[Server]:
    """Serve the viewer of a dataset, on this machine alone, until the block ends.

    Args:
        dataset: what is shown.
        title: what the page calls it.
        draw: makes the film of an episode; None: there are none.
        port: of loopback; 0: a free one.

    Raises:
        ConfigError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="il-builder-films-", ignore_cleanup_errors=True) as folder:
        films = Films(Path(folder), draw) if draw else None
        config = {**page_config(dataset.manifest, title), "films": films is not None}
        with Server(Site(dataset, films, config), port) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                if films is not None:
                    films.stop()


def page_config(manifest: Manifest, title: str) -> dict[str, Any]:
    """What the page of a local dataset is told; the manifest it reads itself."""
    return {"local": True, "title": title, "names": names_of(manifest)}


def names_of(manifest: Manifest) -> dict[str, dict[str, list[str]]]:
    """What the components of the dataset's environment are called, by its id; empty where nobody says."""
    environment = manifest.inputs.get("environment") or {}
    if environment.get("wrappers"):  # which may have changed its spaces
        return {}
    env_id = str(environment.get("id", ""))
    named = {}
    for part, space in manifest.spaces._asdict().items():
        choices = choice_names(env_id, part, space) if getattr(space, "start", 0) == 0 else ()
        if found := choices or component_names(env_id, part, space):
            named[part] = [name.replace("`", "") for name in found]  # the table's are Markdown
    return {env_id: named} if named else {}


def drawn_from(folder: Callable[[], Path], look: Look) -> Draw:
    """What makes films of a dataset's episodes: each is stepped again, bit for bit, or shows its images.

    Args:
        folder: gives where the whole dataset is; of a repository it brings it.
        look: how episodes are shown.
    """

    def draw(split: str, episode: int, path: Path, report: Report) -> None:
        wanted = FilmRequest(episode=episode, kind="mp4", path=path, split=split, look=look, overwrite=True)
        render(folder(), wanted, report)

    return draw
