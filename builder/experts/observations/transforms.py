"""What stands between the environment's observations and a policy that was trained behind wrappers.

The environment itself stays as it is, and its true observations are recorded; a transform changes only what
the policy sees. Each is a frozen recipe that crosses to workers; the observer that a worker makes from it
keeps what belongs to each lane's attempt.

Sources of the rules: `sb3_contrib/common/wrappers/time_feature.py`, `rl_zoo3/wrappers.py`, and
`stable_baselines3/common/vec_env/vec_normalize.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, leaves
from builder.errors import SpaceError
from builder.experts.archive.vec_normalize import Statistics

OBSERVATION = "observation"
"""The key that wrappers of goal environments change."""


class Observer(Protocol):
    """One worker's side of a transform."""

    def begin(self, lane: int) -> None:
        """An attempt starts on this lane."""

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        """Transform one step's observations: per leaf [rows, ...], one row per lane."""

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        """The actions that followed, [rows, ...]."""

    def memory(self, lane: int) -> Any:
        """What a lane's attempt goes on from, whatever is seen afterwards; None: nothing is remembered."""

    def resume(self, lane: int, memory: Any) -> None:
        """An attempt goes on, on this lane, from what `memory` gave."""


@runtime_checkable
class RemembersActions(Protocol):
    """An observer that shows what was done."""

    def told(self, actions: Array, lanes: Sequence[int]) -> None:
        """The actions that were done in the place of those that `acted` was given last, [rows, ...]."""


class Transform(Protocol):
    """A picklable recipe for observers."""

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        """The space that comes out where `space` goes in.

        Raises:
            SpaceError: the transform does not apply to it.
        """

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        """A new observer, for observations in `space`."""


def leaf_index(space: gym.Space[Any]) -> int:
    """Which leaf a wrapper changes: the only one, or "observation" in a Dict.

    Raises:
        SpaceError: there is no such leaf.
    """
    names = [leaf.name for leaf in leaves(space)]
    if names == [""]:
        return 0
    if OBSERVATION in names:
        return names.index(OBSERVATION)
    raise SpaceError("the expert's wrappers need a key 'observation'", got=f"keys {', '.join(names)}")


def replace_leaf(space: gym.Space[Any], box: gym.spaces.Box) -> gym.Space[Any]:
    """The space with that leaf replaced."""
    if not isinstance(space, gym.spaces.Dict):
        return box
    name = leaves(space)[leaf_index(space)].name
    return gym.spaces.Dict([(key, box if key == name else child) for key, child in space.spaces.items()])


def box_leaf(space: gym.Space[Any], *, rank: int | None = None) -> gym.spaces.Box:
    """The leaf that a wrapper changes.

    Raises:
        SpaceError: it is not a Box of that rank.
    """
    leaf = leaves(space)[leaf_index(space)]
    if not isinstance(leaf.space, gym.spaces.Box) or (rank is not None and len(leaf.shape) != rank):
        wanted = "a Box" if rank is None else f"a Box of rank {rank}"
        raise SpaceError("the expert's wrappers do not fit the environment", expected=wanted, got=leaf.space)
    return leaf.space


def stacking_text(large: int, small: int) -> str:
    """What to say where a policy saw so many numbers, or planes, and the environment gives so many."""
    frames = large // small
    stack = f"{large} = {frames} x {small}"
    return f" ({stack}: if it was trained behind VecFrameStack, expert.frame_stack={frames} says so)"


def _stacked(wanted: tuple[int, ...], given: tuple[int, ...]) -> str:
    alike = len(wanted) == len(given) > 0 and wanted[:-1] == given[:-1]
    if not alike or wanted[-1] <= given[-1] or wanted[-1] % given[-1]:
        return ""
    return stacking_text(wanted[-1], given[-1])


class Stateless:
    """An observer that only looks at the present, one leaf at a time.

    Args:
        changes: for each leaf, what happens to it; leaves without an entry stay as they are.
    """

    def __init__(self, changes: dict[int, Callable[[Array], Array]]) -> None:
        self._changes = changes

    def begin(self, lane: int) -> None:
        pass

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        return [
            self._changes[index](leaf) if index in self._changes else leaf
            for index, leaf in enumerate(observations)
        ]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass

    def memory(self, lane: int) -> None:
        return None

    def resume(self, lane: int, memory: Any) -> None:
        pass


@dataclass(frozen=True)
class Zeros:
    """Numbers that the environment of training appended and never set.

    Attributes:
        count: how many.
    """

    count: int

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = box_leaf(space, rank=1)
        bounds = [
            np.append(bound, np.full(self.count, filler, box.dtype))
            for bound, filler in ((box.low, -np.inf), (box.high, np.inf))
        ]
        return replace_leaf(space, gym.spaces.Box(bounds[0], bounds[1], dtype=bounds[0].dtype.type))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        def pad(leaf: Array) -> Array:
            return np.concatenate([leaf, np.zeros((len(leaf), self.count), leaf.dtype)], axis=1)

        return Stateless({leaf_index(space): pad})


@dataclass(frozen=True)
class TimeFeature:
    """`TimeFeatureWrapper`: the remaining share of the episode's time as one more number.

    Attributes:
        max_steps: the episode's time limit.
        constant: always 1, whatever the time (the wrapper's `test_mode`).
    """

    max_steps: int
    constant: bool = False

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = box_leaf(space, rank=1)
        low = np.append(box.low, np.array(0, box.dtype))
        high = np.append(box.high, np.array(1, box.dtype))
        return replace_leaf(space, gym.spaces.Box(low, high, dtype=low.dtype.type))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        return _Clock(self, leaf_index(space))


class _Clock:
    def __init__(self, recipe: TimeFeature, index: int) -> None:
        self._recipe = recipe
        self._index = index
        self._steps = np.zeros(64, np.int64)  # by lane

    def begin(self, lane: int) -> None:
        self.resume(lane, 0)

    def memory(self, lane: int) -> int:
        return int(self._steps[lane])

    def resume(self, lane: int, memory: int) -> None:
        if lane >= len(self._steps):
            self._steps = np.concatenate([self._steps, np.zeros(lane + 1, np.int64)])
        self._steps[lane] = memory

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        leaf = observations[self._index]
        seen = np.empty((len(leaf), leaf.shape[1] + 1), leaf.dtype)
        seen[:, :-1] = leaf
        rows = np.asarray(lanes)
        seen[:, -1] = 1 if self._recipe.constant else 1 - self._steps[rows] / self._recipe.max_steps
        self._steps[rows] += 1
        return [*observations[: self._index], seen, *observations[self._index + 1 :]]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass


@dataclass(frozen=True)
class MaskedVelocity:
    """`MaskVelocityWrapper`: some numbers of the observation are zero.

    Attributes:
        indices: which.
    """

    indices: tuple[int, ...]

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box_leaf(space, rank=1)
        return space

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        mask = np.ones_like(box_leaf(space).low)
        mask[list(self.indices)] = 0
        return Stateless({leaf_index(space): lambda leaf: leaf * mask})


@dataclass(frozen=True)
class Normalisation:
    """`VecNormalize`: mean and variance of training, computed in float64 and handed on as float32.

    Attributes:
        statistics: of the leaves that are normalised.
    """

    statistics: Statistics

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        given = {leaf.name: leaf for leaf in leaves(space)}
        for key, mean in self.statistics.mean.items():
            if key not in given or given[key].shape != mean.shape:
                raise SpaceError(
                    "the expert's normalisation statistics do not fit the observations",
                    expected=f"{key or 'an observation'} of shape {mean.shape}",
                    got=str(space)[:300] + _stacked(mean.shape, given[key].shape if key in given else ()),
                    remedy="check env.id, and that the statistics belong to this expert",
                )
        clip = self.statistics.clip
        boxes = {
            key: gym.spaces.Box(-clip, clip, mean.shape, np.float32)
            for key, mean in self.statistics.mean.items()
        }
        if not isinstance(space, gym.spaces.Dict):
            return boxes[""]
        return gym.spaces.Dict([(key, boxes.get(key, child)) for key, child in space.spaces.items()])

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        names = [leaf.name for leaf in leaves(space)]
        return Stateless({names.index(key): self._change(key) for key in self.statistics.mean})

    def _change(self, key: str) -> Callable[[Array], Array]:
        mean = self.statistics.mean[key]
        deviation = np.sqrt(self.statistics.variance[key] + self.statistics.epsilon)
        clip = self.statistics.clip

        def normalise(leaf: Array) -> Array:
            centred = leaf - mean
            centred /= deviation
            return np.clip(centred, -clip, clip, out=centred).astype(np.float32)

        return normalise
