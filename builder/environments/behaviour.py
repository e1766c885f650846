"""How an environment behaves: whether it repeats itself, forgets its past, and bears others beside it.

The measure is an episode as a fresh instance plays it, alone: the same seed and the same actions must give
every bit of it again, however instances are used.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import math
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.environments import answers
from builder.environments.environment import EnvironmentSpec, make
from builder.environments.masks import allowed, random_choice
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.episode import arrays_of
from builder.episodes.seeding import ACTION_SPACE, stream_seed
from builder.episodes.spaces import Array
from builder.errors import EnvironmentError_

KEEPS_ITS_PAST = ("gymnasium.envs.box2d.bipedal_walker", "gymnasium.envs.box2d.car_racing")
"""Modules whose environments keep their Box2D world across `reset`: the same seed gives another episode
(BipedalWalker: 8 of 20). Playing would find most of it; nothing is left to luck."""
FORGETS_ITS_PAST = ("ale_py.env", "gymnasium.envs.phys2d.cartpole", "gymnasium.envs.phys2d.pendulum")
"""Modules whose environments load their whole game again when they are given a seed, or go back to that time;
or that compile their pure functions again for each instance. Each has a game of its own."""

SECONDS = 0.5
"""So long an episode is recorded after its first step, at the most; what follows is not known."""
BEFORE, BESIDE, AFTER = 3, 50, 50
"""The most steps of an episode before another instance is made, while it plays, and once it is closed."""

NOTHING_PLAYED = "nothing could be played"
"""Why an environment is not trusted that raises at once; the play itself will say it better."""

Act = Callable[..., Any]
Chooser = Callable[[Context], Act]
"""Given the attempt that begins: what chooses an action for each of its observations, given the mask as well
where the environment is asked for masks."""


@dataclass(frozen=True)
class Script:
    """An episode that a fresh instance played, alone.

    Attributes:
        seed: of `reset`.
        actions: what `step` was given.
        trace: a digest of what `reset`, then each step, gave; one more than there are actions.
    """

    seed: int
    actions: tuple[Any, ...]
    trace: tuple[bytes, ...]


@dataclass(frozen=True)
class Behaviour:
    """How instances of an environment may be used; each text says where one gave something else.

    Attributes:
        unlike: a fresh instance, alone; empty: it gives the same again.
        outlives: two fresh ones in a row give the same, so that something outlived an earlier instance.
        remembers: one that has played other episodes before; empty: it forgets them.
        disturbed: one beside which others play; empty: none disturbs another.
        only_one: what making a second one beside the first raised; empty: it can be made.
        global_generators: those of the process that it draws from.
    """

    unlike: str = ""
    outlives: bool = False
    remembers: str = ""
    disturbed: str = ""
    only_one: str = ""
    global_generators: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is right only where nothing else plays in its process."""
        return bool(self.disturbed or self.only_one or self.global_generators)


def random_actions(action_space: gym.Space[Any]) -> Chooser:
    """Samples the space, each attempt from its own seed."""

    def begin(context: Context) -> Act:
        space = copy.deepcopy(action_space)
        space.seed(stream_seed(context.root_seed, context.index, ACTION_SPACE))
        return lambda _, *mask: random_choice(space, *mask) if mask else space.sample()

    return begin


def record(spec: EnvironmentSpec, chooser: Chooser, context: Context, *, steps: float = math.inf) -> Script:
    """Have a fresh instance play an attempt, up to its end or to what an action raises.

    Args:
        spec: the environment.
        chooser: what chooses its actions.
        context: the attempt.
        steps: no more than these.

    Raises:
        EnvironmentError_: the instance cannot be made.
    """
    actions: list[Any] = []
    environment, deadline = make(spec), math.inf
    try:
        act = chooser(context)
        observation = answers.begin(environment, context.seed)
        trace = [seen(observation)]
        limit = min(steps, spec.max_episode_steps or 0)
        while len(actions) < limit and time.monotonic() < deadline:
            mask = allowed(environment)
            action = act(observation, *mask)
            kept = copy.deepcopy(action)
            observation, reward, terminated, truncated, _ = environment.step(action)
            trace.append(seen(observation, reward, terminated, truncated, before=mask))
            actions.append(kept)
            deadline = min(deadline, time.monotonic() + SECONDS)  # the first step may compile what all take
            if any(answers.ended(terminated, truncated)):
                break
    except (Exception, SystemExit):  # noqa: BLE001  (the play itself will say it better; what came before can be compared)
        return Script(context.seed, tuple(actions), tuple(trace)) if actions else Script(context.seed, (), ())
    finally:
        environment.close()
    return Script(context.seed, tuple(actions), tuple(trace))


def rehearse(spec: EnvironmentSpec, seed: int, actions: Sequence[Any]) -> Script:
    """Have a fresh instance play an episode whose actions are known."""
    environment = make(spec)
    try:
        script = Script(seed, tuple(actions), ())
        return Script(seed, script.actions, tuple(_follow(environment, script)))
    finally:
        environment.close()


def seen(
    observation: Any,
    reward: Any = 0.0,
    terminated: Any = False,
    truncated: Any = False,
    *,
    before: tuple[Array, ...] = (),
) -> bytes:
    """A digest of what a step gave, and of the mask before it: bits, and the kind of numbers they are."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (*before, *arrays_of(observation)):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    flags = answers.ended(terminated, truncated)
    digest.update(struct.pack("<d??", answers.reward_value(reward), *flags))
    return digest.digest()


def _follow(environment: gym.Env[Any, Any], script: Script) -> Iterator[bytes]:
    """The trace of an instance that is given a script's seed and actions."""
    try:
        yield seen(answers.begin(environment, script.seed))
        for action in script.actions:
            mask = allowed(environment)
            observation, reward, terminated, truncated, _ = environment.step(copy.deepcopy(action))
            yield seen(observation, reward, terminated, truncated, before=mask)
            if any(answers.ended(terminated, truncated)):
                return
    except (Exception, SystemExit) as error:  # noqa: BLE001  (it did not before, so this is a difference like any other)
        yield type(error).__name__.encode()


def _differing_step(script: Script, trace: Iterable[bytes]) -> int | None:
    """The first place at which a trace is not the script's; nothing is played beyond it."""
    pairs = itertools.zip_longest(script.trace, trace)
    return next((step for step, (wanted, got) in enumerate(pairs) if wanted != got), None)


def _difference(script: Script, trace: Iterable[bytes]) -> str:
    """The same in words; empty: nowhere."""
    step = _differing_step(script, trace)
    if step is None:
        return ""
    what = f"step {step - 1}" if step else "the first observation"
    return f"{what} of seed {script.seed}"


def behaviour(
    spec: EnvironmentSpec, scripts: Sequence[Script], *, forgets: bool = False, others: bool = True
) -> Behaviour:
    """Play scripts again: with a fresh instance, with one that has a past, and beside another.

    A second instance is made last of all, once everything else is known.

    Args:
        spec: the environment.
        scripts: what fresh instances played.
        forgets: it is known to forget its past.
        others: whether to make a second instance at all.

    Raises:
        EnvironmentError_: an instance cannot be made.
    """
    played = [script for script in scripts if script.trace]
    if not played:
        return Behaviour(remembers=NOTHING_PLAYED)
    with global_generators.restored():
        global_generators.stir()
        before = global_generators.states()
        unlike, remembers = _one_at_a_time(spec, played, forgets=forgets)
        drawn = global_generators.moved(before)
        disturbed, only_one = "", ""
        if others and not unlike and not drawn:
            disturbed, only_one = _side_by_side(spec, played)
        outlives = bool(unlike) and _twice_the_same(spec, played[-1])
    return Behaviour(unlike, outlives, remembers, disturbed, only_one, drawn)


def _one_at_a_time(spec: EnvironmentSpec, scripts: Sequence[Script], *, forgets: bool) -> tuple[str, str]:
    """Where a fresh instance, and where one with a past, gave something else."""
    first = scripts[-1]
    environment = make(spec)
    try:
        if unlike := _difference(first, _follow(environment, first)):
            return unlike, ""
        following = () if forgets else (*reversed(scripts[:-1]), *([first] if len(scripts) == 1 else []))
        for script in following:
            if remembers := _difference(script, _follow(environment, script)):
                break
        else:
            return "", ""
    finally:
        environment.close()
    again = make(spec)  # was it the past?
    try:
        return _difference(script, _follow(again, script)), remembers
    finally:
        again.close()


def _twice_the_same(spec: EnvironmentSpec, script: Script) -> bool:
    """Whether two fresh instances in a row agree up to where they differ from the one that was recorded."""
    with closing(make(spec)) as environment:
        step = _differing_step(script, _follow(environment, script))
    if step is None:
        return False
    traces = []
    for _ in range(2):
        with closing(make(spec)) as environment:
            traces.append(list(itertools.islice(_follow(environment, script), step + 1)))
    return traces[0] == traces[1]


def _cut(script: Script, steps: int) -> Script:
    """A script's first steps."""
    return Script(script.seed, script.actions[:steps], script.trace[: steps + 1])


def _side_by_side(spec: EnvironmentSpec, scripts: Sequence[Script]) -> tuple[str, str]:
    """Where one of two instances, stepped in turn, gave something else; what making the second raised."""
    by_length = sorted((*scripts, *scripts[:1]), key=lambda script: -len(script.trace))
    longer = _cut(by_length[0], BEFORE + BESIDE + AFTER)
    before = min(BEFORE, (len(longer.trace)) // 2)
    shorter = _cut(by_length[1], max(1, (len(longer.actions) - before) // 2))  # so that some steps come after
    with ExitStack() as stack:
        first = make(spec)
        stack.callback(first.close)
        follow = _follow(first, longer)
        traces: tuple[list[bytes], list[bytes]] = (list(itertools.islice(follow, before)), [])
        try:
            second = make(spec)
        except EnvironmentError_ as error:
            return "", str(error.__cause__ or error)
        with closing(second):
            for other in _follow(second, shorter):
                traces[1].append(other)
                traces[0].extend(itertools.islice(follow, 1))
        traces[0].extend(follow)  # the second is closed: an attempt has ended while others go on
    return _difference(longer, traces[0]) or _difference(shorter, traces[1]), ""


def known(spec: EnvironmentSpec) -> Behaviour | None:
    """How an environment behaves whose code is known; None: it has to be played."""
    environment = make(spec)
    module = type(environment.unwrapped).__module__
    environment.close()
    if module.startswith(KEEPS_ITS_PAST):
        return Behaviour(remembers="its Box2D world outlives reset")
    return Behaviour() if module in FORGETS_ITS_PAST and not spec.wrappers else None


def settled(
    spec: EnvironmentSpec, played: Sequence[Script], *, single: bool = False
) -> tuple[EnvironmentSpec, Behaviour]:
    """The spec with the fastest use of instances that repeats itself, and what shows it.

    Args:
        spec: the environment.
        played: episodes as fresh instances played them.
        single: it is known to be right only alone, so no second instance is made to find that out.

    Raises:
        EnvironmentError_: an instance cannot be made.
    """
    found = behaviour(spec, played, others=not single)
    alone = single or found.alone or bool(found.unlike)
    return dataclasses.replace(spec, reusable=not (found.unlike or found.remembers), single=alone), found
