"""What the records of a folder hold, by its `features.json`; the classes that it names are never imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Leaf, is_image
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError
from builder.storage.limits import SPACE_BYTES, SPACE_DEPTH, SPACE_LEAVES

STEPS = "steps"
PICTURES = ("", "png", "jpeg")
CHANNELS = (1, 3, 4)
ENCODINGS = ("none", "bytes", "zlib")
EXACT = {np.dtype(kind) for kind in (np.float16, np.float64)}
"""Of what a list of an Example, of float32, does not hold: bytes do."""


@dataclass(frozen=True)
class Part:
    """One array of a record, or one of each step.

    Attributes:
        shape: of one value.
        dtype: of its numbers; of a text, object.
        encoding: none: a list of numbers; bytes, zlib: a text of bytes a value; image, text.
        jpeg: of an image, that it may be JPEG.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    encoding: str = "none"
    jpeg: bool = False

    @property
    def size(self) -> int:
        """Bytes of one value."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def part_of(leaf: Leaf) -> Part:
    """How the values of a leaf are held: without loss."""
    if is_image(leaf):
        height, width, *channels = leaf.shape
        return Part((height, width, *(channels or [1])), leaf.dtype, "image")
    return Part(leaf.shape, leaf.dtype, "bytes" if leaf.dtype in EXACT else "none")


def key_of(name: str, leaf: Leaf) -> str:
    """What the values of a leaf are called among those of a step.

    Raises:
        ConfigError: a key of a Dict is none that a feature can have.
    """
    words = [str(word) for word in leaf.path]
    for word in words:
        if not word or "/" in word:
            raise ConfigError(
                f"rlds cannot hold the key {word!r} of a Dict space", remedy="rename it in the environment"
            )
    return "/".join([name, *words])


def steps_and_episode(found: Any, where: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The features of each step, and those of each episode, by their names.

    Args:
        found: the content of a `features.json`.
        where: for errors.

    Raises:
        DatasetError: its records are no episodes of steps.
    """
    episode = _children(found)
    steps = episode.get(STEPS)
    inner = steps.get("sequence") if isinstance(steps, dict) else None
    step = _children(inner.get("feature")) if isinstance(inner, dict) else {}
    if missing := {"observation", "action"} - step.keys():
        raise DatasetError(
            f"{where} is none of RLDS",
            expected="episodes with steps of observation and action",
            got=f"no {', '.join(sorted(missing))}",
        )
    return step, {name: value for name, value in episode.items() if name != STEPS}


def _children(feature: Any) -> Mapping[str, Any]:
    """Of a FeaturesDict; of anything else, none."""
    inner = feature.get("featuresDict") if isinstance(feature, dict) else None
    found = inner.get("features") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else {}


def flat(features: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Part | None]]:
    """The arrays of features by their paths, `a/b`; None: what is none, or of no fixed shape.

    Raises:
        DatasetError: they are nested too deep.
    """
    if depth > SPACE_DEPTH:
        raise DatasetError("features are nested too deep", expected=f"at most {SPACE_DEPTH} levels")
    for name, feature in features.items():
        if children := _children(feature):
            for path, part in flat(children, depth + 1):
                yield f"{name}/{path}", part
        else:
            yield name, _part(feature)


def _part(feature: Any) -> Part | None:
    kinds = feature if isinstance(feature, dict) else {}
    if "text" in kinds:
        return Part((), np.dtype(object), "text")
    if isinstance(picture := kinds.get("image"), dict):
        shape = _shape(picture)
        form = str(picture.get("encodingFormat", "")).lower()
        fits = shape is not None and len(shape) == 3 and shape[2] in CHANNELS and form in PICTURES
        is_bytes = picture.get("dtype", "uint8") == "uint8"
        return (
            Part(shape, np.dtype(np.uint8), "image", form != "png") if shape and fits and is_bytes else None
        )
    if isinstance(kinds.get("classLabel"), dict):
        return Part((), np.dtype(np.int64))
    tensor = kinds.get("tensor")
    return _tensor(tensor) if isinstance(tensor, dict) else None


def _tensor(tensor: Mapping[str, Any]) -> Part | None:
    shape, encoding = _shape(tensor), tensor.get("encoding", "none")
    name = tensor.get("dtype")
    if name == "string":
        return Part((), np.dtype(object), "text") if shape == () else None
    try:
        dtype = np.dtype(str(name))
    except TypeError:
        return None
    known = dtype.kind in "biuf" and dtype.itemsize <= 8 and encoding in ENCODINGS
    return Part(shape, dtype, str(encoding)) if shape is not None and known else None


def _shape(described: Mapping[str, Any]) -> tuple[int, ...] | None:
    """None: a dimension is not fixed, or it is too large."""
    shape = described.get("shape")
    words = shape.get("dimensions", []) if isinstance(shape, dict) else []
    if not isinstance(words, list) or len(words) > SPACE_DEPTH:
        return None
    if not all(
        isinstance(word, (str, int)) and str(word).isdecimal() and len(str(word)) < 10 for word in words
    ):
        return None
    found = tuple(int(word) for word in words)
    return found if 8 * int(np.prod(found, dtype=object)) <= SPACE_BYTES else None


def space_of(parts: Mapping[str, Part], name: str) -> gym.Space[Any]:
    """The space of what was observed, or done: of arrays without bounds.

    Args:
        parts: of a step, by their paths.
        name: observation or action.

    Raises:
        DatasetError: there is nothing in it that can be recorded, or too much.
    """
    if name in parts:
        return unbounded(parts[name].shape, parts[name].dtype)
    own = {path: part for path, part in parts.items() if path.startswith(f"{name}/")}
    if not 0 < len(own) <= SPACE_LEAVES:
        raise DatasetError(f"the {name} holds {len(own)} arrays", expected=f"1 to {SPACE_LEAVES}")
    return _nested({tuple(path.split("/")[1:]): part for path, part in own.items()})


def _nested(parts: Mapping[Sequence[str], Part]) -> gym.Space[Any]:
    below: dict[str, dict[Sequence[str], Part]] = {}
    for path, part in parts.items():
        if not path:
            return unbounded(part.shape, part.dtype)
        below.setdefault(path[0], {})[path[1:]] = part
    return gym.spaces.Dict({word: _nested(own) for word, own in below.items()})
