"""Versions of packages, and the digest of the code that plays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

OURS = "il-builder"
RELEASE = "0.2.0"
"""The version of this code, whatever is installed."""
DATA_FORMAT = "0.2.0"
"""What stands in identities in place of our own version: it changes where a byte of a dataset does.
In 0.2.0 the pages of Parquet files are cut by content."""
OLDER_FORMATS = ("0.1.0",)
"""Formats that this version writes too, byte for byte, spelt as in the identities of their time: a dataset
is grown and rebuilt in the format that it was made in."""
ALWAYS = (OURS, "numpy", "gymnasium", "pyarrow", "datasets")
"""Packages that can change a byte of any dataset."""
BEHIND = {
    "gymnasium.envs.mujoco": ("mujoco",),
    "gymnasium.envs.box2d": ("Box2D",),
    "ale_py": ("ale-py",),
}
"""Packages that do an environment's physics, by the module of its entry point."""
PLAYING = ("environments", "episodes", "experts", "rollout", "values.py")
"""The rooms that play; a change in them makes recorded chunks stale."""
IDLE = (
    "environments/components.py",
    "experts/bundled",
    "experts/catalogue.py",
    "experts/published.py",
    "experts/sources/hub.py",
    "experts/table.py",
    "rollout/chunk_store.py",
    "rollout/cleaning.py",
    "rollout/planning.py",
)
"""What lies in them but does not play."""


def playing_code(root: Path | None = None) -> str:
    """The sha256 of the modules that play.

    Args:
        root: the package's folder; None: this one's.
    """
    return _digest(root or Path(__file__).parent, PLAYING, IDLE)


def all_code() -> str:
    """The sha256 of all modules."""
    return _digest(Path(__file__).parent, (".",), ())


@cache
def _digest(root: Path, rooms: tuple[str, ...], without: tuple[str, ...]) -> str:
    """The sha256 over the names and the bytes of modules."""
    digest = hashlib.sha256()
    left_out = [root / name for name in without]
    named = [root / room for room in rooms]
    modules = {path for room in named for path in (room.rglob("*.py") if room.is_dir() else [room])}
    for path in sorted(modules):
        if not any(path.is_relative_to(idle) for idle in left_out):
            digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def package_versions(
    environment_module: str, *, images: bool, drawn_by: str = "", computed_by: tuple[str, ...] = ()
) -> dict[str, str]:
    """Versions of the packages that can change a byte of this build.

    Args:
        environment_module: the module of the environment's class.
        images: whether observations are stored as PNG.
        drawn_by: what draws the environment, where what it shows is stored; "": nothing.
        computed_by: what computes the expert's actions beside those that every build has.
    """
    names = {*ALWAYS, *(("pillow",) if images or drawn_by else ()), *computed_by}
    if drawn_by == "pygame":  # or pygame-ce, which brings the same module
        names.update(_distributions_of("pygame"))
    for prefix, behind in BEHIND.items():
        if environment_module.startswith(prefix):
            names.update(behind)
    top = environment_module.partition(".")[0]
    if top not in ("gymnasium", "ale_py", "builder", "__main__"):
        names.update(_distributions_of(top))
    return {name: found for name in sorted(names) if (found := identity_version(name))}


@cache
def _distributions_of(module: str) -> tuple[str, ...]:
    """The packages that a module of the top level came with; it is imported, so that cannot change."""
    return tuple(packages_distributions().get(module, ()))


def identity_version(name: str) -> str | None:
    """What an identity says of a package: its version; of this one, that of the data format."""
    return DATA_FORMAT if name == OURS else installed_version(name)


def is_here(name: str, wanted: str) -> bool:
    """Whether what an identity says of a package holds here; of this one, whether it writes that format."""
    return identity_version(name) == wanted or (name == OURS and wanted in OLDER_FORMATS)


def data_format_of(inputs: Mapping[str, Any]) -> str:
    """The format that the inputs of a build name; this version's own where it is none that it writes."""
    named = inputs.get("packages", {}).get(OURS)
    return named if named in OLDER_FORMATS else DATA_FORMAT


def installed_version(name: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
