"""The verb `view`: a dataset in the browser, or the page for it as a static Space."""

from __future__ import annotations

import logging
import signal
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from builder.errors import ConfigError, HubUnreachableError
from builder.storage.paths import AnyPath, local_path

if TYPE_CHECKING:
    from builder.show.config import ViewConfig
    from builder.show.film_queue import Draw
    from builder.show.site import Dataset

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
    from builder.show.render import Look
    from builder.show.site import Folder
    from builder.show.view import drawn_from

    if not config.films:
        return None
    look = Look(plain=True, trusted=config.expert.trust_remote_code, kwargs=config.env.kwargs)
    if isinstance(dataset, Folder):
        root = dataset.root
        return drawn_from(lambda: root, look)
    return drawn_from(lambda: fetch(str(config.hub.repo_id), config.hub.revision).folder, look)


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

    from builder.api import dataset_folder
    from builder.hub.remote import check_name
    from builder.manifest.manifest import read_manifest
    from builder.show.space import Space, write_space
    from builder.show.view import names_of

    names = names_of(read_manifest(dataset_folder(str(config.out)))) if config.out is not None else {}
    space = Space(
        endpoint=constants.ENDPOINT,
        repo_id=check_name(config.hub.repo_id) if config.hub.repo_id else None,
        revision=config.hub.revision,
        cdn=tuple(config.cdn),
        names=names,
    )
    folder = local_path(to, "view")
    write_space(folder, space, overwrite=config.overwrite)
    print(f"written: {folder}\n  a static Space: upload it, or serve it with any web server")
    print(f"  it shows {space.repo_id or 'no dataset yet'}; ?repo=user/name in its address shows another")
