"""The contract of environments that are stepped together: so many lanes, each of which plays attempts.

What a lane gives depends on the seed and the actions of its attempt alone: not on which lane it is, on how
many there are, on what the others play, or on what was played before. `builder.environments.alike` checks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium as gym

from builder.episodes.spaces import Array
from builder.errors import BuilderError, ConfigError

RAISED = (Exception, SystemExit)
"""What environments raise: a simulator that gives up may want to end the program."""


@dataclass(frozen=True)
class Begun:
    """What `reset` gave on one lane.

    Attributes:
        observation: a value for each leaf of the observation space.
        info: what it said beside.
        error: what it raised instead; None: nothing.
    """

    observation: tuple[Any, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


@dataclass(frozen=True)
class Stepped:
    """What one step of all lanes gave; a row for each of them, as they are arranged.

    Attributes:
        rewards: float64 [rows].
        ended: the rows whose attempt has ended, in order, each with its flags terminated and truncated.
        infos: what each said beside; empty where nobody can be asked.
        failed: what was raised, by row; such a row has ended, with neither flag.
    """

    rewards: Sequence[float] | Array
    ended: list[tuple[int, bool, bool]]
    infos: Sequence[Mapping[str, Any]] = ()
    failed: Mapping[int, BaseException] = field(default_factory=dict)


class RowError(Exception):
    """What a lane gave is not what its spaces declare.

    Attributes:
        row: which one.
        error: what is wrong.
    """

    def __init__(self, row: int, error: BuilderError) -> None:
        super().__init__(row, error)
        self.row, self.error = row, error


class SharedBufferError(Exception):
    """Several lanes gave observations that may lie in one buffer: play again, and copy."""


def refuse_to_be_asked() -> ConfigError:
    """The error for what needs an environment of a lane's own, where there is none."""
    return ConfigError(
        "environments that are stepped together cannot be asked one by one",
        remedy="set env.vector=false",
    )


class Lanes(Protocol):
    """Environments that are stepped together.

    Attributes:
        observation_space: of each lane.
        action_space: likewise.
    """

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]

    def ready(self, lane: int) -> None:
        """Make what the next attempt on a lane needs, before anything of it is drawn."""

    def begin(self, seeds: Mapping[int, int]) -> Mapping[int, Begun]:
        """Reset lanes, each with its seed; what each gave."""

    def arrange(self, lanes: Sequence[int]) -> None:
        """From now on these lanes are stepped, in this order; all of them have begun."""

    def step(self, actions: Sequence[Array]) -> Stepped:
        """Step all lanes.

        Args:
            actions: per leaf of the action space an array [rows, ...].

        Raises:
            RowError: a reward that is not one number.
        """

    def observe(self, columns: Sequence[Array]) -> None:
        """Write the observations after the last step; of a lane that has ended, the final one.

        Args:
            columns: per leaf of the observation space [rows, ...].

        Raises:
            RowError: an observation that is not of the space.
            SharedBufferError: they may be each other's.
        """

    def copy(self) -> None:
        """From now on, copy what is given before another lane is stepped."""

    def environment(self, lane: int) -> gym.Env[Any, Any]:
        """The environment of a lane, for whoever asks it itself.

        Raises:
            ConfigError: there is none that could be asked.
        """

    def end(self, lane: int) -> None:
        """The attempt on a lane is over, and all went well."""

    def discard(self, lane: int) -> None:
        """The attempt on a lane is over, and nobody knows in what state that is."""

    def close(self) -> None:
        """Let go of what is kept for another attempt."""
