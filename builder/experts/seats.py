"""How an expert's environment can be observed, and who plays so, made when first asked."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.config import RolloutConfig
from builder.environments.answers import spaces_of
from builder.environments.environment import EnvironmentSpec, make, resolve
from builder.environments.legacy import Match
from builder.environments.wrappers import Layers
from builder.experts.actor import Actor, Player
from builder.experts.foreign import ForeignPlayer
from builder.experts.masks import with_masks
from builder.experts.sources.expert import Expert
from builder.experts.sources.registered import DEFAULT_ROLLOUT

NO_LIMITS = {"max_episode_steps": None, "max_steps": None}


@dataclass(frozen=True)
class Seat:
    """One way to observe an environment, and who plays so. Picklable.

    Attributes:
        player: the recipe for actors.
        environment: what is played.
        observation_space: of the environment.
        action_space: of the environment.
    """

    player: Player
    environment: EnvironmentSpec
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]


def seats_of(expert: Expert, rollout: RolloutConfig, usual: Seat) -> tuple[Seat, ...]:
    """How an environment can be observed: as a build records it; of Atari also as the screen shows it."""
    spec = usual.environment
    if spec.preprocessing is None:
        return (usual,)
    screen = resolve(spec.id, spec.kwargs, **NO_LIMITS, layers=Layers(wrappers=spec.wrappers))
    return usual, seat_of(expert, rollout, Match(screen, expert.policy.name))


def seat_of(expert: Expert, rollout: RolloutConfig, matched: Match) -> Seat:
    """How an expert plays in an environment that was found for it.

    Raises:
        BuilderError: the environment cannot be made, or has no spaces.
    """
    spec = matched.spec
    player = expert.player(
        rollout,
        env_id=matched.trained_on,
        max_episode_steps=spec.max_episode_steps,
        zeros=matched.zeros,
        preprocessed=spec.preprocessing is not None,
    )
    environment = make(spec)
    try:
        spaces = spaces_of(environment, spec.id)
        return Seat(player, with_masks(expert, player, spec, environment), *spaces)
    finally:
        environment.close()


class Actors:
    """The actors of some seats, made when they are first asked, one at a time.

    Args:
        seats: of an expert.
        name: what a dataset calls it; empty: after the environment.
        rollout: how it plays in a build.
    """

    def __init__(
        self, seats: Sequence[Seat], name: str = "", rollout: RolloutConfig = DEFAULT_ROLLOUT
    ) -> None:
        self.seats, self.name, self.rollout = tuple(seats), name, rollout
        self.lock = threading.Lock()
        self._made: dict[tuple[int, bool], Actor] = {}

    def of(self, number: int, *, deterministic: bool) -> Actor:
        """The actor of a seat."""
        if (number, deterministic) not in self._made:
            seat = self.seats[number]
            player: Any = seat.player
            if getattr(player, "deterministic", deterministic) != deterministic:
                player = dataclasses.replace(player, deterministic=deterministic)
            if isinstance(player, ForeignPlayer):
                player = player.apart()  # whoever asks may draw between its answers, and ask in any order
            self._made[number, deterministic] = player.actor(seat.observation_space, seat.action_space)
        return self._made[number, deterministic]

    def end(self) -> None:
        """An attempt has been played.

        Raises:
            NotStatelessError: it may have been played wrongly.
        """
        for actor in self._made.values():
            actor.end()

    def be_careful(self) -> None:
        """Ask as one asks an expert of which nothing is known."""
        self.seats = tuple(dataclasses.replace(seat, player=seat.player.careful()) for seat in self.seats)
        self._made.clear()
