"""What is found about a foreign policy: whether it is a function of what it is given."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import cloudpickle
import numpy as np

from builder.checks.finding import Finding, finding
from builder.environments.masks import choices, maskable
from builder.environments.stepping import store_checked
from builder.episodes.context import Context
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.errors import BuilderError, ExpertError, NotFiniteError, SpaceError
from builder.experts.actor import Player, pack
from builder.experts.sources.python import PythonPlayer
from builder.experts.stateless import SAMPLED, Examined, examine
from builder.rollout.rules import ActionRule

REPEATED = 5
"""The fastest of so many times counts."""
ROWS = 16
"""A batched policy is asked about so many rows, at once, in another order, and one by one."""


def policy_findings(player: PythonPlayer, spaces: Spaces, observations: Sequence[Any]) -> Iterator[Finding]:
    """What a foreign policy does that a build has to know.

    Args:
        player: its recipe; only copies of the program's own object are asked.
        spaces: the observation and the action space of the environment.
        observations: real ones to ask about.
    """
    name = _name(player)
    chosen = [observations[row] for row in _spread(len(observations), SAMPLED)]
    try:
        packed = pack(player)
        refused = _refused(cloudpickle.loads(packed), spaces, chosen)
    except ExpertError as error:
        yield finding("cannot-copy" if "sent to" in error.what else "raises", f"{name}: {error.what}")
        return
    if refused:
        yield finding("undeclared-action", f"{name}: {refused}")
        return
    if player.batched:
        if differs := _depends_on_batch(cloudpickle.loads(packed), spaces, chosen):
            yield finding("depends-on-batch", f"{name}: {differs}")
        return
    found = examine(
        lambda: cloudpickle.loads(packed).made(),
        chosen,
        spaces.action,
        deterministic=player.deterministic,
        masks=_all_allowed(player, spaces, len(chosen)),
    )
    yield from examined_findings(name, found)


def examined_findings(name: str, found: Examined) -> Iterator[Finding]:
    """What asking a policy has shown, as findings."""
    if found.raised:
        yield finding("raises", f"{name}: predict raised {found.raised}")
    if found.global_generators:
        generators = " and ".join(found.global_generators)
        yield finding("global-random", f"{name}: predict draws from the generators of {generators}")
    elif found.remembers:
        yield finding("hidden-state", f"{name}: {found.remembers}")
    if found.reuses_buffer:
        yield finding("reused-buffer", f"{name}: an answer shares its memory with the one before")


def _name(player: PythonPlayer) -> str:
    policy = player.policy
    return policy if isinstance(policy, str) else getattr(policy, "__name__", type(policy).__name__)


def _spread(available: int, wanted: int) -> list[int]:
    """Evenly spaced rows, as many as there are at the most."""
    count = min(available, wanted)
    return [i * available // count for i in range(count)]


def _refused(player: Player, spaces: Spaces, observations: Sequence[Any]) -> str:
    """Why the answers to single observations cannot be played; empty: they can.

    Raises:
        ExpertError: the policy raises.
    """
    rule = ActionRule(spaces.action, clip=False)
    try:
        for index, observation in enumerate(observations):
            rule.apply(_asked(player, spaces, [observation], first=index))
    except (SpaceError, NotFiniteError) as error:
        return f"{error.what}; expected {error.expected}, got {error.got}"
    except BuilderError:
        raise
    except Exception as error:
        raise ExpertError(f"predict raised {type(error).__name__}: {error}") from error
    return ""


def _asked(player: Player, spaces: Spaces, observations: Sequence[Any], *, first: int = 0) -> Sequence[Array]:
    """The answers of a new actor to the first observations of as many attempts, asked at once."""
    actor, lanes = player.actor(*spaces), range(first, first + len(observations))
    for lane in lanes:
        actor.begin(lane, Context(lane))
    columns = [_column(leaf, observations) for leaf in leaves(spaces.observation)]
    return actor.act(columns, lanes, _all_allowed(player, spaces, len(observations)))


def _all_allowed(player: Player, spaces: Spaces, rows: int) -> Array | None:
    """Masks that allow everything, for a policy that is asked with masks: bool [rows, choices]."""
    if not (maskable(spaces.action) and player.masked):
        return None
    return np.ones((rows, choices(spaces.action)), np.bool_)


def _column(leaf: Leaf, observations: Sequence[Any]) -> Array:
    column = np.empty((len(observations), *leaf.shape), leaf.dtype)
    store_checked(leaf, column, [leaf.pick(observation) for observation in observations])
    return column


def _depends_on_batch(player: Player, spaces: Spaces, observations: Sequence[Any]) -> str:
    """How a row's answer differs with the rows beside it; empty: it does not."""
    rows = list(observations[:ROWS])
    together = _asked(player, spaces, rows)
    reverse = _asked(player, spaces, rows[::-1])
    alone = [_asked(player, spaces, [row]) for row in rows]
    for number, column in enumerate(together):
        singly = np.concatenate([answer[number] for answer in alone])
        for how, other in (("alone", singly), ("in another order", reverse[number][::-1])):
            if column.tobytes() != other.tobytes():
                most = np.abs(column.astype(np.float64) - other.astype(np.float64)).max()
                return f"asked {how}, a row of {len(rows)} gets an answer that differs by up to {most:.3g}"
    return ""


def seconds_per_action(player: Player, spaces: Spaces, observations: Sequence[Any], lanes: int) -> float:
    """What an action takes, asked for so many lanes at once."""
    actor, rows = player.actor(*spaces), [observations[i % len(observations)] for i in range(lanes)]
    columns = [_column(leaf, rows) for leaf in leaves(spaces.observation)]
    masks = _all_allowed(player, spaces, lanes)
    for lane in range(lanes):
        actor.begin(lane, Context(lane))
    best = math.inf
    for _ in range(REPEATED):
        began = time.perf_counter()
        actor.act(columns, range(lanes), masks)
        best = min(best, time.perf_counter() - began)
    return best / lanes
