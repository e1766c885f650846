"""What an expert does on recorded observations: whole episodes in lockstep, with what was done in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
import threadpoolctl

from builder.config import RolloutConfig
from builder.dataset.column import Rows
from builder.dataset.columns import asked_for
from builder.dataset.tables import to_rows
from builder.environments.legacy import zeros_of
from builder.environments.masks import ACTION_MASK, mask_of, maskable
from builder.episodes import global_generators
from builder.episodes.annotations import Annotation, Annotator, Decided
from builder.episodes.context import Context
from builder.episodes.declared import EXPERT_ACTION, VALID, Declared
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array, Spaces, leaves
from builder.errors import DatasetError, ExpertError, SpaceError
from builder.experts.actor import Actor, Player, told
from builder.experts.minds import teacher_columns
from builder.experts.sources.expert import Expert, unmasked
from builder.manifest.manifest import Manifest
from builder.replay import RecordedSplit
from builder.rollout.rules import ActionRule

ROLLOUT = RolloutConfig(lanes=64, deterministic=True, precision="float64", max_steps=None)
"""How an expert is asked for labels: for its best action."""
TEACHER = "teacher."
"""What the names of columns begin with that hold what an expert thinks."""
BYTES = 64 * 10**6
"""About what the episodes that are shown in lockstep take in memory; one alone may take more."""


@dataclass(frozen=True)
class Labeller:
    """An expert that fits a dataset.

    Attributes:
        player: how it plays there.
        spaces: of the dataset.
        seed: the root seed of the attempts.
        masks: where the masks stand that it is asked with: "column", "observation"; "": it needs none.
        name: of the expert.
        thoughts: what else it is asked of each step; None: nothing.
    """

    player: Player
    spaces: Spaces
    seed: int = 0
    masks: str = ""
    name: str = field(default="the expert", compare=False)
    thoughts: Annotation | None = None

    @property
    def columns(self) -> tuple[Declared, ...]:
        """What it gives."""
        thought = () if self.thoughts is None else self.thoughts.columns
        known = (column for column in thought if column.name.startswith(TEACHER))  # who played, nobody asks
        return (Declared(EXPERT_ACTION, self.spaces.action), *known)

    @property
    def lanes(self) -> int:
        """How many episodes it is shown in lockstep."""
        return 1 if self.player.alone else ROLLOUT.most_lanes

    @cached_property
    def _actor(self) -> Actor:
        return self.player.actor(self.spaces.observation, self.spaces.action)

    @cached_property
    def _annotator(self) -> Annotator | None:
        spaces = (self.spaces.observation, self.spaces.action)
        return None if self.thoughts is None else self.thoughts.annotator(self._actor, spaces)

    @cached_property
    def _rule(self) -> ActionRule:
        return ActionRule(self.spaces.action, clip=False)

    @cached_property
    def remembers(self) -> bool:
        """Whether what it does depends on more than the last observation, as far as can be told."""
        self._actor.begin(0, Context(0, self.seed))
        return self._actor.memory(0) is not None

    def remembered(self, episodes: int) -> bool:
        """Whether it holds something of the episodes that it has labelled last, as one that hands on a state.

        Args:
            episodes: how many these were.
        """
        return any(self._actor.memory(lane) is not None for lane in range(episodes))

    def labels(self, recording: Recording) -> dict[str, Array]:
        """By the names of arrays [R, ...]: what the expert does in each step of some episodes, and thinks.

        It has seen all steps before of the same episode, and knows what was done in them.

        Raises:
            BuilderError: it cannot choose, or chooses what is no action.
        """
        alone = global_generators.taken() if self.player.alone else nullcontext()
        with alone, threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
            return self._labels(recording)

    def _labels(self, recording: Recording) -> dict[str, Array]:
        steps, names = len(recording.rewards), self.columns[0].arrays
        found = {name: array for column in self.columns for name, array in column.blank(steps).items()}
        masks = self._masks_of(recording)
        order = np.argsort(-recording.lengths, kind="stable")  # those that go on are always the first lanes
        starts, lengths = recording.starts[order], recording.lengths[order]
        for lane, attempt in enumerate(recording.attempts[order].tolist()):
            self._actor.begin(lane, Context(attempt, self.seed))
        for step in range(int(lengths[0])):
            going = int(np.searchsorted(-lengths, -step, side="left"))
            rows, lanes = starts[:going] + step, range(going)
            seen = [leaf[rows] for leaf in recording.observations]
            allowed = tuple(mask[rows] for mask in masks)
            chosen = self._within(self._actor.act(seen, lanes, *allowed))
            done = [leaf[rows] for leaf in recording.actions]
            told(self._actor, done, lanes)
            given = dict(zip(names, chosen, strict=True))
            if self._annotator is not None:
                given |= self._annotator.acted(Decided(lanes, seen, done, chosen, *allowed))
            for name, column in found.items():
                column[rows] = given[name]
        return found

    def _within(self, actions: Sequence[Array]) -> Sequence[Array]:
        try:
            return self._rule.apply(actions)
        except SpaceError as error:
            error.remedy = "an expert that labels has to choose within the action space"
            raise

    def _masks_of(self, recording: Recording) -> tuple[Array, ...]:
        """The masks of all steps, bool [R, choices], where it is asked with masks.

        Raises:
            DatasetError: some steps have none.
        """
        if not self.masks:
            return ()
        if self.masks == "column":
            if not recording.extras.get(f"{ACTION_MASK}.{VALID}", np.True_).all():
                raise DatasetError(
                    f"{self.name} chooses among the actions that a mask allows, and some steps have no mask"
                )
            return (recording.extras[ACTION_MASK],)
        found = leaves(self.spaces.observation)
        number = next(index for index, leaf in enumerate(found) if leaf.name == ACTION_MASK)
        values = recording.observations[number]
        return (np.stack([mask_of(value, values[0].size) for value in values]),)


def labeller_of(expert: Expert, manifest: Manifest, teacher: Sequence[str] = ()) -> Labeller:
    """The expert, as it plays on what a dataset holds.

    Args:
        expert: whoever.
        manifest: of the dataset.
        teacher: what it is to think of each step; of `builder.config.TEACHER`.

    Raises:
        SpaceError: it was trained on other observations or actions.
        ExpertError: it is asked with masks, and the dataset has none.
        ConfigError: it cannot say what it thinks.
    """
    player, spaces = _fitting(expert, manifest), manifest.spaces
    masks = _where_masks_are(expert, player, manifest)
    seed = manifest.inputs.get("config", {}).get("seed", 0)
    thoughts = None
    if teacher:
        pair = (spaces.observation, spaces.action)
        thoughts = teacher_columns(expert, player, teacher, spaces=pair, labelled=True)
    return Labeller(player, spaces, seed, masks, expert.name, thoughts)


def _fitting(expert: Expert, manifest: Manifest) -> Player:
    """How an expert plays on the observations of a dataset."""
    environment, spaces = manifest.inputs.get("environment", {}), manifest.spaces
    env_id = expert.policy.name or environment.get("id", "")
    recorded = "preprocessing" in environment
    failed: SpaceError | None = None
    for preprocessed in (recorded, not recorded):
        for zeros in zeros_of(env_id):
            try:
                player = expert.player(
                    ROLLOUT,
                    env_id=env_id,
                    max_episode_steps=_limit(environment, expert),
                    zeros=zeros,
                    preprocessed=preprocessed,
                )
                player.actor(spaces.observation, spaces.action)
            except SpaceError as error:
                failed = failed or error
            else:
                return player
    raise SpaceError(
        f"{expert.name} cannot label this dataset: {failed.what if failed else 'its spaces are others'}",
        expected=failed.expected if failed else None,
        got=failed.got if failed else None,
        remedy=f"il-builder experts env={environment['id']} names those that play there"
        if "id" in environment
        else "take an expert of the environment that it was recorded in",
    ) from failed


def _limit(environment: Mapping[str, Any], expert: Expert) -> int | None:
    """The most steps of an episode, which some experts see."""
    if environment.get("max_episode_steps"):
        return int(environment["max_episode_steps"])
    spec = gym.registry.get(expert.policy.name)
    return None if spec is None else spec.max_episode_steps


def _where_masks_are(expert: Expert, player: Player, manifest: Manifest) -> str:
    spaces = manifest.spaces
    if unmasked(expert.identity) or not (player.masked and maskable(spaces.action)):
        return ""
    if ACTION_MASK in asked_for(manifest.inputs):
        return "column"
    if ACTION_MASK in [leaf.name for leaf in leaves(spaces.observation)]:
        return "observation"
    raise ExpertError(
        f"{expert.name} chooses among the actions that a mask allows, and the dataset holds no masks",
        expected="a column `action_mask`, or `action_mask` in the observations",
        remedy="expert.action_masks=none asks it without",
    )


@dataclass(frozen=True)
class Shown:
    """Episodes that are shown in lockstep.

    Attributes:
        rows: what is recorded of them.
        whole: whether all of their steps are.
    """

    rows: Rows
    whole: bool


def shown(split: RecordedSplit, manifest: Manifest, most: int, size: int = BYTES) -> Iterator[Shown]:
    """The episodes of a split in their order, as many at a time as are to be shown in lockstep.

    Args:
        split: of a dataset folder.
        manifest: of the folder.
        most: episodes at a time.
        size: bytes of observations and actions at a time, unless one episode alone takes more.

    Raises:
        DatasetError: a file is damaged.
    """
    starts, ends = (split.episodes[name].to_numpy() for name in ("row_start", "row_end"))
    known = [leaf for space in (split.spaces.observation, split.spaces.action) for leaf in leaves(space)]
    step = max(1, sum(leaf.dtype.itemsize * math.prod(leaf.shape) for leaf in known))
    first = 0
    while first < len(ends):
        within = int(np.searchsorted(ends, starts[first] + size // step, side="right"))
        stop = max(first + 1, min(within, first + most))
        steps = split.steps(int(starts[first]), int(ends[stop - 1]))
        rows = to_rows(steps, split.episodes.slice(first, stop - first), split.spaces, manifest.inputs)
        numbers = np.arange(steps.num_rows) - rows.of_steps(rows.recording.starts)
        yield Shown(rows, bool(np.array_equal(steps["step_index"].to_numpy(), numbers)))
        first = stop
