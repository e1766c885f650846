"""How a foreign policy must be asked: found out on two short episodes before a build plays it."""

from __future__ import annotations

import copy
import dataclasses
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import cloudpickle
import gymnasium as gym

from builder.environments.answers import copied
from builder.environments.environment import EnvironmentSpec
from builder.environments.pool import EnvironmentPool
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.episode import arrays_of
from builder.errors import ExpertError
from builder.experts.actor import pack
from builder.experts.foreign import (
    CAREFUL,
    TRUSTED,
    ForeignPlayer,
    ForeignPolicy,
    Manner,
    Witness,
    says,
)
from builder.experts.own_noise import is_told
from builder.experts.own_object import LARGE_BYTES
from builder.experts.parts import large
from builder.experts.stateless import Examined, examine
from builder.rollout.engine import Interrupted, Lockstep
from builder.rollout.rules import Rules

log = logging.getLogger(__name__)

ATTEMPTS = 2
STEPS = 64
SECONDS = 2.0
"""What is looked at: so many attempts of so many steps, fewer of a policy that takes longer than this."""
LEAST_STEPS = 8

Asked = list[tuple[Context, list[tuple[Any, Any]]]]


def find_manner(player: ForeignPlayer, spec: EnvironmentSpec, root_seed: int, rules: Rules) -> Manner:
    """The fastest manner in which a policy answers as it does in attempts of its own.

    Two attempts are played with all care: a new object for each, generators seeded, nothing else at the same
    time. A faster manner must then give the same answers to the same observations, among other attempts and
    after them.

    Args:
        player: the policy's recipe.
        spec: what it plays.
        root_seed: the build's seed.
        rules: of the build.

    Raises:
        ExpertError: asked the same again, it answers something else: nobody could repeat what it plays.
        BuilderError: it cannot play there.
    """
    player = cloudpickle.loads(pack(player))  # as workers have it: what the program holds is left alone
    first = player.made()
    if player.batched or player.stateless or says(first, "batched") or says(first, "stateless"):
        return TRUSTED
    witness, action_space = _witnessed(player, spec, root_seed, rules)
    attempts = [attempt for attempt in witness.attempts if attempt[1]]
    if not attempts:
        return CAREFUL  # what is the matter will be seen in play
    examined = _examined(player, attempts, action_space)
    for manner in _manners(first, witness, examined):
        step = _first_difference(player.asked(manner), attempts)
        if step is None:
            _say(type(first).__name__, manner, witness, examined)
            return manner
    raise ExpertError(
        f"the expert {type(first).__name__} does not repeat itself: asked the same in the same attempt again,"
        f" it answers something else at step {step}",
        remedy="let it draw from a generator of numpy, random or torch that it holds, from their global ones,"
        " or from one made in reset(seed=); and keep in the object what an episode must find as it was",
    )


def _witnessed(
    player: ForeignPlayer, spec: EnvironmentSpec, root_seed: int, rules: Rules
) -> tuple[Witness, gym.Space[Any]]:
    """What a policy is asked, and answers, in short attempts that are played with all care."""
    limit = min(spec.max_episode_steps or STEPS, STEPS)
    pool = EnvironmentPool(dataclasses.replace(spec, max_episode_steps=limit))
    witness = Witness()
    environment = pool.take()
    spaces = environment.observation_space, environment.action_space
    pool.give_back(environment)
    actor = player.asked(CAREFUL, witness).actor(*spaces)
    rules = dataclasses.replace(rules, reject=True)
    with global_generators.taken():
        for attempt in range(ATTEMPTS):
            enough = partial(_enough, witness, time.monotonic())
            lockstep = Lockstep(pool, actor, root_seed=root_seed, lanes=1, rules=rules, cancelled=enough)
            with suppress(Interrupted):
                lockstep.play(range(attempt, attempt + 1))
    pool.close()
    return witness, spaces[1]


def _enough(witness: Witness, began: float) -> bool:
    """Whether a slow policy has been asked long enough in an attempt."""
    asked = witness.attempts[-1][1] if witness.attempts else []
    return len(asked) >= LEAST_STEPS and time.monotonic() - began > SECONDS


def _examined(player: ForeignPlayer, attempts: Asked, action_space: gym.Space[Any]) -> Examined:
    """What else shows when the policy is asked in several orders, and looked into."""
    questions = [question for _, asked in attempts for question, _ in asked]
    observations, masks = zip(*questions, strict=True)
    found = Examined()
    for copies in ("deepcopy", "pickle"):
        policy = ForeignPolicy(player.asked(dataclasses.replace(CAREFUL, copies=copies)))
        found = examine(
            policy.fresh, observations, action_space, deterministic=player.deterministic, masks=masks
        )
        if not found.raised:
            break
    return found


def _manners(first: Any, witness: Witness, examined: Examined) -> Iterator[Manner]:
    """The manners that come into question, the fastest first."""
    draws = bool(witness.drew)
    apart = draws and witness.disturbed
    if not is_told(first) and (examined.stateless or (draws and examined.unchanged)):
        yield Manner(shared=True, watched=True, alone=draws, apart=apart)
    for alone in (True,) if draws else (False, True):
        if large(first, LARGE_BYTES):
            yield Manner(alone=alone, apart=apart, watched=True, copies="lean")
        for copies in ("deepcopy", "pickle", "anew"):
            yield Manner(alone=alone, apart=apart, copies=copies)


def _first_difference(player: ForeignPlayer, attempts: Asked) -> int | None:
    """The first step at which a policy, asked in some manner, answers otherwise; None: it never does."""
    with global_generators.taken():
        try:
            policy = ForeignPolicy(player)
            rounds = [*([[attempt] for attempt in attempts] if player.alone else [attempts]), attempts[:1]]
            for lane, together in enumerate(rounds):
                if (step := _differs(policy, together, lane)) is not None:
                    return step
            policy.end()
        except Exception as error:  # noqa: BLE001  (it cannot be asked so, copied for instance)
            log.debug("%s: %r", player.manner, error)
            return 0
    return None


def _differs(policy: ForeignPolicy, attempts: Asked, first_lane: int) -> int | None:
    """Ask about the same attempts again, step by step on neighbouring lanes."""
    for lane, (context, _) in enumerate(attempts, start=first_lane):
        policy.begin(lane, context)
    for step in range(max(len(asked) for _, asked in attempts)):
        for lane, (_, asked) in enumerate(attempts, start=first_lane):
            if step < len(asked):
                (observation, mask), answer = asked[step]
                if not _same(policy.ask(lane, copied(observation), copy.copy(mask)), answer):
                    return step
    return None


def _same(one: Any, other: Any) -> bool:
    pairs = list(zip(arrays_of(one), arrays_of(other), strict=True))
    return all(left.dtype == right.dtype and left.tobytes() == right.tobytes() for left, right in pairs)


def _say(name: str, manner: Manner, witness: Witness, examined: Examined) -> None:
    """Tell the user what of the policy makes it slower to play, or is not to be relied on."""
    if manner.alone:
        why = f"draws from {' and '.join(sorted(witness.drew))}" if witness.drew else "minds other attempts"
        log.info("%s %s: each process plays one attempt at a time", name, why)
    elif not manner.shared:
        log.info("%s keeps something between its answers: each attempt has an object of its own", name)
    if "copies share that" in examined.remembers:
        log.warning("%s: %s; give it reset(), or keep it in the object", name, examined.remembers)
