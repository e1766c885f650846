"""The lockstep engine: one worker, many lanes, one policy call a step.

Every lane plays one attempt after another. A tick writes each lane's observation into one row of a flat log,
asks the actor once for all rows, and has all lanes stepped (`builder.environments.lanes`). Rows know their
attempt, so one stable sort at the end puts each attempt's steps together; nothing is kept per step in Python.

An attempt is a pure function of the root seed and its index, so whatever goes wrong among many lanes can be
played again with one: an error that several lanes might have caused is found so, and named by its attempt.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from builder.environments.lanes import RAISED, Begun, RowError, SharedBufferError, Stepped
from builder.environments.masks import ASKED, allowed, choices
from builder.environments.pixels import shown
from builder.environments.pool import EnvironmentPool
from builder.episodes.annotations import STAGES, Annotator, Decided, asked
from builder.episodes.context import Context
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array, leaves
from builder.errors import BuilderError, NotStatelessError, RolloutError
from builder.experts.actor import Actor
from builder.rollout.interference import Interfering
from builder.rollout.log import RowLog
from builder.rollout.outcomes import (
    Outcome,
    Place,
    infinite_value,
    not_a_number,
    not_numbers,
    placed,
    record,
    rejectable,
)
from builder.rollout.rules import ActionRule, Rules


class Interrupted(BaseException):
    """The build was asked to stop while a chunk was being played."""


@dataclass
class _Lane:
    """A lane and the attempt that it plays; `began` and `deadline` are ticks."""

    number: int
    attempt: int = -1
    began: int = 0
    deadline: int = 0


@dataclass
class _Turn:
    """Attempts that are played in so many lanes at a time.

    Attributes:
        waiting: the attempts.
        width: lanes.
        suspects: attempts that were taken out of lockstep after an error of which none is named yet.
        error: that error; the turns before this one have played the suspects.
    """

    waiting: Iterator[int]
    width: int
    suspects: tuple[int, ...] = ()
    error: BaseException | None = None


class Lockstep:
    """Plays attempts, `lanes` at a time.

    Args:
        pool: where environments come from.
        actor: what chooses the actions.
        root_seed: the build's seed.
        lanes: how many environments are stepped in lockstep.
        rules: what becomes of actions outside their space, and of attempts in which something is raised.
        annotators: what else is asked, and recorded.
        interfering: what comes between the actor's actions and those that are done.
        cancelled: asked once a tick; true stops the play with `Interrupted`.
    """

    def __init__(  # noqa: PLR0913  (all but the first two have a keyword)
        self,
        pool: EnvironmentPool,
        actor: Actor,
        *,
        root_seed: int,
        lanes: int,
        rules: Rules = Rules(),  # noqa: B008  (it is frozen)
        annotators: Sequence[Annotator] = (),
        interfering: Interfering | None = None,
        cancelled: Callable[[], bool] = bool,
    ) -> None:
        self._pool, self._actor, self._rules = pool, actor, rules
        self._root_seed, self._most_lanes = root_seed, lanes
        self._interfering, self._cancelled = interfering, cancelled
        self._asked = {stage: asked(annotators, stage) for stage in STAGES}
        declared = [column for annotator in annotators for column in annotator.columns]
        self._per_step = [column for column in declared if column.table == "transitions"]
        self._per_attempt = [column for column in declared if column.table == "episodes"]
        self._limit = pool.spec.max_episode_steps or 0
        self.failures: tuple[str, ...] = ()

    def play(self, attempts: range) -> Recording:
        """Play these attempts, each to its end; `failures` then says what went wrong in those that failed.

        Raises:
            RolloutError: the environment or the expert raised; the cause is chained.
            BuilderError: an action or an observation that does not fit its space, or is not a number.
            Interrupted: `cancelled` said so.
        """
        self._environments = self._pool.lanes(min(self._most_lanes, len(attempts)))
        self._action_rule = ActionRule(self._environments.action_space, clip=self._rules.clip)
        masked = self._pool.spec.masks in ASKED
        self._choices = choices(self._environments.action_space) if masked else 0
        self._asks = bool(self._choices or self._pool.spec.pixels or self._asked["before"])
        try:
            return self._play(attempts)
        except SharedBufferError:
            self._environments.copy()
            return self._play(attempts)

    def _play(self, attempts: range) -> Recording:
        self._log = RowLog(
            leaves(self._environments.observation_space, "observation space"),
            self._action_rule.leaves,
            self._choices,
            self._pool.spec.pixels,
            self._per_step,
        )
        self._outcomes = {attempt: Outcome() for attempt in attempts}
        self._lanes: list[_Lane] = []
        self._tick = 0
        # Attempts of equal length end together: as many lanes as are equally busy to the end.
        width = math.ceil(len(attempts) / math.ceil(len(attempts) / self._most_lanes))
        self._turns = deque([_Turn(iter(attempts), width)])
        try:
            while self._turns:
                self._turn = self._turns.popleft()
                self._begin_turn()
                while self._lanes:
                    self._step()
            self._actor.end()
            if self._interfering is not None:
                self._interfering.end()
        finally:
            for lane in self._lanes:
                self._environments.discard(lane.number)
        return self._recording(attempts)

    def _recording(self, attempts: range) -> Recording:
        recording = record(self._log, self._outcomes, attempts, self._per_attempt)
        wrong = not_numbers(recording, f"{self._pool.spec.id} gave", infinite=self._rules.infinite)
        for attempt, error in wrong.items():
            if not self._rules.reject:
                raise error
            self._outcomes[attempt].failure = error.finding
        if wrong:
            recording = record(self._log, self._outcomes, attempts, self._per_attempt)
        failures = (self._outcomes[attempt].failure for attempt in attempts)
        self.failures = tuple(failure for failure in failures if failure)
        return recording

    # Lanes and their attempts

    def _begin_turn(self) -> None:
        """Start the first attempt of every lane."""
        turn = self._turn
        if turn.error and not any(self._outcomes[attempt].failure for attempt in turn.suspects):
            raise RolloutError(
                f"playing attempts {list(turn.suspects[:4])} in lockstep failed, though none does alone:"
                f" {type(turn.error).__name__}: {turn.error}",
                remedy="the expert depends on how many observations it is given at a time",
            ) from turn.error
        self._log.reserve(turn.width)
        self._lanes = [_Lane(number) for number in range(turn.width)]
        self._begin_next(dict(enumerate(self._lanes)))
        self._arrange()

    def _begin_next(self, empty: Mapping[int, _Lane]) -> None:
        """Start the next attempts that can be started on lanes, by row, and close the ranks of those left."""
        left: list[int] = []
        while empty:
            ready = [row for row, lane in empty.items() if self._ready(lane)]
            left += [row for row in empty if row not in ready]
            begun = self._environments.begin(
                {empty[row].number: self._outcomes[empty[row].attempt].seed for row in ready}
            )
            empty = {
                row: lane for row, lane in empty.items() if row in ready and not self._began(row, lane, begun)
            }
        if left:
            first = self._log.rows
            keep = np.delete(np.arange(len(self._lanes)), left)
            for column in self._log.observations:
                column[first : first + len(keep)] = column[first + keep]
            self._lanes = [self._lanes[row] for row in keep]

    def _ready(self, lane: _Lane) -> bool:
        """Have the expert begin the next attempt that it can begin on a lane; whether there is one."""
        for attempt in self._turn.waiting:
            lane.attempt, lane.began, lane.deadline = attempt, self._tick, self._tick + self._limit
            context = Context(attempt, self._root_seed)
            self._outcomes[attempt].seed = context.seed
            self._environments.ready(lane.number)
            try:
                self._actor.begin(lane.number, context)
                if self._interfering is not None:
                    self._interfering.begin(lane.number, context)
            except RAISED as error:
                self._fail(lane, error, "the expert")
                continue
            return True
        return False

    def _began(self, row: int, lane: _Lane, begun: Mapping[int, Begun]) -> bool:
        """Write down the first observation of an attempt; false where it has failed."""
        given = begun[lane.number]
        try:
            if given.error is not None:
                raise given.error
            for annotator in self._asked["begun"]:
                annotator.begun(lane.number, self._environments.environment(lane.number), given.info)
        except RAISED as error:
            self._fail(lane, error, "the environment")
            return False
        for column, value in zip(self._log.observations, given.observation, strict=True):
            column[self._log.rows + row] = value
        return True

    def _arrange(self) -> None:
        """Derive what every tick needs from the lanes; called whenever they change."""
        self._numbers = [lane.number for lane in self._lanes]
        self._environments.arrange(self._numbers)
        self._attempts = np.array([lane.attempt for lane in self._lanes], np.int64)
        self._deadline = min((lane.deadline for lane in self._lanes), default=0)

    def _end(self, ended: list[tuple[int, bool, bool]]) -> None:
        """Close attempts, and start waiting ones on their lanes."""
        for row, terminated, truncated in ended:
            lane = self._lanes[row]
            outcome = self._outcomes[lane.attempt]
            if not outcome.failure and self._closed(lane, outcome):
                outcome.terminated, outcome.truncated = terminated, truncated
                outcome.final = tuple(
                    column[self._log.rows + row].copy() for column in self._log.observations
                )
                self._environments.end(lane.number)
        self._begin_next({row: self._lanes[row] for row, _, _ in ended})
        self._arrange()

    def _closed(self, lane: _Lane, outcome: Outcome) -> bool:
        """Ask what there is to say of an attempt that has ended; whether all could be said."""
        try:
            for annotator in self._asked["ended"]:
                said = annotator.ended(lane.number, self._environments.environment(lane.number))
                outcome.declared = {**outcome.declared, **said}
            if self._pool.spec.pixels:
                outcome.shown = shown(self._environments.environment(lane.number))
        except RAISED as error:
            self._fail(lane, error, "the environment")
        return not outcome.failure

    # What goes wrong

    def _place(self, lane: _Lane) -> Place:
        return Place(lane.attempt, self._outcomes[lane.attempt].seed, self._tick - lane.began)

    def _fail(self, lane: _Lane, error: BaseException, who: str) -> None:
        """Give an attempt up where it may count as rejected, and the whole play where not."""
        found = placed(error, self._place(lane), who)
        if not (self._rules.reject and rejectable(error)):
            raise found
        self._outcomes[lane.attempt].failure = found.finding
        self._environments.discard(lane.number)

    def _take_apart(self, error: BaseException) -> None:
        """Play the attempts that are under way again, each alone, to see which of them an error is of."""
        suspects = sorted(lane.attempt for lane in self._lanes)
        self._log.drop(suspects)
        for lane in self._lanes:
            self._environments.discard(lane.number)
        self._lanes = []
        rest = _Turn(self._turn.waiting, self._turn.width, tuple(suspects), error)
        self._turns.extendleft([rest, *(_Turn(iter([attempt]), 1) for attempt in reversed(suspects))])

    def _ask(self, rows: slice) -> bool:
        """Write down what is asked of each lane's environment; false where there is no tick any more."""
        failed, playing = [], [self._environments.environment(number) for number in self._numbers]
        for row, environment in enumerate(playing):
            if self._pool.spec.pixels:
                self._log.pixels[rows][row] = shown(environment)
            try:
                for mask in allowed(environment):
                    self._log.masks[rows][row] = mask
            except RAISED as error:
                self._fail(self._lanes[row], error, "the environment")
                failed.append((row, False, False))
        if failed:
            self._end(failed)
            return False
        return self._annotate("before", rows, self._numbers, playing)

    def _annotate(self, stage: str, rows: slice, *said: Any, who: str = "the environment") -> bool:
        """Write down what annotators say of a tick; false where there is no tick any more."""
        for annotator in self._asked[stage]:
            try:
                for name, values in getattr(annotator, stage)(*said).items():
                    self._log.declared[name][rows] = values
            except RAISED as error:
                self._blame(error, who)
                return False
        return True

    def _blame(self, error: BaseException, who: str) -> None:
        """Give up the attempt that an error of a tick is of; where it may be any, play each alone."""
        if len(self._lanes) > 1:
            self._take_apart(error)
        else:
            self._fail(self._lanes[0], error, who)
            self._end([(0, False, False)])

    def _act(self, rows: slice) -> Sequence[Array] | None:
        """The actions of a tick, as the environments are given them; None where there is no tick any more."""
        observations = [column[rows] for column in self._log.observations]
        masks = (self._log.masks[rows],) if self._choices else ()
        asked = (observations, self._numbers)
        decided = None
        try:
            actions = self._action_rule.apply(self._actor.act(*asked, *masks))
            if self._interfering is not None:
                decided = self._interfering.decided(self._action_rule.apply, *asked, actions, *masks)
                actions = decided.actions
        except NotStatelessError:
            raise
        except RAISED as error:
            self._blame(self._blamed(error, rows) if len(self._lanes) == 1 else error, "the expert")
            return None
        if self._asked["acted"]:
            decided = decided or Decided(self._numbers, observations, actions, actions, *masks)
            if not self._annotate("acted", rows, decided, who="the expert"):
                return None
        return actions

    def _blamed(self, error: BaseException, rows: slice) -> BaseException:
        """What an expert raised; or why, where it was given an observation that is not a number."""
        columns = [column[rows] for column in self._log.observations if column.dtype.kind == "f"]
        if any(np.isnan(column).any() for column in columns):
            return not_a_number(f"{self._pool.spec.id} gave an observation")
        if not self._rules.infinite and any(np.isinf(column).any() for column in columns):
            return infinite_value(f"{self._pool.spec.id} gave", "observation")
        return error

    # Ticks

    def _step(self) -> None:
        """One tick: choose all actions, step all environments, end and begin attempts."""
        if self._cancelled():
            raise Interrupted
        log, width = self._log, len(self._lanes)
        log.reserve(2 * width)
        rows = slice(log.rows, log.rows + width)
        if self._asks and not self._ask(rows):
            return
        actions = self._act(rows)
        if actions is None:
            return
        for column, values in zip(log.actions, actions, strict=True):
            column[rows] = values
        log.attempts[rows] = self._attempts
        stepped = self._stepped(actions)
        if stepped is None:
            return
        if self._asked["after"] and not self._annotate("after", rows, self._numbers, stepped.infos):
            return
        log.rewards[rows] = stepped.rewards
        log.rows += width
        self._tick += 1
        self._observe(width)
        ended = stepped.ended
        if self._tick == self._deadline:
            ended = self._with_truncated(ended)
        if ended:
            self._end(sorted(ended))

    def _with_truncated(self, ended: list[tuple[int, bool, bool]]) -> list[tuple[int, bool, bool]]:
        """The ends of a tick at which some lanes reach their limit."""
        flags = {row: (terminated, truncated) for row, terminated, truncated in ended}
        for row, lane in enumerate(self._lanes):
            if lane.deadline == self._tick:
                flags[row] = flags.get(row, (False, False))[0], True
        return [(row, *pair) for row, pair in flags.items()]

    def _stepped(self, actions: Sequence[Array]) -> Stepped | None:
        """Step all lanes, and give those up in which something was raised; None where that may be any."""
        try:
            stepped = self._environments.step(actions)
        except RowError as found:
            raise self._found_in(found) from found.error.__cause__
        except RAISED as error:
            self._blame(error, "the environment")
            return None
        for row, raised in stepped.failed.items():
            self._fail(self._lanes[row], raised, "the environment")
        return stepped

    def _observe(self, width: int) -> None:
        """Write what the environments gave into the rows of the next tick."""
        rows = slice(self._log.rows, self._log.rows + width)
        try:
            self._environments.observe([column[rows] for column in self._log.observations])
        except RowError as found:
            raise self._found_in(found) from found.error.__cause__

    def _found_in(self, found: RowError) -> BuilderError:
        """What is wrong with a row, with its place."""
        return placed(found.error, self._place(self._lanes[found.row]), "the environment")
