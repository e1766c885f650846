"""The formats: one table, one file each. Help, docs and tests come from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from builder.errors import ConfigError, MissingExtraError, missing_extra, suggest
from builder.exchange import (
    csv_table,
    d3rlpy,
    d4rl,
    il_datasets,
    imitation,
    lerobot,
    minari,
    ogbench,
    plain_table,
    rlds,
    robomimic,
)
from builder.exchange.contract import Format

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        csv_table.FORMAT,
        d3rlpy.FORMAT,
        d4rl.FORMAT,
        il_datasets.FORMAT,
        imitation.FORMAT,
        lerobot.FORMAT,
        minari.FORMAT,
        ogbench.FORMAT,
        plain_table.FORMAT,
        rlds.FORMAT,
        robomimic.FORMAT,
    )
}
"""By the name that `to=` and `from=` take."""


def format_named(name: str) -> Format:
    """The format of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"there is no format {name!r}", expected=" or ".join(FORMATS), remedy=suggest(name, FORMATS)
        )
    return FORMATS[name]


@contextlib.contextmanager
def packages_of(chosen: Format) -> Iterator[None]:
    """A missing package of a format as one line with its remedy.

    Raises:
        MissingExtraError: there is one.
    """
    try:
        yield
    except ImportError as error:
        if chosen.extra:
            raise missing_extra(chosen.name, chosen.extra) from error
        raise MissingExtraError(
            f"{chosen.name} needs the package {error.name}, which is not installed"
        ) from error
