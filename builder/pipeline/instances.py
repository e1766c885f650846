"""How a build uses instances of its environment: as stated, else the fastest way that repeats itself.

All ways that are right give the same bytes, so which one it is belongs to no identity; but recorded chunks of
a way that was wrong must not be used again.
"""

from __future__ import annotations

import dataclasses
import logging

import cloudpickle

from builder.checks.environment import actions_of, behaviour_findings, scripts
from builder.environments.behaviour import Behaviour, Script, known, settled
from builder.environments.environment import EnvironmentSpec
from builder.episodes import global_generators
from builder.errors import EnvironmentError_
from builder.experts.actor import Player, pack
from builder.manifest.identity import growth_identity
from builder.manifest.manifest import Manifest
from builder.pipeline.build import Build
from builder.pipeline.vectorised import one_by_one, vectorised

log = logging.getLogger(__name__)

WAYS = ("reused", "fresh", "single")
"""How instances can be used; None stands for the usual way where nobody has stated it."""


def settle(build: Build, standing: Manifest | None) -> Build:
    """The build with an environment that is used so that it repeats itself, as fast as may be.

    Args:
        build: what is to be played.
        standing: of the dataset at `out`, which the build may grow; None: there is none.

    Raises:
        ConfigError: `env.vector` asks for what may not be.
        EnvironmentError_: it does not, however it is used.
        ExpertError: the expert cannot be copied.
    """
    used = _settled(build, standing)
    return vectorised(used, lambda: _scripts(used))


def _settled(build: Build, standing: Manifest | None) -> Build:
    stated = build.config.env.instances
    wanted = _stood(build, standing) if stated == "auto" else stated
    if wanted in ("reused", "fresh"):
        return _used(build, wanted, reusable=wanted == "reused")
    if wanted is None and (found := known(build.environment)):
        return _used(build, None, reusable=not found.remembers)
    environment, found = _played(build, single=wanted == "single")
    if found.unlike and build.config.verify_sample:
        raise _does_not_repeat(build, found)
    for item in behaviour_findings(environment.id, found):
        log.log(
            logging.WARNING if item.severity == "error" else logging.INFO, "%s; %s", item.text, item.remedy
        )
    parallel = build.config.parallel
    if environment.single and parallel.backend == "threading" and parallel.n_jobs != 1:
        log.info("threads of one process take turns with %s; parallel=loky uses all cores", environment.id)
    usual = environment.reusable and not environment.single
    instances = "single" if environment.single else "fresh"
    return dataclasses.replace(build, environment=environment, instances=None if usual else instances)


def slower(build: Build) -> Build | None:
    """The build with the next slower way to play; None: it was stated, or there is none."""
    if (apart := one_by_one(build)) is not None:
        return apart
    environment = build.environment
    if build.config.env.instances != "auto" or (environment.single and not environment.reusable):
        return None
    single = environment.single or not environment.reusable
    return _used(build, "single" if single else "fresh", reusable=False)


def _used(build: Build, instances: str | None, *, reusable: bool) -> Build:
    environment = dataclasses.replace(build.environment, reusable=reusable, single=instances == "single")
    return dataclasses.replace(build, environment=environment, instances=instances)


def _stood(build: Build, standing: Manifest | None) -> str | None:
    """How the dataset that stands at `out` was played, where this build is to grow it."""
    if standing is None or not standing.inputs:
        return None
    return standing.instances if growth_identity(standing.inputs) == growth_identity(build.inputs) else None


def _played(build: Build, *, single: bool) -> tuple[EnvironmentSpec, Behaviour]:
    """What the expert's first attempts, and random ones, show; nothing of the program's own is changed."""
    with global_generators.restored():
        return settled(build.environment, _scripts(build), single=single)


def _scripts(build: Build) -> list[Script]:
    """The expert's first attempts, and random ones, as a fresh instance each plays them."""
    player: Player = cloudpickle.loads(pack(build.player))
    spaces = build.observation_space, build.action_space
    with global_generators.restored():
        chooser = actions_of(player.actor(*spaces), *spaces)
        return scripts(build.environment, chooser, build.action_space, root_seed=build.config.seed)


def _does_not_repeat(build: Build, found: Behaviour) -> EnvironmentError_:
    (item,) = behaviour_findings(build.environment.id, found)
    return EnvironmentError_(
        f"{item.text}, though that is a fresh one and alone: the environment does not repeat itself,"
        " so nobody could rebuild or verify this dataset",
        remedy=f"{item.remedy}; env.instances=single verify_sample=0 records it nevertheless",
    )
