"""Foreign policies: asked so that every attempt gives what the policy gives where its author runs it alone.

A policy may plan ahead, filter, or draw noise of its own. So an attempt has an object of its own, as the
policy is before its first episode, unless it keeps nothing between its answers: then one object serves all.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import gymnasium as gym
import numpy as np

from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.seeding import EXPERT_GLOBALS, child
from builder.episodes.spaces import Array
from builder.errors import ExpertError, NotStatelessError
from builder.experts import own_noise
from builder.experts.actor import Actor, Predictor, observation_keyword, takes_masks
from builder.experts.own_object import LARGE_BYTES, Own, copying, gone_on, kept, remembered
from builder.experts.parts import large
from builder.experts.stateless import digest, shared_digest

WATCHING = 0.02
"""The share of its time that a policy is watched at the most, beside the look at the end."""


@dataclass(frozen=True)
class Manner:
    """How a foreign policy is asked.

    Attributes:
        shared: one object serves all attempts of a worker; else each attempt has its own.
        watched: what attempts share is looked at again and again: it must not change.
        alone: it draws from generators of the process, which are seeded for each attempt: a process plays one
            attempt at a time.
        apart: something else draws from them, too, an environment for instance: they are put as the policy
            left them before each answer, and back again after it.
        copies: how an attempt's own object is made: a deep copy of the first one, `lean` without its weights;
            a `pickle` of it, which brings what its functions enclose as well; or `anew`, as the first was.
    """

    shared: bool = False
    watched: bool = False
    alone: bool = True
    apart: bool = False
    copies: str = "anew"


TRUSTED = Manner(shared=True, alone=False)
"""Of a policy that says itself that it keeps nothing."""
CAREFUL = Manner(apart=True)
"""Of a policy of which nothing is known."""


class Witness:
    """Notes what a policy is asked and what it answers, attempt by attempt.

    Attributes:
        attempts: of each attempt, its context, and what was asked, each an observation with its mask or None,
            and answered.
        drew: the generators of the process that the policy drew from.
        disturbed: something else draws from them, too.
    """

    def __init__(self) -> None:
        self.attempts: list[tuple[Context, list[tuple[Any, Any]]]] = []
        self.drew: set[str] = set()
        self.disturbed = False


@dataclass(frozen=True, kw_only=True)
class ForeignPlayer:
    """The recipe for a foreign policy, and how it is asked.

    Attributes:
        batched: it takes a batch of observations.
        stateless: it is said to keep nothing between its answers.
        deterministic: passed on to `predict`.
        manner: how it is asked.
        witness: notes what it is asked, where somebody wants to know; it never leaves this process.
    """

    batched: bool = False
    stateless: bool = False
    deterministic: bool = True
    manner: Manner = CAREFUL
    witness: Witness | None = field(default=None, compare=False)

    def made(self) -> Predictor:
        """The policy as it is before its first episode.

        Raises:
            BuilderError: it cannot be had.
        """
        raise NotImplementedError

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """A new actor for one worker; see `Player`."""
        raise NotImplementedError

    @property
    def alone(self) -> bool:
        """Whether a process plays one attempt at a time."""
        return self.manner.alone and not (self.batched or self.stateless)

    @property
    def masked(self) -> bool:
        """Whether it is asked with masks of the allowed actions; to know, it may have to be made.

        Raises:
            BuilderError: it cannot be had.
        """
        return takes_masks(_made(self))

    def asked(self, manner: Manner, witness: Witness | None = None) -> Self:
        """The same policy, asked in another manner."""
        return dataclasses.replace(self, manner=manner, witness=witness)

    def apart(self) -> Self:
        """The same policy, whose draws from generators of the process are its own."""
        return self.asked(dataclasses.replace(self.manner, apart=self.manner.alone))

    def careful(self) -> Self:
        """The same policy, asked as one of which nothing is known."""
        return self.asked(CAREFUL)


def says(policy: Predictor, what: str) -> bool:
    """Whether a policy says `batched = True` or `stateless = True` of itself."""
    return getattr(policy, what, None) is True


class ForeignPolicy:
    """A foreign policy, asked as its manner has it.

    Args:
        player: its recipe.

    Raises:
        ExpertError: it has no `predict`.
    """

    def __init__(self, player: ForeignPlayer) -> None:
        self._player, self.manner = player, player.manner
        self._first = _made(player)
        self.name = type(self._first).__name__
        if not callable(getattr(self._first, "predict", None)):
            raise ExpertError(
                f"the expert {self.name} has no predict method",
                expected="predict(obs, state=None, deterministic=True) -> (action, state)",
            )
        self.batched = player.batched or says(self._first, "batched")
        if self.batched or player.stateless or says(self._first, "stateless"):
            self.manner = TRUSTED
        self._keyword = observation_keyword(self._first)
        self._own: dict[int, Own] = {}
        self._states: dict[int, Any] = {}
        self._drawing: dict[int, dict[str, Any]] = {}
        self._after: dict[str, Any] = {}
        self._watch = _Watch(self._shared(), self.name) if self.manner.watched else None

    def _shared(self) -> Any:
        """What attempts have in common."""
        return self._first if self.manner.shared else large(self._first, LARGE_BYTES)

    @cached_property
    def fresh(self) -> Callable[[], Predictor]:
        """Makes an object as the policy is before its first episode.

        Raises:
            ExpertError: it cannot be copied.
        """
        try:
            return copying(self.manner.copies, lambda: _made(self._player), self._first)
        except Exception as error:
            raise ExpertError(
                f"the expert {self.name} cannot be copied for each attempt: {error}",
                remedy="give a factory in its place; or let it say stateless = True, if it keeps nothing"
                " between its answers",
            ) from error

    def begin(self, lane: int, context: Context) -> None:
        """An attempt starts on a lane, with an object of its own where attempts share none."""
        self._states.pop(lane, None)
        with self._to_itself(lane, goes_on=False):
            if self.manner.alone:
                global_generators.seed(child(context.root_seed, context.index, EXPERT_GLOBALS, 0))
            if not self.manner.shared:
                self._own[lane] = Own(self.fresh())
                own_noise.begin(self._own[lane].policy, context)
        if self._player.witness:
            self._player.witness.attempts.append((context, []))
            self._after = global_generators.states()

    @contextmanager
    def _to_itself(self, lane: int, *, goes_on: bool = True) -> Iterator[None]:
        """The time of an attempt's draws, where those of others must not come between them."""
        if not self.manner.apart:
            yield
            return
        with global_generators.restored():
            if goes_on:
                global_generators.put(self._drawing[lane])
            yield
            self._drawing[lane] = global_generators.states()

    def memory(self, lane: int) -> Any:
        """What a lane's attempt goes on from: the state handed on, its own object, what it draws from."""
        own = None if self.manner.shared else remembered(self._own[lane], self.manner.copies)
        found = kept(self._states.get(lane)), own, self._drawing.get(lane)
        return None if all(part is None for part in found) else found

    def resume(self, lane: int, memory: Any) -> None:
        """Go on from what `memory` gave, which stays as it is.

        Raises:
            ExpertError: the object cannot be copied, and has answered since.
        """
        state, own, drawing = memory
        self._states[lane] = kept(state)
        if own is not None:
            self._own[lane] = gone_on(own, self.manner.copies, self.name)
        if drawing is not None:
            self._drawing[lane] = drawing

    def ask(self, lane: int, observation: Any, mask: Array | None = None) -> Any:
        """The action for an observation, of which, as of a mask, the policy may keep what it likes."""
        if self._player.witness:
            return self._ask_before(self._player.witness, lane, observation, mask)
        with self._to_itself(lane):
            action, state = self.call(self._answering(lane), observation, self._states.get(lane), mask)
        if state is not None:
            self._states[lane] = kept(state)
        elif lane in self._states:
            del self._states[lane]
        if self._watch:
            self._watch.look_sometimes()
        return action

    def _ask_before(self, witness: Witness, lane: int, observation: Any, mask: Array | None) -> Any:
        """The same, with all that a witness wants to know."""
        asked = copy.deepcopy((observation, mask))
        witness.disturbed |= self._after != global_generators.states()
        with self._to_itself(lane):
            before = global_generators.states()
            action, state = self.call(self._answering(lane), observation, self._states.get(lane), mask)
            witness.drew.update(global_generators.moved(before))
        self._states[lane] = kept(state)
        self._after = global_generators.states()
        witness.attempts[-1][1].append((asked, kept(action)))
        return action

    def _answering(self, lane: int) -> Predictor:
        """The object that answers for a lane."""
        if self.manner.shared:
            return self._first
        own = self._own[lane]
        own.answers += 1
        return own.policy

    def ask_all(self, observations: Any, masks: Array | None = None) -> Any:
        """The actions for a batch of observations."""
        return self.call(self._first, observations, None, masks)[0]

    def call(
        self, policy: Predictor, observation: Any, state: Any, masks: Array | None = None
    ) -> tuple[Any, Any]:
        """What `predict` answers.

        Raises:
            ExpertError: no pair.
        """
        allowed = {} if masks is None else {"action_masks": masks}
        answer = policy.predict(
            **{self._keyword: observation}, state=state, deterministic=self._player.deterministic, **allowed
        )
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise ExpertError(
                f"predict of {self.name} returned {type(answer).__name__}",
                expected="a pair (action, state)",
            )
        return answer

    def end(self) -> None:
        """All attempts have been played.

        Raises:
            NotStatelessError: what attempts share has changed meanwhile.
        """
        self._own.clear()
        self._drawing.clear()
        if self._watch:
            self._watch.look()


def _made(player: ForeignPlayer) -> Predictor:
    """The policy; what a factory draws from generators of the process is the same in each worker."""
    with global_generators.taken():
        global_generators.seed(np.random.SeedSequence(0))
        return player.made()


class _Watch:
    """Looks whether what attempts share changes, once it has been used for the first time."""

    def __init__(self, shared: Any, name: str) -> None:
        self._shared, self._name = shared, name
        self._seen: tuple[bytes | None, bytes | None] | None = None
        self._next = 0.0

    def look_sometimes(self) -> None:
        """Look, unless that was done a short while ago."""
        if (now := time.perf_counter()) >= self._next:
            self.look()
            after = time.perf_counter()
            self._next = after + (after - now) / WATCHING

    def look(self) -> None:
        """Compare with what was seen first.

        Raises:
            NotStatelessError: it is something else.
        """
        outside = shared_digest(self._shared) if hasattr(self._shared, "predict") else b""
        found = (digest(self._shared), outside)
        if self._seen is None:
            self._seen = found
        if found != self._seen or None in found:
            raise NotStatelessError(f"{self._name} was taken for a policy that keeps nothing, but it changes")
