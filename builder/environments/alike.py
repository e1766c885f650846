"""Whether lanes that are stepped together give what an instance gives that is alone, bit for bit.

Episodes whose every answer is known are played again in two arrangements: on other lanes, beside others,
begun at other times and in another order. What such lanes give is then an episode's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np

from builder.environments.behaviour import Script, seen
from builder.environments.environment import EnvironmentSpec
from builder.environments.lanes import Lanes
from builder.environments.pool import EnvironmentPool
from builder.episodes.spaces import Array, assemble, leaves

APART = 3
"""Lanes between two that play, where some are left empty."""
LATER = 2
"""Steps after which another episode begins, where they do not all begin at once."""


def difference(spec: EnvironmentSpec, scripts: Sequence[Script]) -> str:
    """Where lanes give something else than was recorded; empty: nowhere.

    Args:
        spec: what steps them together.
        scripts: what an instance played that was alone.
    """
    played = [script for script in scripts if script.actions]
    if not played:
        return "the first step of every episode"
    with closing(EnvironmentPool(spec)) as pool:
        at_once = [_Part(script, lane, 0) for lane, script in enumerate((*played, *played))]
        apart = [
            _Part(script, 1 + APART * order, LATER * order) for order, script in enumerate(reversed(played))
        ]
        lanes = pool.lanes(1 + max(part.lane for part in (*at_once, *apart)))
        return _differing(lanes, at_once) or _differing(lanes, apart)


class _Part:
    """An episode that a lane plays from a tick on."""

    def __init__(self, script: Script, lane: int, begins: int) -> None:
        self.script, self.lane, self.begins, self.step = script, lane, begins, 0

    def differs(self, given: bytes) -> str:
        """In words, where this is not what was recorded."""
        if given == self.script.trace[self.step]:
            return ""
        what = f"step {self.step - 1}" if self.step else "the first observation"
        return f"{what} of seed {self.script.seed}"

    @property
    def over(self) -> bool:
        """Whether all its actions are done."""
        return self.step == len(self.script.actions)


def _differing(lanes: Lanes, parts: Sequence[_Part]) -> str:
    """Where parts that are played together are not what was recorded."""
    waiting, playing, tick = list(parts), list[_Part](), 0
    while waiting or playing:
        fresh = [part for part in waiting if part.begins <= tick]
        if words := _begun(lanes, fresh):
            return words
        waiting, playing = waiting[len(fresh) :], playing + fresh
        if words := _stepped(lanes, playing):
            return words
        for part in (part for part in playing if part.over):
            lanes.end(part.lane)
        playing, tick = [part for part in playing if not part.over], tick + 1
    return ""


def _begun(lanes: Lanes, parts: Sequence[_Part]) -> str:
    for part in parts:
        lanes.ready(part.lane)
    begun = lanes.begin({part.lane: part.script.seed for part in parts})
    for part in parts:
        given = begun[part.lane]
        if given.error is not None:
            return f"the reset of seed {part.script.seed}"
        if words := part.differs(seen(assemble(lanes.observation_space, given.observation))):
            return words
    return ""


def _stepped(lanes: Lanes, playing: Sequence[_Part]) -> str:
    lanes.arrange([part.lane for part in playing])
    stepped = lanes.step(_actions(lanes, playing))
    found = leaves(lanes.observation_space, "observation space")
    columns = [np.empty((len(playing), *leaf.shape), leaf.dtype) for leaf in found]
    lanes.observe(columns)
    flags = {row: (terminated, truncated) for row, terminated, truncated in stepped.ended}
    for row, part in enumerate(playing):
        part.step += 1
        observation = assemble(lanes.observation_space, [column[row] for column in columns])
        ended = flags.get(row, (False, False))
        if words := part.differs(seen(observation, stepped.rewards[row], *ended)):
            return words
    return ""


def _actions(lanes: Lanes, playing: Sequence[_Part]) -> list[Array]:
    """The next action of each, per leaf [rows, ...]."""
    values = [part.script.actions[part.step] for part in playing]
    return [
        np.stack([np.asarray(leaf.pick(value), leaf.dtype) for value in values])
        for leaf in leaves(lanes.action_space, "action space")
    ]
