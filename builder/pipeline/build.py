"""`Build`: one that is ready to play. All that comes after `prepare` reads it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.config import BuildConfig
from builder.dataset.collation import Collation
from builder.dataset.columns import asked_for
from builder.environments.environment import EnvironmentSpec
from builder.environments.masks import ASKED, choices
from builder.episodes.acceptance import EVERY_RETURN
from builder.episodes.annotations import Annotation, notes_of
from builder.episodes.declared import declared
from builder.episodes.spaces import leaves
from builder.experts.actor import Player
from builder.experts.sources.expert import NOT_PINNED, Expert
from builder.manifest.identity import chunk_identity, identity, in_format
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.interference import Interference
from builder.storage.layout import Layout
from builder.storage.paths import AnyPath
from builder.versions import data_format_of


@dataclass(frozen=True)
class Build:
    """A build that is ready to play.

    Attributes:
        config: as given, with what the observation space decides.
        expert: who plays.
        player: what workers make its actors from.
        environment: what is played; how its instances are used is settled before play
            (`builder.pipeline.instances`).
        observation_space: of the environment.
        action_space: of the environment.
        inputs: see `builder.manifest.identity.build_inputs`.
        instances: how instances are used, where that was stated or is not as usual.
        annotations: what else is recorded, in columns that the inputs declare.
        interference: what comes between the expert's actions and those that are done.
    """

    config: BuildConfig
    expert: Expert
    player: Player
    environment: EnvironmentSpec
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    inputs: Mapping[str, Any]
    instances: str | None = None
    annotations: tuple[Annotation, ...] = ()
    interference: Interference | None = None

    @property
    def identity(self) -> str:
        """The identity of the dataset."""
        return identity(self.inputs)

    def in_format_of(self, inputs: Mapping[str, Any]) -> Build:
        """The same build in the format of the data that other inputs name, where it is one that we write."""
        return dataclasses.replace(self, inputs=in_format(self.inputs, data_format_of(inputs)))

    @property
    def pinned(self) -> bool:
        """Whether the inputs tell this build from every other: all that plays has a version."""
        return self.expert.pinned and not any(code.endswith(NOT_PINNED) for code in self.own.values())

    @property
    def own(self) -> Mapping[str, str]:
        """Digests of the user's own functions, by the names of the built-in ones."""
        own: Mapping[str, str] = self.inputs.get("own", {})
        return own

    @property
    def beside(self) -> Layout[AnyPath]:
        """What lies beside the dataset folder."""
        return Layout.of(self.config.out)

    @property
    def store(self) -> ChunkStore:
        """Where its attempts are recorded, beside the dataset folder."""
        return ChunkStore(self.beside.chunks, chunk_identity(self.inputs, self.instances))

    @property
    def step_bytes(self) -> int:
        """What a step takes in memory: observation, action, mask, picture, reward."""
        row = sum(
            leaf.dtype.itemsize * math.prod(leaf.shape)
            for space in (self.observation_space, self.action_space)
            for leaf in leaves(space)
        )
        picture = 3 * math.prod(self.environment.pixels or (0,))
        row += sum(
            array.nbytes
            for column in declared(self.inputs)
            if column.table == "transitions"
            for array in column.blank(1).values()
        )
        return row + picture + (choices(self.action_space) if self.environment.masks in ASKED else 0) + 8

    @property
    def collation(self) -> Collation:
        """What collation needs to know. Where a user's own `enjoy` decided, returns do not decide again."""
        dataset = self.inputs["config"]["dataset"]
        fraction = dataset["test_fraction"]
        return Collation(
            inputs=self.inputs,
            policy=self.expert.name,
            observation_space=self.observation_space,
            action_space=self.action_space,
            optional=asked_for(self.inputs),
            acceptance=EVERY_RETURN if "enjoy" in self.own else self.config.acceptance,
            episodes=self.config.episodes,
            every=round(1 / fraction) if fraction else 0,
            unique=self.config.dataset.unique,
            shard_size=dataset["shard_mb"] * 10**6,
            instances=self.instances if self.instances in ("fresh", "single") else None,
            notes=(
                *self.expert.notes,
                *(note for beside in self.annotations for note in notes_of(beside)),
                *(self.interference.notes if self.interference else ()),
            ),
        )
