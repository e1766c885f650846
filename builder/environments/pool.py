"""The environments of one worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym

from builder.environments.environment import EnvironmentSpec, make
from builder.environments.functional import FunctionalLanes
from builder.environments.lane_by_lane import LaneByLane
from builder.environments.lanes import Lanes
from builder.environments.mujoco_models import share_model
from builder.environments.vector_entry import VectorLanes

FUNCTIONAL, ENTRY_POINT = "functional", "entry point"
"""Of a spec whose lanes are stepped by `FunctionalLanes`, and by `VectorLanes`."""
_ALONE = threading.Lock()
"""Held by the only thread of this process that plays an environment which is right only alone."""


@contextmanager
def turn(spec: EnvironmentSpec) -> Iterator[None]:
    """The time in which a thread plays: alone in its process, where the environment needs that.

    Whoever plays in it closes what it has made before it ends.
    """
    if not spec.single:
        yield
        return
    with _ALONE:
        yield


class EnvironmentPool:
    """The environments of one worker: made when first needed, kept for the next chunk where that is safe."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        self.spec = spec
        self._free: list[gym.Env[Any, Any]] = []
        self._lanes: Lanes | None = None
        self._first: gym.Env[Any, Any] | None = None

    def lanes(self, count: int) -> Lanes:
        """What steps so many of them together, or more; the same each time, where it has as many."""
        if isinstance(self._lanes, VectorLanes) and self._lanes.count < count:
            self._lanes.close()
            self._lanes = None
        if self._lanes is None:
            self._lanes = self._of(count)
        return self._lanes

    def _of(self, count: int) -> Lanes:
        if self.spec.vector == FUNCTIONAL:
            return FunctionalLanes(make(self.spec))
        return VectorLanes(self.spec, count) if self.spec.vector == ENTRY_POINT else LaneByLane(self)

    def take(self) -> gym.Env[Any, Any]:
        """An environment to play one attempt on."""
        return self._free.pop() if self._free else self._made()

    def _made(self) -> gym.Env[Any, Any]:
        environment = make(self.spec)
        if self._first is None:
            self._first = environment
        elif self.spec.bare:  # a wrapper might write into what is shared
            share_model(environment, self._first)
        return environment

    def give_back(self, environment: gym.Env[Any, Any]) -> None:
        """The attempt is over."""
        if self.spec.reusable:
            self._free.append(environment)
        else:
            environment.close()

    def close(self) -> None:
        """Close those that wait for another attempt."""
        if self._lanes is not None:
            self._lanes.close()
            self._lanes = None
        while self._free:
            self._free.pop().close()
        self._first = None
