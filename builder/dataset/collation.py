"""`Collation`: what is to be made of recorded files. It lies beside them, as `build.json`."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.dataset.columns import recorded
from builder.episodes.acceptance import EVERY_RETURN, Acceptance
from builder.episodes.declared import spaces_with
from builder.episodes.recording_file import read_recording
from builder.episodes.spaces import (
    Array,
    Spaces,
    describe,
    from_description,
    next_observation_default,
)
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.storage.layout import BUILD
from builder.storage.limits import BUILD_BYTES
from builder.storage.paths import AnyPath
from builder.storage.plain_json import read_json
from builder.values import fits

SHARD_MB = 512

DAMAGED = (KeyError, TypeError, ValueError, AttributeError)
PLAIN_FIELDS = ("policy", "optional", "episodes", "every", "unique", "instances", "notes")
"""What `build.json` holds as it is."""


@dataclass(frozen=True)
class Collation:
    """What collation needs to know beside the recorded files; `build.json` holds it.

    Attributes:
        inputs: of the build, for the manifest.
        policy: the expert's name, for the `policy` column.
        observation_space: what was observed.
        action_space: what was done.
        optional: the names of the optional columns to write.
        acceptance: which returns are accepted.
        episodes: how many accepted ones to keep; None: all.
        every: every k-th episode becomes test; 0: none.
        unique: whether only the first of equal episodes is kept.
        shard_size: uncompressed bytes after which a Parquet file is closed.
        instances: see `Manifest.instances`.
        notes: see `Manifest.notes`.
    """

    inputs: Mapping[str, Any]
    policy: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    optional: tuple[str, ...] = ()
    acceptance: Acceptance = EVERY_RETURN
    episodes: int | None = None
    every: int = 0
    unique: bool = False
    shard_size: int = SHARD_MB * 10**6
    instances: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def spaces(self) -> Spaces:
        """What was observed, what was done, and what was shown."""
        return spaces_with(self.inputs, self.observation_space, self.action_space)

    def to_json(self) -> dict[str, Any]:
        """As `build.json` holds it."""
        return {
            **{name: getattr(self, name) for name in PLAIN_FIELDS},
            "inputs": dict(self.inputs),
            "shard_size": self.shard_size,
            "accepted_returns": self.acceptance.to_json(),
            "observation_space": describe(self.observation_space),
            "action_space": describe(self.action_space),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Collation:
        """Back from `build.json`."""
        known = dict(content)
        hints = typing.get_type_hints(Collation)
        for name in (*PLAIN_FIELDS, "inputs", "shard_size"):
            value = tuple(known[name]) if isinstance(known[name], list) else known[name]
            if not fits(value, hints[name]):
                raise TypeError(f"{name} is {value!r:.40}")
        acceptance = Acceptance.from_json(known.pop("accepted_returns"))
        spaces = {name: from_description(content[name]) for name in ("observation_space", "action_space")}
        texts = {name: tuple(content[name]) for name in ("optional", "notes")}
        return Collation(**{**known, **spaces, **texts, "acceptance": acceptance})


def collation_of(files: Sequence[AnyPath]) -> Collation:
    """What is to be known of recorded files: `build.json` beside them, else what their arrays tell.

    Raises:
        DatasetError: there are none.
    """
    if not files:
        raise DatasetError("there is no recorded episode to collate")
    if described := described_in(files[0].parent):
        return described
    recording, header = read_recording(files[0])
    observation_space = _space_of(recording.observations, header.observation_names)
    action_space = _space_of(recording.actions, header.action_names)
    return Collation(
        inputs={},
        policy=header.policy,
        observation_space=observation_space,
        action_space=action_space,
        optional=(
            *(("next_observation",) if next_observation_default(observation_space) else ()),
            *recorded(recording),
        ),
    )


def described_in(folder: AnyPath) -> Collation | None:
    """What a build has written down beside its recorded files; None: there is nothing.

    Raises:
        DatasetError: it is damaged.
    """
    beside = folder / BUILD
    if not beside.is_file():
        return None
    try:
        return Collation.from_json(read_json(beside, BUILD_BYTES))
    except (*DAMAGED, OSError) as error:
        raise DatasetError(
            f"{beside} is damaged: {error!r:.200}", remedy="run the build again with overwrite=true"
        ) from error


def _space_of(arrays: Sequence[Array], names: Sequence[str]) -> gym.Space[Any]:
    """An unbounded space for arrays of which nothing else is known."""
    boxes = [unbounded(array.shape[1:], array.dtype) for array in arrays]
    if any(names):
        return gym.spaces.Dict(list(zip(names, boxes, strict=True)))
    return boxes[0] if len(boxes) == 1 else gym.spaces.Tuple(boxes)
