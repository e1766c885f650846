"""Copies among the episodes of a dataset: counted, and kept on one side of a split."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from builder.episodes.distinct import step_digests, trajectory_digests
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array
from builder.manifest.manifest import Distinct, Manifest

log = logging.getLogger(__name__)

FEW = 0.95
"""Below this share of distinct episodes a build warns."""
MOST_STEPS = 20_000_000
"""Steps that are compared with those of the other split; of larger datasets nothing is said. 8 bytes each."""


@dataclass
class Alike:
    """The digests of some episodes of a split, and of their steps.

    Attributes:
        episodes: by `episode_index` the digest.
        steps: arrays uint64 of different (observation, action) pairs.
        rows: how many steps they come from.
    """

    episodes: dict[int, int] = field(default_factory=dict)
    steps: list[Array] = field(default_factory=list)
    rows: int = 0

    def add(self, recording: Recording, indices: Array, *, steps: bool) -> None:
        """Take episodes in.

        Args:
            recording: the episodes.
            indices: int64 [A]: their `episode_index`.
            steps: whether steps will be compared with those of another split.
        """
        digests = trajectory_digests(recording).tolist()
        self.episodes.update(zip(indices.tolist(), digests, strict=True))
        self.rows += len(recording.rewards)
        if steps and self.rows <= MOST_STEPS:
            self.steps.append(different(step_digests(recording)))


@dataclass(frozen=True)
class Counted:
    """What the digests of all splits tell.

    Attributes:
        distinct: how many different things there are.
        misplaced: the first episode that is not where it belongs; None: all are.
    """

    distinct: Distinct
    misplaced: int | None


def different(digests: Array) -> Array:
    """Uint64: the different ones, in order; `np.unique` hashes them, which of many takes 20 times as long."""
    ordered = np.sort(digests)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    found: Array = ordered[first]
    return found


def in_test(ordinals: Array, every: int) -> Array:
    """Bool [n]: which episodes are planned for the split `test`: every k-th, or none."""
    return ordinals % every == every - 1 if every else np.zeros(len(ordinals), bool)


def count_alike(splits: Mapping[str, Alike], every: int, *, planned: bool = True) -> Counted:
    """Count what differs and what is shared, and look whether copies are on one side.

    Args:
        splits: by name.
        every: every k-th episode is planned for test, and a copy goes where the first of its kind went.
        planned: the episodes were dealt out so; else their source has said which split each is of.
    """
    where = {
        index: (digest, name) for name, alike in splits.items() for index, digest in alike.episodes.items()
    }
    sides: dict[int, bool] = {}
    misplaced = None
    for ordinal, (index, (digest, name)) in enumerate(sorted(where.items())):
        side = sides.setdefault(digest, bool(in_test(np.array([ordinal]), every)[0]))
        if misplaced is None and (index != ordinal or (planned and side != (name == "test"))):
            misplaced = index
    return Counted(Distinct(len(sides), *_shared(splits, every)), misplaced)


def _shared(splits: Mapping[str, Alike], every: int) -> tuple[int, int] | tuple[None, None]:
    """Different pairs of test, and those of them that stand in train too."""
    if not every or sum(alike.rows for alike in splits.values()) > MOST_STEPS:
        return None, None
    return count_shared(*(splits[name].steps if name in splits else [] for name in ("train", "test")))


def count_shared(train: Sequence[Array], test: Sequence[Array]) -> tuple[int, int]:
    """Of digests, arrays of uint64: how many different ones test has, and how many of them train has too."""
    known, found = (different(np.concatenate([np.empty(0, np.uint64), *each])) for each in (train, test))
    return len(found), int(np.isin(found, known, assume_unique=True).sum())


@dataclass
class Copies:
    """What is known of the episodes so far, in their order.

    Args:
        every: every k-th episode is planned for test; 0: none.
    """

    every: int
    _sides: dict[int, bool] = field(default_factory=dict)
    _digests: list[Array] = field(default_factory=list)
    _splits: dict[str, Alike] = field(default_factory=lambda: {"train": Alike(), "test": Alike()})

    def sides(self, digests: Array, ordinals: Array) -> Array:
        """Bool [A]: which of the following episodes are of the split `test`.

        Every k-th is, but a copy is where the first of its kind is: nobody tests on what they trained on.

        Args:
            digests: uint64 [A]: of the episodes (`builder.episodes.distinct.trajectory_digests`).
            ordinals: int64 [A]: their numbers over all splits, those after the ones before.
        """
        if not self.every:  # of very many episodes 8 bytes each are kept, not an entry of a dict
            self._digests.append(digests)
            return np.zeros(len(digests), bool)
        planned = in_test(ordinals, self.every).tolist()
        return np.array(
            [self._sides.setdefault(*known) for known in zip(digests.tolist(), planned, strict=True)], bool
        )

    def add(self, name: str, recording: Recording, indices: Array) -> None:
        """Take in the steps of episodes of a split, to be compared with those of the other one.

        Args:
            name: of the split.
            recording: the episodes.
            indices: int64 [A]: their `episode_index`.
        """
        if self.every:
            self._splits[name].add(recording, indices, steps=True)

    @property
    def episodes(self) -> int:
        """How many episodes are distinct."""
        return len(different(np.concatenate(self._digests))) if self._digests else len(self._sides)

    def count(self) -> Distinct:
        """How many episodes are distinct, and what train and test share."""
        return Distinct(self.episodes, *_shared(self._splits, self.every))


def warn_of_copies(manifest: Manifest) -> None:
    """Say that a dataset holds few distinct episodes, or none for the split that was asked for."""
    distinct, episodes = manifest.distinct.episodes if manifest.distinct else 0, manifest.accepted
    if 1 < distinct < FEW * episodes:
        log.warning(
            "%d of %d episodes are distinct, the others are copies: policy and environment leave little"
            " to chance; dataset.unique=true keeps the first of each, rollout.deterministic=false varies it",
            distinct,
            episodes,
        )
    fraction = manifest.inputs.get("config", {}).get("dataset", {}).get("test_fraction", 0)
    if fraction and "test" not in manifest.splits:
        log.warning(
            "there is no split test: of %d episodes, each that was planned for it is a copy of one in train,"
            " or there are fewer than %d",
            episodes,
            round(1 / fraction),
        )
