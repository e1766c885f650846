"""Which attempts become episodes, of which split and in which rows: a few numbers of each decide."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from builder.dataset.collation import Collation
from builder.dataset.distinct import Copies
from builder.episodes.acceptance import first_accepted
from builder.episodes.distinct import first_of_each
from builder.episodes.spaces import Array, describe
from builder.errors import DatasetError
from builder.manifest.identity import identity
from builder.manifest.manifest import MOST_RETURNS, Distinct, Manifest, Rejected, Split
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class Figures:
    """What of some attempts [A] decides what becomes of them; all arrays are of recorded ones.

    Attributes:
        attempts: int64 [A], increasing.
        returns: float64 [A].
        lengths: int64 [A]; 0 of an attempt that failed.
        digests: uint64 [A] (`builder.episodes.distinct.trajectory_digests`).
    """

    attempts: Array
    returns: Array
    lengths: Array
    digests: Array


@dataclass(frozen=True)
class Admitted:
    """What became of some attempts [A].

    Attributes:
        keep: bool [A]: those that became episodes.
        ordinals: int64 [kept]: their `episode_index`.
        test: bool [kept]: those of the split `test`.
    """

    keep: Array
    ordinals: Array
    test: Array


@dataclass(frozen=True)
class Portion:
    """Neighbouring episodes [A] of a split that one recorded file holds.

    Attributes:
        path: the file.
        attempts: int64 [A].
        ordinals: int64 [A]: their `episode_index`.
        lengths: int64 [A].
        first_row: of the first one, counted in the split.
    """

    path: AnyPath
    attempts: Array
    ordinals: Array
    lengths: Array
    first_row: int

    @property
    def starts(self) -> Array:
        """int64 [A]: the first row of each, counted in the split."""
        starts: Array = self.first_row + np.cumsum(self.lengths) - self.lengths
        return starts

    def part(self, first: int, stop: int) -> Portion:
        """Some of them, by their places."""
        return replace(
            self,
            attempts=self.attempts[first:stop],
            ordinals=self.ordinals[first:stop],
            lengths=self.lengths[first:stop],
            first_row=self.first_row + int(self.lengths[:first].sum()),
        )


@dataclass
class Stream:
    """The rows of a split as they become known.

    Attributes:
        rows: how many are known.
        episodes: how many episodes are.
        taken: how many rows have been taken.
    """

    rows: int = 0
    episodes: int = 0
    taken: int = 0
    _portions: deque[Portion] = field(default_factory=deque)

    def add(self, portion: Portion) -> None:
        """Take in what comes after all that is known."""
        self._portions.append(portion)
        self.rows += int(portion.lengths.sum())
        self.episodes += len(portion.lengths)

    def take(self, stop: int) -> tuple[Portion, ...]:
        """The episodes of the rows that are not taken yet, up to one (exclusive).

        One that goes on after these rows is among them, and among the following ones too.
        """
        found = []
        while self._portions and self._portions[0].first_row < stop:
            portion = self._portions.popleft()
            starts = portion.starts
            last = int(np.searchsorted(starts, stop))
            found.append(portion.part(0, last))
            first = last - (int(starts[last - 1] + portion.lengths[last - 1]) > stop)
            if first < len(starts):
                self._portions.appendleft(portion.part(first, len(starts)))
                break
        self.taken = stop
        return tuple(found)


class Ledger:
    """Takes attempts in their order, and says what becomes of them.

    Args:
        plan: which are accepted, and how many are wanted.

    Attributes:
        attempts: how many there are up to the last one that became an episode.
        episodes: how many became episodes.
        copies: what is known of them as copies of each other.
    """

    def __init__(self, plan: Collation) -> None:
        self._plan = plan
        self.attempts = self.episodes = self._following = 0
        self.copies = Copies(plan.every)
        self._known = set[int]()
        self._failed: list[int] = []
        self._rejected: list[tuple[Array, Array]] = []

    @property
    def following(self) -> int:
        """One past the last attempt that was seen."""
        return self._following

    @property
    def full(self) -> bool:
        """Whether there are as many episodes as are wanted."""
        return self._plan.episodes is not None and self.episodes >= self._plan.episodes

    def admit(self, figures: Figures) -> Admitted:
        """What becomes of attempts; those that were seen before become nothing."""
        plan, unknown = self._plan, figures.attempts >= self._following
        accepted = plan.acceptance.accepts(figures.returns) & unknown
        self._leave_out(figures, unknown & ~accepted)
        if plan.unique:
            accepted = self._new(accepted, figures.digests)
        missing = None if plan.episodes is None else plan.episodes - self.episodes
        keep = first_accepted(accepted, missing)
        kept = np.flatnonzero(keep)
        ordinals = np.arange(self.episodes, self.episodes + len(kept))
        test = self.copies.sides(figures.digests[kept], ordinals)
        self._following = max(self._following, int(figures.attempts[-1]) + 1)
        if len(kept):
            self.attempts = int(figures.attempts[kept[-1]]) + 1
        self.episodes += len(kept)
        return Admitted(keep, ordinals, test)

    def _new(self, accepted: Array, digests: Array) -> Array:
        """Bool [A]: which of the accepted ones are the first of their kind."""
        first = first_of_each(digests, accepted)
        fresh = np.array([digest not in self._known for digest in digests.tolist()], bool)
        self._known.update(digests[accepted].tolist())
        found: Array = first & fresh
        return found

    def _leave_out(self, figures: Figures, among: Array) -> None:
        failed = figures.lengths == 0
        self._failed.extend(figures.attempts[among & failed].tolist())
        rejected = among & ~failed
        if rejected.any():
            self._rejected.append((figures.attempts[rejected], figures.returns[rejected]))

    def check_full(self) -> None:
        """Do nothing where there are as many episodes as are wanted.

        Raises:
            DatasetError: there are fewer.
        """
        if self._plan.episodes and not self.full:
            raise DatasetError(
                "the recorded files do not hold enough accepted episodes",
                expected=self._plan.episodes,
                got=self.episodes,
            )

    def rejected(self) -> Rejected | None:
        """Those that were rejected for their returns before the last episode; None: there are none."""
        below = [returns[attempts < self.attempts] for attempts, returns in self._rejected]
        returns = np.concatenate([np.empty(0), *below])
        found = np.sort(returns[np.isfinite(returns)])
        if not len(found):
            return None
        ranks = np.arange(len(found))
        if len(found) > MOST_RETURNS:
            ranks = np.arange(MOST_RETURNS) * (len(found) - 1) // (MOST_RETURNS - 1)
        return Rejected(len(found), tuple(found[ranks].tolist()))

    def manifest(self, splits: dict[str, Split], distinct: Distinct, beyond_bounds: int) -> Manifest:
        """What the manifest says of the dataset before its files are named."""
        plan = self._plan
        return Manifest(
            inputs=dict(plan.inputs),
            identity=identity(plan.inputs),
            observation_space=describe(plan.observation_space),
            action_space=describe(plan.action_space),
            attempts=self.attempts,
            accepted=self.episodes,
            splits=dict(sorted(splits.items())),
            files={},
            fingerprint="",
            instances=plan.instances,
            notes=plan.notes,
            distinct=distinct if self.episodes else None,
            beyond_bounds=beyond_bounds,
            failed=sum(attempt < self.attempts for attempt in self._failed),
            rejected=self.rejected(),
        )
