"""Pictures as policies saw them in training: grey, smaller, the brighter of two frames.

Training did this with OpenCV; here it is done with numpy to the same bytes (compared with OpenCV 5.0), so
that the environment's own pictures can be recorded. Sources: OpenCV's `cvtColor(RGB2GRAY)`, which weighs in
15-bit integers, and `resize(INTER_AREA)`, which averages in float32, columns before rows;
`stable_baselines3/common/atari_wrappers.py`; gym's `ResizeObservation` and `GrayScaleObservation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.frames import grey, resize
from builder.episodes.spaces import Array
from builder.errors import SpaceError
from builder.experts.observations.transforms import Observer, Stateless, box_leaf, leaf_index, replace_leaf


def _picture_box(space: gym.Space[Any]) -> gym.spaces.Box:
    box = box_leaf(space)
    if box.dtype != np.uint8 or len(box.shape) not in {2, 3}:
        raise SpaceError("the expert saw pictures", expected="uint8 [height, width, channels]", got=str(box))
    return box


@dataclass(frozen=True)
class Grey:
    """`GrayScaleObservation`, and a part of `WarpFrame`.

    Attributes:
        keep_channel: pictures are [height, width, 1], not [height, width].
    """

    keep_channel: bool

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = _picture_box(space)
        if box.shape[2:] != (3,):
            raise SpaceError("the expert saw colours in grey", expected="three channels", got=str(box.shape))
        shape = (*box.shape[:2], 1) if self.keep_channel else box.shape[:2]
        return replace_leaf(space, gym.spaces.Box(0, 255, shape, np.uint8))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        def change(pictures: Array) -> Array:
            return grey(pictures)[..., None] if self.keep_channel else grey(pictures)

        return Stateless({leaf_index(space): change})


@dataclass(frozen=True)
class Resized:
    """`ResizeObservation`, and a part of `WarpFrame`; grey pictures come out with one channel.

    Attributes:
        height: in pixels.
        width: in pixels.
    """

    height: int
    width: int

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        box = _picture_box(space)
        if box.shape[0] < self.height or box.shape[1] < self.width:
            raise SpaceError(
                "the expert saw smaller pictures than the environment's",
                expected=f"at least {self.height} x {self.width}",
                got=str(box.shape),
            )
        shape = (self.height, self.width, *(box.shape[2:] or (1,)))
        return replace_leaf(space, gym.spaces.Box(0, 255, shape, np.uint8))

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        def change(pictures: Array) -> Array:
            with_channel = pictures if pictures.ndim == 4 else pictures[..., None]
            return resize(with_channel, self.height, self.width)

        return Stateless({leaf_index(space): change})


@dataclass(frozen=True)
class BrighterOfTwo:
    """A part of `MaxAndSkipEnv`: each pixel is the larger of this step's and the previous step's."""

    def space(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> gym.Space[Any]:
        _picture_box(space)
        return space

    def observer(self, space: gym.Space[Any], action_space: gym.Space[Any]) -> Observer:
        return _Brighter(leaf_index(space))


class _Brighter:
    def __init__(self, index: int) -> None:
        self._index = index
        self._previous: dict[int, Array | None] = {}

    def begin(self, lane: int) -> None:
        self._previous[lane] = None

    def memory(self, lane: int) -> tuple[Array | None]:
        return (self._previous[lane],)

    def resume(self, lane: int, memory: tuple[Array | None]) -> None:
        (self._previous[lane],) = memory

    def see(self, observations: Sequence[Array], lanes: Sequence[int]) -> list[Array]:
        leaf = observations[self._index]
        seen = leaf.copy()
        for row, lane in enumerate(lanes):
            previous = self._previous[lane]
            if previous is not None:
                np.maximum(seen[row], previous, out=seen[row])
            self._previous[lane] = leaf[row].copy()
        return [*observations[: self._index], seen, *observations[self._index + 1 :]]

    def acted(self, actions: Array, lanes: Sequence[int]) -> None:
        pass
