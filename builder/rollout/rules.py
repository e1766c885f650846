"""What becomes of actions outside their space, and of attempts in which something is raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.config import RolloutConfig
from builder.episodes.bounds import finite_bounds, starts_elsewhere
from builder.episodes.spaces import Array, Leaf, leaves
from builder.errors import NotFiniteError, SpaceError


@dataclass(frozen=True)
class Rules:
    """What becomes of what goes wrong.

    Attributes:
        clip: an action beyond the bounds of a Box is replaced by the nearest one within; else it is refused.
        reject: an attempt in which the environment or the expert raises counts as rejected; else it ends the
            build.
        infinite: infinite observations and rewards are recorded; else they are refused as NaN is.
    """

    clip: bool = False
    reject: bool = False
    infinite: bool = False

    @staticmethod
    def of(rollout: RolloutConfig) -> Rules:
        """What the configuration says."""
        return Rules(
            clip=rollout.out_of_bounds == "clip",
            reject=rollout.on_error == "reject",
            infinite=rollout.infinite == "record",
        )


class ActionRule:
    """Holds actions to their space: what is recorded is what the environment is given.

    Args:
        space: the action space.
        clip: see `Rules`.
    """

    def __init__(self, space: gym.Space[Any], *, clip: bool) -> None:
        self.leaves = leaves(space, "action space")
        self._clip = clip
        self._bounds = [finite_bounds(leaf) for leaf in self.leaves]

    def apply(self, actions: Sequence[Array]) -> Sequence[Array]:
        """The actions that the environments are given: per leaf an array [rows, ...] in the leaf's dtype.

        Raises:
            NotFiniteError: one is NaN or infinite.
            SpaceError: one is not of the space.
        """
        found = []
        for leaf, (low, high), values in zip(self.leaves, self._bounds, actions, strict=True):
            within = (values >= low) & (values <= high)
            found.append(values if within.all() else self._outside(leaf, values, low, high))
        return found

    def _outside(self, leaf: Leaf, values: Array, low: Array, high: Array) -> Array:
        if leaf.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
            raise NotFiniteError(
                "the expert's action is not a number",
                expected="finite values",
                got=str(values[row]),
                remedy="its weights, its normalisation statistics or its observations are broken",
            )
        box = isinstance(leaf.space, gym.spaces.Box)
        if box and self._clip:
            return np.clip(values, low, high)
        place = tuple(np.argwhere(~((values >= low) & (values <= high)))[0])
        least, greatest = (np.broadcast_to(bound, values.shape)[place] for bound in (low, high))
        raise SpaceError(
            "the expert chose an action that the environment does not have"
            + (f" (at {leaf.name})" if leaf.path else ""),
            expected=f"{least} to {greatest}",
            got=str(values[place]),
            remedy="rollout.out_of_bounds=clip gives the environment, and records, the nearest action within"
            if box
            else starts_elsewhere(leaf),
        )
