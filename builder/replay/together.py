"""Recorded attempts, given again to lanes that are stepped together: what each lane gives, as a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from builder.environments.lanes import Lanes
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.spaces import Array, leaves


@dataclass
class _Given:
    """What a lane has given so far.

    Attributes:
        recorded: the attempt that it is given.
        observations: per leaf [steps + 1, ...].
        rewards: of its steps.
        ends: whether it was terminated, and truncated.
    """

    recorded: Recording
    observations: list[Array]
    rewards: list[float] = field(default_factory=list)
    ends: tuple[bool, bool] = (False, False)

    @property
    def over(self) -> bool:
        """Whether it has ended, or has no further action."""
        return any(self.ends) or len(self.rewards) == len(self.recorded.rewards)

    def recording(self, limit: int | None) -> Recording:
        """All of it."""
        steps, rewards = len(self.rewards), np.array(self.rewards, np.float64)
        return Recording(
            attempts=self.recorded.attempts,
            seeds=self.recorded.seeds,
            lengths=np.array([steps]),
            returns=episode_returns(rewards, np.array([steps])),
            terminated=np.array([self.ends[0]], bool),
            truncated=np.array([self.ends[1] or steps == limit], bool),
            observations=tuple(column[:steps] for column in self.observations),
            actions=tuple(column[:steps] for column in self.recorded.actions),
            rewards=rewards,
            finals=tuple(column[steps : steps + 1] for column in self.observations),
        )


def play_together(lanes: Lanes, recorded: Sequence[Recording], limit: int | None) -> list[Recording]:
    """What lanes give for the seeds and actions of recorded attempts, each up to its end.

    Args:
        lanes: as many as there are attempts, or more.
        recorded: of one attempt each.
        limit: the engine truncates at this many steps.
    """
    found = leaves(lanes.observation_space)
    given = [
        _Given(one, [np.empty((len(one.rewards) + 1, *leaf.shape), leaf.dtype) for leaf in found])
        for one in recorded
    ]
    for lane in range(len(given)):
        lanes.ready(lane)
    for lane, begun in lanes.begin({lane: int(one.seeds[0]) for lane, one in enumerate(recorded)}).items():
        if begun.error is not None:
            raise begun.error
        for column, value in zip(given[lane].observations, begun.observation, strict=True):
            column[0] = value
    playing = list(range(len(given)))
    while playing := [lane for lane in playing if not given[lane].over]:
        _step(lanes, playing, given)
    return [one.recording(limit) for one in given]


def _step(lanes: Lanes, playing: Sequence[int], given: Sequence[_Given]) -> None:
    """Step the lanes that play, with what was recorded next of each."""
    mine = [given[lane] for lane in playing]
    lanes.arrange(playing)
    kinds = len(mine[0].recorded.actions)
    actions = [
        np.stack([one.recorded.actions[kind][len(one.rewards)] for one in mine]) for kind in range(kinds)
    ]
    stepped = lanes.step(actions)
    seen = [np.empty((len(mine), *column.shape[1:]), column.dtype) for column in mine[0].observations]
    lanes.observe(seen)
    for row, *ends in stepped.ended:
        mine[row].ends = ends[0], ends[1]
    for row, one in enumerate(mine):
        one.rewards.append(float(stepped.rewards[row]))
        for whole, column in zip(one.observations, seen, strict=True):
            whole[len(one.rewards)] = column[row]
