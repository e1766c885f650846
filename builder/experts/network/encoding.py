"""From the leaves of an observation to what a network takes in.

Source of the rules: Stable-Baselines3, `stable_baselines3/common/preprocessing.py` (`preprocess_obs`,
`is_image_space`) and `vec_env/vec_transpose.py`. SB3 hands float32 to its networks, so do we; all of it
is element by element and exact or correctly rounded, hence the same for every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.errors import UnsupportedExpertError


@dataclass(frozen=True)
class Encoder:
    """How one leaf of the observation is encoded.

    Attributes:
        key: the leaf's key in a Dict space, "" for a plain space.
        shape: the leaf's shape as the network expects it; images are channels-first.
        counts: the numbers of choices, for one-hot encoding of Discrete and MultiDiscrete; empty otherwise.
        scaled: pixel values are divided by 255.
    """

    key: str
    shape: tuple[int, ...]
    counts: tuple[int, ...] = ()
    scaled: bool = False

    @property
    def size(self) -> int:
        """The number of features, flattened."""
        return sum(self.counts) if self.counts else int(np.prod(self.shape, dtype=np.int64))


def is_image_space(space: gym.Space[Any]) -> bool:
    """Whether SB3 takes the space for an image: uint8 of rank 3 with bounds 0 and 255."""
    return (
        isinstance(space, gym.spaces.Box)
        and len(space.shape) == 3
        and space.dtype == np.uint8
        and bool((space.low == 0).all() and (space.high == 255).all())
    )


def encoders(space: gym.Space[Any], *, normalize_images: bool) -> tuple[Encoder, ...]:
    """The encoders of an observation space, in the order in which SB3 joins the features.

    Raises:
        UnsupportedExpertError: SB3's policies do not take the space.
    """
    if isinstance(space, gym.spaces.Dict):
        return tuple(_encoder(key, child, normalize_images) for key, child in space.spaces.items())
    return (_encoder("", space, normalize_images),)


def _encoder(key: str, space: gym.Space[Any], normalize_images: bool) -> Encoder:
    if isinstance(space, gym.spaces.Box):
        return Encoder(key, tuple(space.shape), scaled=normalize_images and is_image_space(space))
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return Encoder(key, (), counts=(int(space.n),))
    if isinstance(space, gym.spaces.MultiDiscrete) and space.nvec.ndim == 1 and not space.start.any():
        return Encoder(key, tuple(space.shape), counts=tuple(int(n) for n in space.nvec))
    if isinstance(space, gym.spaces.MultiBinary):
        return Encoder(key, tuple(space.shape))
    raise UnsupportedExpertError(
        f"observations in {space}", expected="Box, Discrete, MultiDiscrete, MultiBinary or a Dict of them"
    )


def encode(encoder: Encoder, values: Array) -> Array:
    """Encode one leaf.

    Args:
        encoder: of the leaf.
        values: [rows, *encoder.shape], any plain dtype.

    Returns:
        float32 [rows, size]; of images [rows, channels, height, width].
    """
    if encoder.counts:
        return one_hot(values.reshape(len(values), -1), encoder.counts)
    features = values.astype(np.float32, copy=False)
    if encoder.scaled:
        features = features / np.float32(255)
    return features if len(encoder.shape) == 3 else features.reshape(len(features), -1)


def one_hot(values: Array, counts: Sequence[int]) -> Array:
    """One-hot codes, joined: integers [rows, components] to float32 [rows, sum of counts]."""
    codes = np.zeros((len(values), sum(counts)), np.float32)
    offsets = np.cumsum([0, *counts[:-1]])
    codes[np.arange(len(values))[:, None], values.astype(np.int64) + offsets] = 1
    return codes
