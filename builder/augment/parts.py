"""The parts of a merge: as a user names them, and what each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import ConfigError, DatasetError, suggest
from builder.hub.remote import REPO_ID
from builder.loading.trajectories import Trajectories
from builder.manifest.manifest import Manifest, read_manifest

FolderOf = Callable[[str, str | None], Path]
"""The folder of this machine that holds a dataset, given its name and revision: see `api.dataset_folder`."""

KEYS = ("path", "episodes", "quality", "revision")
"""What a part may say of itself."""
LONGEST = 200
"""Characters of a quality."""


@dataclass(frozen=True)
class Part:
    """One part of a merge.

    Attributes:
        name: as the user named it, for messages.
        folder: where it lies.
        manifest: of the folder.
        episodes: so many of each split, or such a share of them; None: all.
        quality: what the user calls it; None: what it says itself.
        repo_id: of the Hub; None: it is no repository's.
    """

    name: str
    folder: Path
    manifest: Manifest
    episodes: float | None = None
    quality: str | None = None
    repo_id: str | None = None


def parts_of(given: Sequence[Any], folder_of: FolderOf) -> tuple[Part, ...]:
    """What a user names as parts.

    Args:
        given: each a folder, a URL or `user/name`, with `@0.5` or `@10` behind it where some of its episodes
            are taken; a mapping of `path`, `episodes`, `quality` and `revision`; or an opened dataset.
        folder_of: finds the folder of a name.

    Raises:
        ConfigError: there is none, one is spelt otherwise, or two are the same dataset.
        DatasetError: there is no dataset, or it holds no episodes that il-builder wrote.
        HubError: the Hub refuses, or cannot be reached.
    """
    if isinstance(given, (str, Path, Mapping, Trajectories)) or not given:
        raise ConfigError("merge needs parts", expected="a list of datasets", got=repr(given)[:80])
    parts = tuple(_part(one, folder_of) for one in given)
    seen: dict[str, str] = {}
    for part in parts:
        other = seen.setdefault(part.manifest.fingerprint, part.name)
        if other is not part.name:
            raise ConfigError(
                f"{other} and {part.name} are the same dataset",
                got=f"fingerprint {part.manifest.fingerprint}",
                remedy="name it once",
            )
    return parts


def _part(given: Any, folder_of: FolderOf) -> Part:
    if isinstance(given, Trajectories):
        given = {"path": _folder(given)}
    entry = given if isinstance(given, Mapping) else _entry(str(given))
    _check(entry)
    name = str(entry["path"])
    folder = folder_of(name, entry.get("revision"))
    manifest = read_manifest(folder)
    if not manifest.splits:
        raise DatasetError(f"{name} holds no episodes that il-builder has written", remedy="leave it out")
    return Part(
        name=name,
        folder=folder,
        manifest=manifest,
        episodes=entry.get("episodes"),
        quality=entry.get("quality"),
        repo_id=name if REPO_ID.fullmatch(name) and not Path(name).exists() else None,
    )


def _folder(dataset: Trajectories) -> Path:
    """The folder of an opened dataset.

    Raises:
        ConfigError: it is a view of some episodes: no manifest says which.
    """
    if not dataset.stands_for_its_folder:
        raise ConfigError(
            "a view of a dataset is no part",
            got=repr(dataset).partition("\n")[0],
            remedy="name the folder and how much of it: parts=['FOLDER@0.5']",
        )
    return dataset.folder


def _entry(text: str) -> dict[str, Any]:
    """A part's text as a mapping: a number behind the last @ is how many episodes."""
    name, at, amount = text.rpartition("@")
    number = _number(amount) if at and name else None
    if number is None or Path(text).exists():
        return {"path": text}
    return {"path": name, "episodes": number}


def _number(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _check(entry: Mapping[Any, Any]) -> None:
    """Refuse a part that is spelt otherwise.

    Raises:
        ConfigError: it is.
    """
    for key in entry:
        if key not in KEYS:
            raise ConfigError(f"a part has no {key!r}", remedy=suggest(str(key), KEYS))
    path, quality, episodes = (entry.get(key) for key in ("path", "quality", "episodes"))
    if not isinstance(path, (str, Path)) or not str(path):
        raise ConfigError("a part names no dataset", got=repr(dict(entry))[:80], remedy="give its path")
    if quality is not None and not (isinstance(quality, str) and 0 < len(quality) <= LONGEST):
        raise ConfigError(f"the quality of {path}", expected="a text", got=repr(quality)[:80])
    share = isinstance(episodes, float) and 0 < episodes <= 1
    count = type(episodes) is int and episodes >= 1
    if episodes is not None and not share and not count:
        raise ConfigError(
            f"how much is taken of {path}",
            expected="a share such as 0.5, or how many episodes",
            got=repr(episodes)[:80],
        )
