"""`export`: the episodes of a dataset folder in another library's format, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from builder.display import Display
from builder.errors import ConfigError, DatasetError, ExistsError, suggest
from builder.exchange.contract import ACTION, Format, Loss, Options, Source, Trajectory, Write
from builder.exchange.formats import FORMATS, format_named, packages_of
from builder.exchange.note import NOTE, REQUEST, note_of, note_path, note_text, read_note
from builder.exchange.publication import Publication
from builder.manifest.manifest import Manifest, read_manifest
from builder.replay import RecordedSplit
from builder.storage.digest import file_sha256
from builder.storage.durable import put
from builder.storage.layout import Layout
from builder.storage.lock import locked
from builder.storage.paths import AnyPath, write_whole
from builder.storage.staging import replaced
from builder.storage.tree import files_in
from builder.storage.workplace import make_workplace, remove_workplace

STEM = "NAME"
"""In a note, for what a file is called: that is the user's, and may be nobody's business."""
EXPORT = "export"
"""In the workplace beside a file that is written."""


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and how.

    Attributes:
        format: the name of a format.
        path: where to; None: beside the dataset folder.
        options: of the format.
        split: train or test alone; None: all that there is.
        episodes: the first so many of each split, or a list of `episode_index`; None: all.
        overwrite: replace what an earlier export has left there.
        repo_id: where it is to be published; what cannot be is refused before anything is written.
    """

    format: str
    path: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    split: str | None = None
    episodes: int | list[int] | None = None
    overwrite: bool = False
    repo_id: str | None = None


@dataclass(frozen=True)
class Exported:
    """What an export ends with.

    Attributes:
        path: the file or folder.
        given: the path that `import from=FORMAT path=` takes.
        format: its format.
        source: what was exported.
        losses: what the format does not hold of it.
        fresh: False where it was there already.
        publication: how it lies in the repository that was asked for; None: none was.
    """

    path: Path
    given: Path
    format: Format
    source: Source
    losses: tuple[Loss, ...]
    fresh: bool = True
    publication: Publication | None = None

    def files(self) -> dict[str, Path]:
        """What has been written into a folder, the note included, by path within it.

        Raises:
            DatasetError: the note is damaged.
        """
        note = read_note(self.path / NOTE) or {}
        return {name: self.path / name for name in sorted([*note.get("files", {}), NOTE])}


def export(folder: Path, request: ExportRequest) -> Exported:
    """Export the episodes of a dataset folder.

    Args:
        folder: the dataset folder.
        request: what, and how.

    Raises:
        ConfigError: there is no such format, option, split or episode, or the format cannot hold the dataset.
        DatasetError: the dataset is damaged.
        ExistsError: something else lies there.
        MissingExtraError: a package of the format is not installed.
        StorageError: the disk is full or not writable.
    """
    chosen = format_named(request.format)
    if chosen.write is None:
        raise ConfigError(f"{chosen.name} is read only", remedy="to=csv writes a table")
    given_options = dict(request.options)
    manifest = read_manifest(folder)
    acted = chosen.acted(manifest, given_options.pop(ACTION, None))
    options = chosen.with_defaults(given_options, chosen.options)
    source = _Shown(folder, manifest, _chosen(folder, manifest, request), acted)
    given = request.path or folder.with_name(f"{folder.name}-{chosen.name}{chosen.suffix}")
    target = chosen.target(given, source, options)
    losses = chosen.all_losses(source, options)
    said = options if acted == ACTION else {**options, ACTION: acted}
    note = note_of(source, chosen.name, said, losses)
    is_folder = not chosen.suffix
    publication = _published(chosen, source, options, request.repo_id)
    done = Exported(target, given, chosen, source, losses, publication=publication)
    with locked(target):
        if _stands(target, note, folder=is_folder):
            chosen.settle(given, target)
            return replace(done, fresh=False)
        _refuse_replacing(target, folder=is_folder, overwrite=request.overwrite)
        with source.shown(f"export to {chosen.name}"), packages_of(chosen):
            (_write_folder if is_folder else _write_file)(chosen.write, source, target, options, note)
        chosen.settle(given, target)
    return done


def _published(chosen: Format, source: Source, options: Options, repo_id: str | None) -> Publication | None:
    """How it is to lie in a repository; None: in none.

    Raises:
        ConfigError: nobody reads the format from there, or not from a repository of this name.
    """
    if repo_id is None:
        return None
    if chosen.published is None:
        known = ", ".join(name for name, entry in FORMATS.items() if entry.published)
        raise ConfigError(
            f"{chosen.name} is not read from the Hub, so hub.push does not publish it",
            expected=known,
            remedy="export without hub.push, or push the dataset itself: il-builder push",
        )
    return chosen.published(source, options, repo_id)


class _Shown(Source):
    """A source that shows how far it is."""

    _display: Display | None = None

    def shown(self, title: str) -> Display:
        """What shows it, for a `with` block."""
        columns = (MofNCompleteColumn(), TimeRemainingColumn())
        display = Display(title, self.episodes, *columns)
        object.__setattr__(self, "_display", display)
        return display

    def trajectories(self, split: str | None = None) -> Iterator[Trajectory]:
        for number, trajectory in enumerate(super().trajectories(split), 1):
            yield trajectory
            if self._display:
                self._display.show(number, f"{number:,} of {self.episodes:,} episodes")


def _chosen(folder: Path, manifest: Manifest, request: ExportRequest) -> dict[str, list[int]]:
    """The positions of the wanted episodes in each split, train first.

    Raises:
        ConfigError: there is no such split or episode.
    """
    names = sorted(manifest.splits, key=lambda name: (name != "train", name))
    if not names:
        raise DatasetError(f"{folder} holds no episodes that il-builder has recorded")
    if request.split is not None and request.split not in names:
        raise ConfigError(f"{folder} has no split {request.split!r}", remedy=suggest(request.split, names))
    wanted = [request.split] if request.split else names
    if not isinstance(request.episodes, list):
        most = request.episodes
        if most is not None and most < 1:
            raise ConfigError("episodes is out of range", expected="at least 1", got=most)
        return {name: list(range(manifest.splits[name].episodes))[:most] for name in wanted}
    found: dict[str, list[int]] = {}
    missing = {*request.episodes}
    for name in wanted:
        indices = RecordedSplit(folder, manifest, name).episodes["episode_index"].to_pylist()
        found[name] = [position for position, index in enumerate(indices) if index in missing]
        missing -= {*indices}
    if missing:
        raise ConfigError(f"{folder} has no episode {min(missing)}", expected=f"0 to {manifest.accepted - 1}")
    return {name: positions for name, positions in found.items() if positions}


def _stands(target: Path, note: Mapping[str, Any], *, folder: bool) -> bool:
    """Whether just this export lies there already, whole."""
    if not target.exists():
        return False
    try:
        known = read_note(note_path(target, folder=folder))
    except DatasetError:
        return False
    if known is None or any(known.get(key) != note[key] for key in REQUEST):
        return False
    root = target if folder else target.parent
    files = known.get("files", {}) if folder else _of_target(known, target)
    return all(
        (root / name).is_file() and file_sha256(root / name) == sha256 for name, sha256 in files.items()
    )


def _refuse_replacing(target: Path, *, folder: bool, overwrite: bool) -> None:
    """Refuse to replace what no export has written, or what nobody said may go."""
    if not (target.exists() or target.is_symlink()) or (
        folder and target.is_dir() and not any(target.iterdir())
    ):
        return
    if target.is_symlink() or target.is_dir() != folder:
        raise ExistsError(
            f"{target} exists and is not what an export leaves", remedy="choose another to.path"
        )
    if not note_path(target, folder=folder).is_file():
        raise ExistsError(
            f"{target} exists, and il-builder has not made it", remedy="choose another to.path, or remove it"
        )
    if not overwrite:
        raise ExistsError(
            f"{target} holds another export", remedy="choose another to.path, or give overwrite=true"
        )


def _write_folder(
    write: Write, source: Source, target: Path, options: Mapping[str, Any], note: Mapping[str, Any]
) -> None:
    with replaced(target, NOTE, _owned) as staging:
        staging.rmdir()
        write(source, staging, options)
        write_whole(staging / NOTE, note_text({**note, "files": _hashes(staging)}))


def _write_file(
    write: Write, source: Source, target: Path, options: Mapping[str, Any], note: Mapping[str, Any]
) -> None:
    """Write a file and what belongs to it (OGBench's second one) beside it; the file itself comes last."""
    place = Layout.of(target).staging
    make_workplace(place)
    work = place / EXPORT
    try:
        work.mkdir()
        write(source, work / target.name, options)
        stale = _stale_beside(target, work)
        files = {f"{STEM}{name.removeprefix(target.stem)}": sha256 for name, sha256 in _hashes(work).items()}
        write_whole(note_path(target, folder=False), note_text({**note, "files": files}))
        for path in stale:
            path.unlink(missing_ok=True)
        for path in sorted(files_in(work), key=lambda path: path.name == target.name):
            put(path, target.parent / path.name)
    finally:
        remove_workplace(place)


def _stale_beside(target: Path, work: Path) -> list[Path]:
    """What the export that stands at `target` has beside it, and the new one has not.

    Raises:
        ExistsError: something that no export has written lies where a file is to go.
    """
    note = read_note(note_path(target, folder=False)) or {}
    earlier = {name for name in _of_target(note, target) if Path(name).name == name}
    fresh = {path.name for path in files_in(work)}
    for name in sorted(fresh - earlier - {target.name}):
        if (target.parent / name).exists():
            raise ExistsError(
                f"{target.parent / name} exists, and il-builder has not made it",
                remedy="choose another to.path, or remove it",
            )
    return [target.parent / name for name in sorted(earlier - fresh - {target.name})]


def _of_target(note: Mapping[str, Any], target: Path) -> dict[str, str]:
    """The files of an export to a file, with their sha256: what the note has, by its own name."""
    return {
        f"{target.stem}{name.removeprefix(STEM)}": sha256 for name, sha256 in note.get("files", {}).items()
    }


def _hashes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(files_in(folder))}


def _owned(target: AnyPath) -> Collection[str]:
    """The files of a folder that an export has written."""
    try:
        note = read_note(target / NOTE)  # type: ignore[arg-type]  # always of this machine
    except DatasetError:
        return ()
    files = note.get("files") if note else None
    return {*files, NOTE} if isinstance(files, dict) else ()
