"""The verb `view`: a dataset in the browser, or the page for it as a static Space."""

from __future__ import annotations

import logging
import signal
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import ConfigError, HubUnreachableError
from builder.storage.paths import AnyPath, local_path

if TYPE_CHECKING:
    from builder.show.config import ViewConfig
    from builder.show.film_queue import Draw
    from builder.show.render import Look
    from builder.show.site import Dataset
    from builder.show.space import Filmed

log = logging.getLogger(__name__)


def view(overrides: list[str]) -> None:
    """Serve the viewer until it is interrupted, or write it to a folder."""
    from builder.composition import compose
    from builder.show.config import ViewConfig

    config = compose(ViewConfig, "view", overrides)
    if config.to is not None:
        _write(config, config.to)
        return
    if config.out is not None and config.hub.repo_id is not None:
        raise ConfigError("out and hub.repo_id name two datasets", remedy="give one of them")
    if config.out is None and config.hub.repo_id is None:
        raise ConfigError("view needs a dataset", remedy="give out=FOLDER or hub.repo_id=user/name")
    _serve(config)


def _serve(config: ViewConfig) -> None:
    from builder.show.view import served

    signal.signal(signal.SIGTERM, _interrupt)
    with (
        suppress(KeyboardInterrupt),
        _dataset(config) as dataset,
        served(dataset, _title(config), draw=_draw(config, dataset), port=config.port or 0) as server,
    ):
        print(server.url, flush=True)
        log.info("the viewer of %s; ctrl-C ends it", _title(config))
        if config.browser:
            webbrowser.open(server.url)
        threading.Event().wait()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _title(config: ViewConfig) -> str:
    return str(config.out) if config.out is not None else str(config.hub.repo_id)


@contextmanager
def _dataset(config: ViewConfig) -> Iterator[Dataset]:
    """What is shown: a folder; or a repository, of which the files come as they are asked for."""
    from builder.api import dataset_folder
    from builder.hub_client.retries import connected

    if config.out is not None:
        yield _folder(dataset_folder(str(config.out)))
        return
    with connected():
        yield _repository(str(config.hub.repo_id), config.hub.revision)


def _draw(config: ViewConfig, dataset: Dataset) -> Draw | None:
    """What makes the films; of a repository all its files come for the first one."""
    from builder.hub import fetch
    from builder.show.site import Folder
    from builder.show.view import drawn_from

    if not config.films:
        return None
    if isinstance(dataset, Folder):
        root = dataset.root
        return drawn_from(lambda: root, _look(config))
    return drawn_from(lambda: fetch(str(config.hub.repo_id), config.hub.revision).folder, _look(config))


def _look(config: ViewConfig) -> Look:
    from builder.show.render import Look

    return Look(plain=True, trusted=config.expert.trust_remote_code, kwargs=config.env.kwargs)


def _repository(repo_id: str, revision: str | None) -> Dataset:
    """A repository, or where the Hub cannot be reached what the cache has of it."""
    from builder.hub import fetch
    from builder.hub.on_demand import on_demand

    try:
        return on_demand(repo_id, revision)
    except HubUnreachableError:
        return _folder(fetch(repo_id, revision).folder)


def _folder(folder: Path) -> Dataset:
    from builder.manifest.manifest import read_manifest
    from builder.show.site import Folder

    return Folder(folder, read_manifest(folder))


def _write(config: ViewConfig, to: AnyPath) -> None:
    from huggingface_hub import constants

    from builder.hub.remote import check_name
    from builder.show.space import Space, write_space

    repo_id = check_name(config.hub.repo_id) if config.hub.repo_id else None
    names, filmed = _of_dataset(config) if config.out is not None or config.episodes else ({}, None)
    space = Space(
        endpoint=constants.ENDPOINT,
        repo_id=repo_id,
        revision=config.hub.revision,
        cdn=tuple(config.cdn),
        names=names,
        filmed=filmed,
    )
    folder = local_path(to, "view")
    write_space(folder, space, overwrite=config.overwrite)
    print(f"written: {folder}\n  a static Space: upload it, or serve it with any web server")
    print(f"  it shows {repo_id or 'no dataset yet'}; ?repo=user/name in its address shows another")


def _of_dataset(config: ViewConfig) -> tuple[dict[str, Any], Filmed | None]:
    """What a static page has of a dataset: the names of its components, and films."""
    from builder.api import dataset_folder
    from builder.manifest.manifest import read_manifest
    from builder.show.choice import choose, places
    from builder.show.space import Filmed
    from builder.show.view import drawn_from, names_of

    if config.out is None and config.hub.repo_id is None:
        raise ConfigError(
            "episodes are those of a dataset", remedy="give out=FOLDER or hub.repo_id=user/name"
        )
    folder = dataset_folder(_title(config), config.hub.revision if config.out is None else None)
    manifest = read_manifest(folder)
    if not config.episodes:
        return names_of(manifest), None
    known = places(folder, manifest)
    chosen = [choose(known, episode) for episode in config.episodes]
    keys = list(dict.fromkeys((place.split, place.index) for place in chosen))
    return names_of(manifest), Filmed(manifest.fingerprint, keys, drawn_from(lambda: folder, _look(config)))
