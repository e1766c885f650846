"""The spaces of what is imported: the source's own, the environment's, or what its arrays tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from builder.environments.environment import make, resolve
from builder.environments.wrappers import Layers
from builder.episodes.spaces import Array, Spaces, leaves
from builder.errors import DatasetError
from builder.exchange.arrays import exactly_as
from builder.exchange.contract import Incoming, Trajectory


def adopted(incoming: Incoming, environment: Mapping[str, Any] | None) -> Incoming:
    """What comes in, as that of an environment which the user names; its spaces hold where the shapes do.

    Args:
        incoming: what a reader found.
        environment: id and kwargs; None: none is named, and nothing changes.

    Raises:
        ConfigError: there is no such environment here.
        DatasetError: its observations or actions are of another shape.
    """
    if environment is None:
        return incoming
    kwargs = dict(environment.get("kwargs", {}))
    spec = resolve(environment["id"], kwargs, max_episode_steps=None, max_steps=None, layers=Layers(None, ()))
    made = make(spec)
    try:
        found = Spaces(made.observation_space, made.action_space)
    finally:
        made.close()
    for name, ours, theirs in zip(Spaces._fields, incoming.spaces, found, strict=True):
        shapes = [[leaf.shape for leaf in leaves(space)] for space in (ours, theirs)]
        if shapes[0] != shapes[1]:
            raise DatasetError(
                f"{environment['id']} has another {name} space", expected=f"{shapes[1]}", got=f"{shapes[0]}"
            )
    named = {"id": environment["id"], "kwargs": kwargs, "max_episode_steps": spec.max_episode_steps}
    return dataclasses.replace(incoming, spaces=found, environment=named)


def exactly(trajectory: Trajectory, spaces: Spaces) -> Trajectory:
    """The episode in the dtypes of the spaces.

    Raises:
        DatasetError: a value would not survive that.
    """
    return dataclasses.replace(
        trajectory,
        observations=_cast(trajectory.observations, spaces.observation, "observation"),
        actions=_cast(trajectory.actions, spaces.action, "action"),
        final=None
        if trajectory.final is None
        else _cast(trajectory.final, spaces.observation, "final observation"),
    )


def _cast(arrays: Sequence[Array], space: gym.Space[Any], what: str) -> tuple[Array, ...]:
    found = []
    for leaf, array in zip(leaves(space), arrays, strict=True):
        cast = exactly_as(array, leaf.dtype)
        if cast is None:
            raise DatasetError(f"the {what} holds values that {leaf.dtype} does not", got=str(array.dtype))
        found.append(cast)
    return tuple(found)
