"""Whether all lanes of a build are stepped together: where they give, bit for bit, what one alone gives.

Which way it is belongs to no identity, since the bytes are the same.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from builder.environments.alike import difference
from builder.environments.behaviour import Script
from builder.environments.environment import EnvironmentSpec, registration
from builder.environments.functional import are_functional
from builder.environments.pool import ENTRY_POINT, FUNCTIONAL
from builder.errors import ConfigError, EnvironmentError_
from builder.pipeline.build import Build

log = logging.getLogger(__name__)

ASKING = ("dataset.info", "dataset.simulator_state", "dataset.pixels")
"""Keys with which each lane's environment is asked by itself."""

UNLIKE = {
    "ale_py.": "ale-py's own shows an older frame where a game is over (docs/atari.md)",
}
"""Why a vector environment is known to give other bytes, by the beginning of its entry point's name."""


def vectorised(build: Build, scripts: Callable[[], Sequence[Script]]) -> Build:
    """The build with lanes that are stepped together, where that may be and the configuration has it so.

    Args:
        build: with an environment whose use of instances is settled.
        scripts: episodes as an instance plays them alone, made where they are needed.

    Raises:
        ConfigError: it is asked for, and may not be.
        EnvironmentError_: it is asked for, and gives something else.
    """
    wanted = build.config.env.vector
    if wanted is False:
        return build
    env_id = build.environment.id
    if reason := _reason(build):
        if wanted is True:
            raise ConfigError(
                f"the lanes of {env_id} are not stepped together: {reason}", remedy="leave out env.vector"
            )
        return build
    vector = FUNCTIONAL if are_functional(build.environment) else ENTRY_POINT
    together = dataclasses.replace(build.environment, vector=vector)
    if place := _difference(together, scripts()):
        if wanted is True:
            raise EnvironmentError_(
                f"lanes of {env_id} that are stepped together give something else than one alone, at {place}",
                remedy="leave out env.vector: each is stepped by itself; a vector environment of other"
                " numbers is another environment, to be registered as such",
            )
        log.info("lanes of %s are stepped one by one: together they give something else at %s", env_id, place)
        return build
    log.info("all lanes of %s are stepped together, with the numbers of one alone", env_id)
    return dataclasses.replace(build, environment=together)


def one_by_one(build: Build) -> Build | None:
    """The build with lanes that are stepped by themselves; None: they are already, or it says otherwise."""
    if not build.environment.vector or build.config.env.vector is True:
        return None
    return dataclasses.replace(build, environment=dataclasses.replace(build.environment, vector=""))


def _reason(build: Build) -> str:
    """Why they may not be; empty: they may."""
    spec = build.environment
    asked = [key for key in ASKING if getattr(build.config.dataset, key.partition(".")[2])]
    own = {
        f"{' and '.join(asked)} asks each by itself": bool(asked),
        "each is asked for its action mask": bool(spec.masks),
        "each has wrappers of its own": bool(spec.wrappers) or spec.preprocessing is not None,
        "it is right only where nothing else plays in its process": spec.single,
    }
    found = next((reason for reason, holds in own.items() if holds), "")
    return found or ("" if are_functional(spec) else _no_entry_point(build))


def _no_entry_point(build: Build) -> str:
    """Why the vector environment that is registered beside may not step them."""
    spec = build.environment
    if build.config.env.vector is not True:
        return "it is no functional environment"
    registered = spec.registered or registration(spec.id, spec.folder)
    if registered.vector_entry_point is None:
        return "it has no vector environment (vector_entry_point in gymnasium)"
    named = str(registered.vector_entry_point)
    return next((reason for module, reason in UNLIKE.items() if named.startswith(module)), "")


def _difference(together: EnvironmentSpec, scripts: Sequence[Script]) -> str:
    """Where lanes give something else; a vector environment that is seeded as a whole raises at once."""
    if together.vector == FUNCTIONAL:
        return difference(together, scripts)
    try:
        return difference(together, scripts)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it raises, it cannot be used so)
        return f"a reset with a seed for each lane or a step ({type(error).__name__}: {str(error)[:200]})"
