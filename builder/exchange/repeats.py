"""How many imported episodes the environment of this machine repeats, bit for bit."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from builder.environments.pool import EnvironmentPool, turn
from builder.errors import BuilderError
from builder.manifest.manifest import Manifest
from builder.replay import RecordedSplit, choose, compare, recorded_environment
from builder.replay.difference import Difference
from builder.versions import installed_version

log = logging.getLogger(__name__)

STEPS = 200_000
"""About so many are stepped again; `verify level=replay` steps them all."""


def repeated(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """A clause for the card: how many of the episodes were repeated, and where the first differs.

    Nothing where environment or seeds are not known, or it cannot be made here; the log says why.
    """
    if "environment" not in manifest.inputs or manifest.inputs["imported"]["unsaid"]:
        return ()
    env_id = manifest.inputs["environment"]["id"]
    try:
        spec = dataclasses.replace(recorded_environment(manifest), reusable=False)
        with turn(spec), closing(EnvironmentPool(spec)) as pool:
            found = list(_differences(folder, manifest, pool))
    except BuilderError as error:
        log.warning("not stepped again: %s", error)
        return ()
    differing = [difference for difference in found if difference]
    said = (
        f"{len(found) - len(differing):,} of the {len(found):,} episodes that were stepped again are repeated"
        f" bit for bit by {env_id} of gymnasium {installed_version('gymnasium')}"
    )
    return (f"{said}; the first that is not: {differing[0]}" if differing else said,)


def _differences(folder: Path, manifest: Manifest, pool: EnvironmentPool) -> Iterator[Difference | None]:
    for name, positions in choose(manifest, 1.0, most_steps=STEPS).items():
        split = RecordedSplit(folder, manifest, name)
        for position in positions:
            environment = pool.take()
            yield compare(environment, split.episode(position), limit=pool.spec.max_episode_steps)
            environment.close()
