"""LeRobot's features: what each leaf of a space is called, declared and stored as.

Source: `lerobot/datasets/utils.py` (`get_hf_features_from_features`, `dataset_to_policy_features`) and
`lerobot/utils/constants.py` of LeRobot 0.4.4, dataset version v3.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from builder.dataset import images
from builder.dataset.features import MAX_RANK, arrow_schema, image, shaped, value
from builder.dataset.features import Feature as Stored
from builder.dataset.schema import to_arrow
from builder.episodes.spaces import Array, Leaf, Spaces, is_image, leaves
from builder.errors import ConfigError

IMAGE_AXES = ("height", "width", "channels")
INDICES = ("frame_index", "episode_index", "index", "task_index")
REWARD, DONE, TERMINATED, TRUNCATED = "next.reward", "next.done", "next.terminated", "next.truncated"


@dataclass(frozen=True)
class Feature:
    """One column of LeRobot's.

    Attributes:
        name: of the column.
        dtype: "image", or numpy's name of it.
        shape: as `info.json` says it: a scalar has (1,), a picture (height, width, channels).
        leaf: of the space that it holds; None: it is no observation and no action.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    leaf: Leaf | None = None

    @property
    def declared(self) -> dict[str, Any]:
        """As `info.json` has it."""
        names = list(IMAGE_AXES) if self.dtype == "image" else None
        return {"dtype": self.dtype, "shape": list(self.shape), "names": names}

    @property
    def stored(self) -> Stored:
        """As `datasets` has it."""
        if self.dtype == "image":
            return image()
        return value(self.dtype) if self.shape == (1,) else shaped(self.dtype, self.shape)

    def column(self, values: Array) -> pa.Array:
        """Values [T, ...] as a column; pictures as PNG."""
        if self.dtype == "image":
            return images.encode(values)
        if self.shape == (1,):
            return pa.array(np.ascontiguousarray(values).reshape(-1))
        assert self.leaf is not None, "whatever is no leaf is a scalar"
        return to_arrow(self.leaf.space, [values])


SCALARS = (
    Feature(REWARD, "float64", (1,)),
    Feature(DONE, "bool", (1,)),
    Feature(TERMINATED, "bool", (1,)),
    Feature(TRUNCATED, "bool", (1,)),
    Feature("timestamp", "float32", (1,)),
    *(Feature(name, "int64", (1,)) for name in INDICES),
)
"""What each step has beside observations and actions."""


def features_of(spaces: Spaces) -> tuple[tuple[Feature, ...], tuple[Feature, ...]]:
    """The features of the observation's leaves, and of the action's.

    Raises:
        ConfigError: a leaf that LeRobot has no name or column for.
    """
    observed, acted = leaves(spaces.observation), leaves(spaces.action)
    found = (
        tuple(_feature(_observed_name(leaf), leaf) for leaf in observed),
        tuple(_feature(_acted_name(leaf), leaf) for leaf in acted),
    )
    names = [feature.name for side in found for feature in side]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"two parts of the spaces would be lerobot's {min(twice)!r}")
    return found


def _observed_name(leaf: Leaf) -> str:
    """A robot's state and one camera have names of their own, which policies look for."""
    if not leaf.path:
        return "observation.image" if is_image(leaf) else "observation.state"
    if is_image(leaf) and leaf.name != "image" and not leaf.name.startswith("images."):
        return f"observation.images.{leaf.name}"
    return f"observation.{leaf.name}"


def _acted_name(leaf: Leaf) -> str:
    return f"action.{leaf.name}" if leaf.path else "action"


def _feature(name: str, leaf: Leaf) -> Feature:
    if "/" in name or len(leaf.shape) > MAX_RANK:
        raise ConfigError(
            f"lerobot cannot hold {name!r}",
            expected=f"no '/' in a name, and at most {MAX_RANK} axes",
            got=f"shape {leaf.shape}",
            remedy="rename or reshape it with a wrapper, or choose to=minari",
        )
    if is_image(leaf):
        return Feature(name, "image", (*leaf.shape[:2], 3 if len(leaf.shape) == 3 else 1), leaf)
    return Feature(name, str(leaf.dtype), leaf.shape or (1,), leaf)


def schema_of(features: Sequence[Feature]) -> pa.Schema:
    """The Arrow schema of features, with what `datasets` reads their types from."""
    return arrow_schema({feature.name: feature.stored for feature in features})
