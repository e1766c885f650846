"""What a few first attempts of a build show of what it would record beside: the same on every machine.

They are played as the build plays them, each alone and with a fresh environment. Then the first ones are
played for a while with used environments and side by side: what `info` says otherwise then is not of the
attempt alone, and would depend on who plays what.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np

from builder.config import BuildConfig
from builder.environments.environment import EnvironmentSpec
from builder.environments.info import Kind, kind_of, left_out, widened
from builder.environments.pool import EnvironmentPool, turn
from builder.episodes import global_generators
from builder.episodes.annotations import Annotator, Arrays
from builder.episodes.recording import Recording
from builder.errors import NotStatelessError
from builder.experts.actor import Player, pack
from builder.pipeline.interference import interference_of
from builder.pipeline.pairing import Found
from builder.rollout.engine import Lockstep
from builder.rollout.interference import Interference
from builder.rollout.rules import Rules

LEAST_ATTEMPTS, MOST_ATTEMPTS = 2, 8
STEPS = 1000
"""Attempts are played until there are so many steps; and so many steps of the first are played again."""

Said = dict[str, tuple[Kind | None, str, bytes]]
"""By key: the kind of a value, the name of its type, and a digest of it; None values are not there."""


@dataclass
class _Trace:
    """What an attempt was told: by `reset`, and by each step."""

    reset: Said
    steps: list[Said] = field(default_factory=list)


class _Watch(Annotator):
    """Keeps what each attempt is told, in the order in which they begin."""

    def __init__(self) -> None:
        self.traces: list[_Trace] = []
        self._lanes: dict[int, _Trace] = {}

    def begun(self, lane: int, environment: gym.Env[Any, Any], info: Mapping[str, Any]) -> None:
        self._lanes[lane] = _Trace(_said(info))
        self.traces.append(self._lanes[lane])

    def after(self, lanes: Sequence[int], infos: Sequence[Mapping[str, Any]]) -> Arrays:
        for lane, info in zip(lanes, infos, strict=True):
            self._lanes[lane].steps.append(_said(info))
        return {}


def _said(info: Mapping[str, Any] | None) -> Said:
    found: Said = {}
    for key, value in (info or {}).items():
        if value is not None and isinstance(key, str):
            kind = None if left_out(key) else kind_of(value)
            found[key] = kind, type(value).__name__, b"" if kind is None else _digest(value)
    return found


def _digest(value: Any) -> bytes:
    content = value.encode() if isinstance(value, str) else np.asarray(value).tobytes()
    return hashlib.blake2b(content, digest_size=16).digest()


@dataclass(frozen=True)
class Shown:
    """What was seen of a key, in the `info` of steps or of `reset`.

    Attributes:
        kind: of its values; None: they can be no column.
        why: why not; empty: they can.
    """

    kind: Kind | None
    why: str = ""


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal has shown.

    Attributes:
        attempts: how many were played.
        steps: of them.
        of_steps: what the `info` of steps says, by key.
        of_reset: what that of `reset` says.
    """

    attempts: int
    steps: int
    of_steps: Mapping[str, Shown]
    of_reset: Mapping[str, Shown]


def rehearse_info(config: BuildConfig, found: Found) -> Rehearsed:
    """Play the first attempts of a build, and look at what `info` says.

    Raises:
        BuilderError: what the play itself would raise.
    """
    spec = dataclasses.replace(found.matched.spec, pixels=None, reusable=False)
    player, interference = cloudpickle.loads(pack(found.player)), interference_of(config, found)
    stage = _Stage(config, found, player, cloudpickle.loads(pack(interference)) if interference else None)
    with turn(spec), global_generators.restored():
        watch, recordings = _Watch(), list[Recording]()
        while len(recordings) < LEAST_ATTEMPTS or (
            len(recordings) < MOST_ATTEMPTS and sum(len(played.rewards) for played in recordings) < STEPS
        ):
            attempt = len(recordings)
            with closing(EnvironmentPool(spec)) as pool:
                recordings.append(stage.play(pool, range(attempt, attempt + 1), watch))
        unsteady = _unsteady(stage, spec, watch.traces, recordings)
    traces = watch.traces
    return Rehearsed(
        len(recordings),
        sum(len(trace.steps) for trace in traces),
        _shown([said for trace in traces for said in trace.steps], unsteady),
        _shown([trace.reset for trace in traces], unsteady),
    )


@dataclass
class _Stage:
    """Where attempts are played as the build plays them."""

    config: BuildConfig
    found: Found
    player: Player
    interference: Interference | None = None

    def play(self, pool: EnvironmentPool, attempts: range, watch: Annotator, lanes: int = 1) -> Recording:
        """Play attempts; an expert that has kept something is asked as one of which nothing is known."""
        try:
            return self._played(pool, attempts, watch, lanes)
        except NotStatelessError:
            self.player = self.player.careful()
            return self._played(pool, attempts, watch, lanes)

    def _played(self, pool: EnvironmentPool, attempts: range, watch: Annotator, lanes: int) -> Recording:
        spaces = self.found.spaces.observation, self.found.spaces.action
        actor = self.player.actor(*spaces)
        lockstep = Lockstep(
            pool,
            actor,
            root_seed=self.config.seed,
            lanes=1 if self.player.alone else lanes,
            rules=Rules.of(self.config.rollout),
            annotators=[watch],
            interfering=self.interference.of(actor, spaces) if self.interference else None,
        )
        with global_generators.taken() if self.player.alone else nullcontext():
            return lockstep.play(attempts)


def _unsteady(
    stage: _Stage, spec: EnvironmentSpec, traces: Sequence[_Trace], recordings: Sequence[Recording]
) -> frozenset[str]:
    """The keys that are told otherwise where environments are used again and side by side.

    Where these give other observations, the build does not play so: then where fresh ones play alone.
    """
    limit = min(spec.max_episode_steps or STEPS, STEPS)
    used = dataclasses.replace(spec, max_episode_steps=limit, reusable=True)
    first, again = range(LEAST_ATTEMPTS), _Watch()
    alike = not spec.single
    if alike:
        with closing(EnvironmentPool(used)) as pool:
            for _ in range(2):
                played = stage.play(pool, first, again, len(first))
                alike = alike and _begins_as(recordings[: len(first)], played)
    if not alike:
        again = _Watch()
        for _ in range(2):
            with closing(EnvironmentPool(dataclasses.replace(used, reusable=False))) as pool:
                stage.play(pool, first, again)
    pairs = zip([*traces[: len(first)], *traces[: len(first)]], again.traces, strict=False)
    return frozenset(key for one, other in pairs for key in _differing(one, other))


def _begins_as(recordings: Sequence[Recording], played: Recording) -> bool:
    """Whether attempts that may have been cut off saw what the whole ones did."""
    for index, (whole, start) in enumerate(zip(recordings, played.starts, strict=True)):
        length = int(played.lengths[index])
        for one, other in zip(whole.observations, played.observations, strict=True):
            if one[:length].tobytes() != other[start : start + length].tobytes():
                return False
    return True


def _differing(whole: _Trace, part: _Trace) -> set[str]:
    pairs = [(whole.reset, part.reset), *zip(whole.steps, part.steps, strict=False)]
    return {key for one, other in pairs for key in {*one, *other} if one.get(key) != other.get(key)}


def _shown(said: Sequence[Said], unsteady: frozenset[str]) -> dict[str, Shown]:
    """What can be said of each key, in the order of their names."""
    found: dict[str, Shown] = {}
    for key in sorted({key for one in said for key in one}):
        told = {one[key][:2] for one in said if key in one}
        found[key] = _together(key, [kind for kind, _ in told], sorted({name for _, name in told}))
        if found[key].kind and key in unsteady:
            found[key] = Shown(None, "the same attempt, played again, says otherwise")
    return found


def _together(key: str, kinds: Sequence[Kind | None], types: Sequence[str]) -> Shown:
    if why := left_out(key):
        return Shown(None, why)
    if None in kinds:
        return Shown(None, f"its values are not numbers, fixed arrays or texts: {', '.join(types)}")
    together = kinds[0]
    for kind in kinds[1:]:
        together = None if together is None or kind is None else widened(together, kind)
    return Shown(together, "" if together else f"its type changes: {', '.join(sorted(map(str, kinds)))}")
