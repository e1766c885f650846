"""`dataset.info`: the columns of what the environment says, found by a rehearsal before play."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from builder.config import ALL, BuildConfig
from builder.environments.info import SaidInfo, declared_as, left_out
from builder.episodes.annotations import Annotation
from builder.episodes.declared import Declared
from builder.errors import ConfigError
from builder.pipeline.pairing import Found
from builder.pipeline.rehearsal import Rehearsed, Shown, rehearse_info

log = logging.getLogger(__name__)

NAMED = 20
"""So many keys are named in an error."""


def info_annotation(config: BuildConfig, found: Found) -> Annotation | None:
    """What `dataset.info` asks for; None: nothing.

    Raises:
        ConfigError: a key that is asked for was not seen, or can be no column.
        BuilderError: what the play itself would raise.
    """
    asked = config.dataset.info
    if asked is None:
        return None
    for key in () if asked == ALL else asked:
        if why := left_out(key):
            raise _refused(key, why)
    return SaidInfo(tuple(columns_of(asked, rehearse_info(config, found), found.matched.spec.id)))


def columns_of(asked: str | Sequence[str], rehearsed: Rehearsed, env_id: str) -> Iterator[Declared]:
    """The columns of the keys that are asked for, those of the steps before those of `reset`.

    Args:
        asked: the keys, or `all`: then those that can be none are left out, and named in the log.
        rehearsed: what was seen.
        env_id: the environment.

    Raises:
        ConfigError: a key that is asked for was not seen, or can be no column.
    """
    tables = {"transitions": rehearsed.of_steps, "episodes": rehearsed.of_reset}
    keys = sorted({key for seen in tables.values() for key in seen}) if asked == ALL else asked
    for key in keys if asked != ALL else ():
        _check(key, tables, rehearsed, env_id)
    lost = {key: seen[key].why for seen in tables.values() for key in seen if seen[key].kind is None}
    for key, why in sorted(lost.items()) if asked == ALL else ():
        log.info("dataset.info=all leaves out %s: %s", key, why)
    found = [
        declared_as(key, kind, table)
        for table, seen in tables.items()
        for key in keys
        if (kind := seen.get(key, Shown(None)).kind) is not None
    ]
    if not found:
        log.warning("%s says nothing in info that can be recorded", env_id)
    yield from found


def _check(key: str, tables: Mapping[str, Mapping[str, Shown]], rehearsed: Rehearsed, env_id: str) -> None:
    seen = [said[key] for said in tables.values() if key in said]
    for shown in seen:
        if shown.kind is None:
            raise _refused(key, shown.why)
    if not seen:
        known = sorted({name for said in tables.values() for name, shown in said.items() if shown.kind})
        more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
        raise ConfigError(
            f"{env_id} has not said {key!r} in info, in {rehearsed.attempts} attempts of"
            f" {rehearsed.steps} steps together",
            expected=", ".join(known[:NAMED]) + more or "nothing: it says nothing in info",
            remedy="name what it says, or dataset.info=all",
        )


def _refused(key: str, why: str) -> ConfigError:
    return ConfigError(f"{key!r} of dataset.info can be no column: {why}", remedy="leave it out")
