"""What a split was recorded in and who played: the environment, its goals, and the expert's score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array
from builder.experts.observations.seen_environment import SeenEnvironment
from builder.loading.blocks import Block
from builder.loading.hindsight import check_goals, with_hindsight
from builder.loading.reference import Reference, normalized_returns, reference_of
from builder.loading.shapes import Steps
from builder.loading.split_tables import SplitTables
from builder.loading.views import recorded_view
from builder.manifest.manifest import Manifest
from builder.replay import playable


class Recorded(ABC):
    """What follows from the environment and the expert that a manifest names."""

    frames: int
    manifest: Manifest
    _tables: SplitTables
    _positions: Array | None
    _thin: Steps | None

    @property
    @abstractmethod
    def _places(self) -> Array:
        """The episodes by their place in the split's table."""

    @abstractmethod
    def known_columns(self) -> list[str]:
        """The columns that can be asked for."""

    @abstractmethod
    def _columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Some columns as `arrays` gives them."""

    def environment(
        self,
        render_mode: str | None = None,
        *,
        kwargs: Mapping[str, Any] | None = None,
        trust_remote_code: bool = False,
        policy_observation: bool = False,
    ) -> gym.Env[Any, Any]:
        """Make the environment that was recorded, with its wrappers and its time limit.

        Args:
            render_mode: as `gymnasium.make` takes it.
            kwargs: what it was made with, where the manifest holds no more than a reference.
            trust_remote_code: what the manifest names may be imported, opened and run.
            policy_observation: it shows what the expert saw behind its wrappers, as the column of that name
                has it.

        Raises:
            DatasetError: making it takes trust, nothing says which environment it was, or the dataset does
                not hold the expert that says what it saw.
            SpaceError: the expert was not asked at every step.
            ConfigError: there is no such environment here.
            MissingExtraError: it needs a package that is not installed.
            EnvironmentError_: it cannot be made.
        """
        view = recorded_view(self._tables.folder, self.manifest) if policy_observation else None
        made = playable(self.manifest, render_mode, trusted=trust_remote_code, kwargs=kwargs)
        return made if view is None else SeenEnvironment(made, view)

    @property
    def reference(self) -> Reference:
        """What is known of the expert's score, beside the episodes that were kept."""
        return reference_of(self._tables)

    @property
    def normalized_returns(self) -> Array:
        """float64 [episodes]: their returns, on the scale where random actions reach 0 and an expert 1.

        `(R - random) / (expert - random)` by the reference scores of just this environment:
        `reference.scores`. Tables show it times 100.

        Raises:
            DatasetError: no reference scores are known, or there are no returns.
        """
        return normalized_returns(self._tables, self._places)

    def hindsight(
        self, share: float = 0.8, *, seed: int = 0, environment: gym.Env[Any, Any] | None = None
    ) -> dict[str, Array]:
        """What `arrays` gives, with goals that the same episode achieved later in the place of the recorded.

        The reward and the termination of a changed step are the environment's for its new goal, which is
        drawn from what was achieved by this step and by those after it. `relabelled` says which ones have
        changed, and `next_observation` is there in any case.

        Args:
            share: of the steps that get a new goal.
            seed: of the draws; another one for each epoch.
            environment: of the recording, for its `compute_reward`; None: what `environment()` makes.

        Raises:
            ConfigError: the observations have no goals, or there are no whole episodes.
            EnvironmentError_: the environment does not give the recorded rewards for the recorded goals.
        """
        check_goals(
            self._tables.spaces,
            whole=self._thin is None and not self.frames and self._tables.has_finals(self._positions),
        )
        columns, lengths = self._columns(self.known_columns()), np.diff(self._tables.bounds)[self._places]
        block = Block(columns, lengths, self._places, self._tables.finals(self._places))
        own = environment or self.environment()
        try:
            return with_hindsight(columns, block, own, share=share, seed=seed)
        finally:
            if environment is None:
                own.close()
