"""The formats: one table, one file each. Help, docs and tests come from it."""

from __future__ import annotations

from builder.errors import ConfigError, suggest
from builder.exchange import d3rlpy, d4rl, lerobot, ogbench
from builder.exchange.contract import Format

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        d3rlpy.FORMAT,
        d4rl.FORMAT,
        lerobot.FORMAT,
        ogbench.FORMAT,
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
