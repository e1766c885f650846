"""Whether a foreign policy is a function of what it is given: found out by asking it and looking into it.

A policy that remembers (a plan, a filter, a generator of its own) must not serve two attempts with one
object. One that is shown not to may, which is faster.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import io
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np

from builder.episodes import global_generators
from builder.episodes.spaces import Array, leaves
from builder.experts.actor import Predictor, observation_keyword

SEQUENCES = 3
STEPS = 5
"""So many sequences of so many observations are asked: alone, one after another, and interleaved."""
SAMPLED = 64
"""So many observations are sampled; those beyond the sequences are asked once, to see what they change."""
FOREIGN = ("abc", "builtins", "enum", "functools", "gymnasium", "numpy", "torch", "types", "typing")
"""Packages whose classes and functions keep nothing of a policy's beside the object."""
WRITTEN_FIRST = (
    *("torch.distributions.", "stable_baselines3.common.distributions"),
    "sb3_contrib.common.maskable.distributions",
)
"""Modules whose objects hold the parameters of the last answer, and are written before they are read."""

Answer = tuple[bytes, ...]
Question = tuple[Any, Array | None]
"""An observation, and the mask of the allowed actions where it is asked with masks."""


@dataclass(frozen=True)
class Examined:
    """What asking a policy has shown.

    Attributes:
        raised: what it raised, so that nothing is known of it; else empty.
        remembers: how it was seen to remember; empty: it was not.
        global_generators: those of the process that it draws from.
        reuses_buffer: it answers with the same array again and again.
        unchanged: all that it holds could be looked into, and is after its answers what it was before.
    """

    raised: str = ""
    remembers: str = ""
    global_generators: tuple[str, ...] = ()
    reuses_buffer: bool = False
    unchanged: bool = False

    @property
    def stateless(self) -> bool:
        """It was shown to be a function of what it is given: one object may serve all attempts."""
        return self.unchanged and not (self.raised or self.remembers or self.global_generators)


def stateless(
    policy: Predictor, observation_space: gym.Space[Any], action_space: gym.Space[Any], *, seed: int = 0
) -> bool:
    """Whether a policy was shown to be a function of what it is given; see `examine`."""
    observations = sampled(observation_space, seed)
    return examine(lambda: copy.deepcopy(policy), observations, action_space).stateless


def sampled(observation_space: gym.Space[Any], seed: int) -> list[Any]:
    """Observations to ask about, where there are no real ones."""
    space = copy.deepcopy(observation_space)
    space.seed(seed)
    return [space.sample() for _ in range(SAMPLED)]


def examine(
    fresh: Callable[[], Predictor],
    observations: Sequence[Any],
    action_space: gym.Space[Any],
    *,
    deterministic: bool = True,
    masks: Sequence[Array | None] | Array | None = None,
) -> Examined:
    """Ask a policy the same in several orders, and look whether it has changed.

    Args:
        fresh: makes one as it is before its first episode: its factory, or a copy of the object. Only what
            this makes is asked, and the generators of the process are left as they were.
        observations: what it is asked about, at least one.
        action_space: what it answers with.
        deterministic: passed on to the policy.
        masks: with which masks it is asked, one for each observation.
    """
    questions = list(zip(observations, [None] * len(observations) if masks is None else masks, strict=True))
    with global_generators.restored():
        global_generators.stir()
        before = global_generators.states()
        asked = _Asked(fresh, action_space, deterministic=deterministic)
        try:
            remembers = asked.compare(questions)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it raises: nothing is known of it)
            return Examined(raised=f"{type(error).__name__}: {error}")
        return Examined(
            remembers=remembers,
            global_generators=global_generators.moved(before),
            reuses_buffer=asked.reuses_buffer,
            unchanged=asked.unchanged,
        )


class _Asked:
    """A policy that is asked, and what shows beside its answers."""

    def __init__(
        self, fresh: Callable[[], Predictor], action_space: gym.Space[Any], *, deterministic: bool
    ) -> None:
        self._fresh, self._leaves = fresh, leaves(action_space, "action space")
        self._deterministic = deterministic
        self._last: list[Array] = []
        self._seen: tuple[set[bytes | None], ...] = (set(), set(), set())
        self.reuses_buffer = False

    @property
    def unchanged(self) -> bool:
        """Whether every look into the policy saw the same."""
        whole, _, shared = self._seen
        return not {None} & (whole | shared) and len(whole) == len(shared) == 1

    def compare(self, questions: Sequence[Question]) -> str:
        """How the policy was seen to remember; empty: it was not."""
        rows = [i * len(questions) // (SEQUENCES * STEPS) for i in range(SEQUENCES * STEPS)]
        spread = [questions[row] for row in rows]
        sequences = [spread[start : start + STEPS] for start in range(0, len(spread), STEPS)]
        alone = []
        for sequence in sequences:
            policy = self._fresh()
            answer, state = self._ask(policy, sequence[0], None)
            self._look_into(policy)  # not before: what is made at the first call is no memory
            alone.append([answer, *self._play(policy, sequence[1:], state)])
            self._look_into(policy)
        one = self._fresh()
        if [self._play(one, sequence) for sequence in reversed(sequences)] != alone[::-1]:
            return "it answers otherwise in a later episode than in its first"
        if self._interleaved(one, sequences) != alone:
            return "it answers otherwise where other episodes are played between its steps"
        self._play(one, [questions[row] for row in range(len(questions)) if row not in rows])
        self._look_into(one)
        _, without_buffers, shared = self._seen
        if len(shared) > 1:
            return "what its class or its module holds changes with its answers, and copies share that"
        return "" if len(without_buffers) == 1 else "what it holds changes with its answers"

    def _play(self, policy: Predictor, sequence: Sequence[Question], state: Any = None) -> list[Answer]:
        """The answers to a sequence, with the state that the policy hands on."""
        found = []
        for question in sequence:
            answer, state = self._ask(policy, question, state)
            found.append(answer)
        return found

    def _interleaved(self, policy: Predictor, sequences: Sequence[Sequence[Question]]) -> list[list[Answer]]:
        """The answers where each sequence's step follows on another sequence's, and is asked twice."""
        states: list[Any] = [None] * len(sequences)
        found: list[list[Answer]] = [[] for _ in sequences]
        for step in range(STEPS):
            for number, sequence in enumerate(sequences):
                again, _ = self._ask(policy, sequence[step], copy.deepcopy(states[number]))
                answer, states[number] = self._ask(policy, sequence[step], states[number])
                found[number].append(answer if answer == again else ())
        return found

    def _ask(self, policy: Predictor, question: Question, state: Any) -> tuple[Answer, Any]:
        observation, mask = copy.deepcopy(question)
        allowed = {} if mask is None else {"action_masks": mask}
        keywords = {observation_keyword(policy): observation, "state": state, **allowed}
        action, state = policy.predict(**keywords, deterministic=self._deterministic)
        parts = [leaf.pick(action) for leaf in self._leaves]
        arrays = [part for part in parts if isinstance(part, np.ndarray)]
        self.reuses_buffer |= any(
            np.may_share_memory(new, old) for new, old in zip(arrays, self._last, strict=False)
        )
        self._last = arrays
        return tuple(map(_exact, parts)), state

    def _look_into(self, policy: Predictor) -> None:
        found = digest(policy)
        without = digest(policy, without=self._last) if self._last else found
        for seen, what in zip(self._seen, (found, without, shared_digest(policy)), strict=True):
            seen.add(what)


def _exact(part: Any) -> bytes:
    array = np.asarray(part)
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Writes contents, never addresses, and leaves some arrays out."""

    def __init__(self, file: io.BytesIO, without: Sequence[Array]) -> None:
        super().__init__(file)
        self._without = {id(array) for given in without for array in _with_bases(given)}

    def persistent_id(self, obj: Any) -> str | None:
        left_out = id(obj) in self._without or type(obj).__module__.startswith(WRITTEN_FIRST)
        return "left out" if left_out else None

    def reducer_override(self, obj: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch and isinstance(obj, torch.Tensor):  # pickled by itself, it brings the address of its storage
            return bytes, (obj.detach().cpu().numpy().tobytes(),)
        return super().reducer_override(obj)


def _with_bases(array: Any) -> Iterator[Any]:
    """An array, and those that it is a view of."""
    while array is not None:
        yield array
        array = getattr(array, "base", None)


def digest(policy: Predictor, without: Sequence[Array] = ()) -> bytes | None:
    """A sha256 of all that a policy holds, whichever copy of it this is.

    Args:
        policy: the policy.
        without: arrays whose content does not count.

    Returns:
        None where something of it cannot be looked into.
    """
    return _digest(policy, without)


def shared_digest(policy: Predictor) -> bytes | None:
    """A sha256 of what all copies of a policy share: values of its classes, globals that its code names.

    Returns:
        None where something of it cannot be looked into.
    """
    return _digest([*_class_values(policy), *_globals(policy)], ())


def _digest(held: Any, without: Sequence[Array]) -> bytes | None:
    file = io.BytesIO()
    try:
        _Pickler(file, without).dump(held)
    except Exception:  # noqa: BLE001  (an open session, a lock, a pointer: nobody knows what it may hold)
        return None
    return hashlib.sha256(file.getbuffer()).digest()


def _own_classes(policy: Predictor) -> list[type]:
    return [cls for cls in type(policy).__mro__ if _package(cls) not in FOREIGN]


def _package(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def _class_values(policy: Predictor) -> Iterator[tuple[str, Any]]:
    """What all objects of its classes share."""
    for cls in _own_classes(policy):
        for name, value in vars(cls).items():
            if not name.startswith(("__", "_abc_")) and _holds(value):
                yield name, value


def _globals(policy: Predictor) -> Iterator[tuple[str, Any]]:
    """What its modules hold and its code names, directly or in functions of the same package."""
    packages = {_package(thing) for thing in (policy.predict, *_own_classes(policy))}
    waiting = [value for cls in _own_classes(policy) for value in vars(cls).values()]
    waiting.append(getattr(policy.predict, "__func__", policy.predict))
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        if not isinstance(function, types.FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        for name in sorted(_names(function.__code__)):
            value = function.__globals__.get(name)
            if _holds(value):
                yield name, value
            elif _package(value) in packages:
                waiting.append(value)


def _names(code: types.CodeType) -> set[str]:
    """The names of globals (and attributes) in a function and those within it."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _holds(value: Any) -> bool:
    """Whether something can hold a value that changes; code cannot."""
    code = (types.ModuleType, type, staticmethod, classmethod, property, functools.cached_property)
    return value is not None and not callable(value) and not isinstance(value, code)
