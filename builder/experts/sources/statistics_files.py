"""Where the normalisation statistics of an archive lie.

`CheckpointCallback` of Stable-Baselines3 saves `PREFIX_N_steps.zip` and `PREFIX_vecnormalize_N_steps.pkl`.
The zoo's `SaveVecNormalizeCallback` saves `PREFIX_N_steps.pkl`, or `vecnormalize.pkl` into the folder
`ENV_ID` of its log folder; `best_model.zip` of `EvalCallback`, checkpoints and `ENV_ID.zip` lie beside that
folder and share it. Its repositories on the Hub have `vec_normalize.pkl`, as SB3's own examples do; everybody
else has names of their own.

Sources: `common/callbacks.py` of SB3; `rl_zoo3/callbacks.py` and `rl_zoo3/exp_manager.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from builder.errors import ArchiveError, ExpertError
from builder.storage.limits import STATISTICS_BYTES, YAML_BYTES

STATISTICS_NAMES = ("vec_normalize.pkl", "vecnormalize.pkl")
"""On the Hub, and in the zoo's own log folders."""
NONE = "none"
"""`expert.vec_normalize=none`: play without statistics."""
_STEPS = re.compile(r"(?:^|[_-])(\d+)[_-]steps$", re.IGNORECASE)
_BY_CALLBACK = re.compile(r"best_model|(?:.*[_-])?\d+[_-]steps", re.IGNORECASE)
"""Archives that callbacks save into a log folder, whose parameters lie in a folder of another name."""
_WORDS = re.compile(
    r"(?<![a-z])(vec_?normali[sz]ed?|vec_?norm|normali[sz](e[dr]?|ation)|norm|stat(istic)?s|env|obs|rms)(?![a-z])"
)
"""What names of statistics say of themselves; what is left of a name says whose they are."""
_BUFFER = re.compile(r"replay_?buffer", re.IGNORECASE)
_HEAD = 512


@dataclass(frozen=True)
class Search:
    """The files beside an archive that hold a `VecNormalize`.

    Attributes:
        own: they can only be the archive's.
        shared: they may be.
        others: they belong to other archives, by their names.
        places: where it was looked.
    """

    own: tuple[Path, ...]
    shared: tuple[Path, ...]
    others: tuple[Path, ...]
    places: tuple[str, ...]

    @property
    def all(self) -> tuple[Path, ...]:
        """Whatever was found."""
        return (*self.own, *self.shared, *self.others)

    def chosen(self) -> Path | None:
        """The archive's statistics; None where there are none.

        Raises:
            ExpertError: they may be one or another.
        """
        found = self.own or self.shared
        if len({hashlib.sha256(path.read_bytes()).digest() for path in found}) > 1:
            raise ExpertError(
                "the expert's normalisation statistics may be any of several files",
                got=", ".join(map(named, found)),
                remedy="say which with expert.vec_normalize=PATH",
            )
        return found[0] if found else None


def search(archive: Path) -> Search:
    """Look for the statistics of an archive where the tools that write them put them."""
    beside = _pickles(archive.parent)
    archives = [path for path in sorted(archive.parent.glob("*.zip")) if path != archive]
    own = [path for path in beside if _says(path) == _says(archive) != set()]
    own = own or [path for path in beside if _says(path) and _says(path) < _says(archive)]
    own = [path for path in own if _says(path) == _says(archive) or not _may_be_anothers(path, archives)]
    others = [path for path in beside if path not in own and _is_anothers(path, archive, archives)]
    shared = [path for path in beside if path not in own and path not in others]
    places = [f"{_alternatives(archive)} in {archive.parent}"]
    for folder in parameter_folders(archive):
        (own if folder.name == archive.stem else shared).extend(_pickles(folder))
        places.append(f"*.pkl in {folder}")
    return Search(tuple(own), tuple(shared), tuple(others), tuple(places))


def saved_by_callback(archive: PurePath) -> bool:
    """Whether an archive is called as callbacks call those that they save during training."""
    return _BY_CALLBACK.fullmatch(archive.stem) is not None


def parameter_folders(archive: Path) -> list[Path]:
    """Folders beside an archive that may hold its parameters: its own; in a log folder, all that do."""
    own = archive.with_suffix("")
    if _has_parameters(own):
        return [own]
    if not saved_by_callback(archive):
        return []
    return [folder for folder in sorted(archive.parent.iterdir()) if _has_parameters(folder)]


def _has_parameters(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return any((folder / name).is_file() for name in ("config.yml", "args.yml")) or bool(_pickles(folder))


def _pickles(folder: Path) -> list[Path]:
    """The files of a folder that begin as a pickled `VecNormalize` does, or bear its usual names."""
    found = []
    for path in sorted(folder.glob("*.pkl")):
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError as error:
            raise ArchiveError(f"{path.name} cannot be read ({error.strerror or error})") from error
        if path.name in STATISTICS_NAMES or b"VecNormalize" in head:
            found.append(path)
    return found


def _says(path: PurePath) -> set[str]:
    """What a name says beside being statistics: `a_vecnormalize_9_steps.pkl` is of `a_9_steps.zip`."""
    return set(re.split(r"[^a-z0-9]+", _WORDS.sub("_", path.stem.lower()))) - {""}


def _may_be_anothers(path: PurePath, archives: Iterable[PurePath]) -> bool:
    return any(_says(path) <= _says(other) for other in archives)


def _is_anothers(path: PurePath, archive: PurePath, archives: Iterable[PurePath]) -> bool:
    """Whether statistics are those of another archive beside them, or of another step of training."""
    if not _says(path) or _says(path) <= _says(archive):
        return False
    of_a_step = _STEPS.search(path.stem) is not None and _STEPS.search(archive.stem) is not None
    return of_a_step or _may_be_anothers(path, archives)


def _alternatives(archive: Path) -> str:
    """The names that are looked for, of which any other pickled `VecNormalize` may take the place."""
    names = [*STATISTICS_NAMES, f"{archive.stem}_vecnormalize.pkl"]
    if steps := _STEPS.search(archive.stem):
        names.insert(0, f"{archive.stem[: steps.start()]}_vecnormalize_{steps[1]}_steps.pkl".lstrip("_"))
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def content_of(path: Path) -> bytes | None:
    """A file's bytes, of statistics or of a short text, and one more than it may have; None: there is none.

    Raises:
        ArchiveError: it cannot be read.
    """
    limit = STATISTICS_BYTES if path.suffix == ".pkl" else YAML_BYTES
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise ArchiveError(f"{path.name} cannot be read ({error.strerror or error})") from error


def missing(why: str, found: Search) -> ExpertError:
    """The refusal of an archive whose statistics are not there.

    Args:
        why: how it is known that there must be some.
        found: where it was looked, and whose statistics lie there.
    """
    others = f"; those of others are there: {', '.join(map(named, found.others))}" if found.others else ""
    return ExpertError(
        f"the expert was trained on normalised observations ({why}), but their statistics are missing",
        expected="; or ".join(found.places),
        got=f"none{others}",
        remedy="put the file beside the archive, or say where it is with expert.vec_normalize=PATH; "
        "expert.vec_normalize=none plays without",
    )


def named(path: Path) -> str:
    """A file by its name and its folder's."""
    return f"{path.parent.name}/{path.name}"


def names_beside(archive: str, listing: Iterable[str], names: Iterable[str]) -> list[str]:
    """Which files of a repository may say something of an archive beside them: see `files_beside`.

    Args:
        archive: its path in the repository.
        listing: the paths of all files.
        names: files that are looked for by their names.
    """
    here, known = PurePosixPath(archive), {*names}
    plain = [path for path in map(PurePosixPath, listing) if ".." not in path.parts and path != here]
    paths = [path for path in plain if _BUFFER.search(path.name) is None]
    archives = [path for path in paths if path.parent == here.parent and path.suffix == ".zip"]
    folders = {path.parent for path in paths if path.parent.parent == here.parent and path.parent.name}
    own = {folder for folder in folders if folder.name == here.stem}
    inside = own or (folders if saved_by_callback(here) else set())
    wanted = [
        path
        for path in paths
        if (path.parent == here.parent or path.parent in inside)
        and (path.name in known or path.suffix == ".pkl")
        and not (path.parent == here.parent and _is_anothers(path, here, archives))
    ]
    return sorted(map(str, wanted))


def files_beside(archive: Path, names: Iterable[str]) -> list[Path]:
    """All files that may say something of an archive: those of these names, and all statistics."""
    folders: Sequence[Path] = [archive.parent, *parameter_folders(archive)]
    named = [folder / name for folder in folders for name in names]
    return sorted({path for path in (*named, *search(archive).all) if path.is_file()})
