"""An attempt's own object of a foreign policy: made as the first one was, remembered, and gone on with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np

from builder.errors import ExpertError
from builder.experts.actor import Predictor
from builder.experts.parts import large

COPIES = ("lean", "deepcopy", "pickle", "anew")
LARGE_BYTES = 1 << 20
"""Arrays of at least this size are weights: lean copies share them, and they are watched."""


@dataclass
class Own:
    """An attempt's own object, and how often it has answered."""

    policy: Predictor
    answers: int = 0


@dataclass(frozen=True)
class Moment:
    """An own object that cannot be copied, after so many answers: it goes on only from the last of them."""

    own: Own
    answers: int


def copying(copies: str, make: Callable[[], Predictor], first: Predictor) -> Callable[[], Predictor]:
    """What makes an attempt's own object, as the policy is before its first episode.

    Args:
        copies: one of `COPIES`.
        make: makes the policy anew.
        first: the policy.
    """
    if copies == "anew" and (another := make()) is not first:
        ready = [another]
        return lambda: ready.pop() if ready else make()
    if copies in {"anew", "pickle"}:
        packed = cloudpickle.dumps(first)
        return lambda: cloudpickle.loads(packed)
    weights = large(first, LARGE_BYTES) if copies == "lean" else []
    return lambda: copy.deepcopy(first, {id(part): part for part in weights})


def remembered(own: Own, copies: str) -> Predictor | Moment:
    """An own object as it is now; of one that cannot be copied, the moment."""
    try:
        return copied(own.policy, copies)
    except Exception:  # noqa: BLE001  (whatever its author's code raises; it can still go on)
        return Moment(own, own.answers)


def gone_on(memory: Predictor | Moment, copies: str, name: str) -> Own:
    """The object with which an attempt goes on from what was remembered, which stays as it is.

    Raises:
        ExpertError: it cannot be copied, and has answered since.
    """
    if not isinstance(memory, Moment):
        return Own(copied(memory, copies))
    if memory.own.answers != memory.answers:
        raise ExpertError(
            f"the expert {name} cannot go back: the object that keeps its state cannot be copied",
            expected="the state that its last answer came with",
            got="an earlier one",
            remedy="let it hand its state on as the second value of predict, or hold nothing that"
            " deepcopy and pickle refuse",
        )
    return memory.own


def copied(policy: Predictor, copies: str) -> Predictor:
    """A copy of an attempt's own object, as it is now."""
    if copies in {"lean", "deepcopy"}:
        weights = large(policy, LARGE_BYTES) if copies == "lean" else []
        return copy.deepcopy(policy, {id(part): part for part in weights})
    found: Predictor = cloudpickle.loads(cloudpickle.dumps(policy))
    return found


def kept(value: Any) -> Any:
    """A copy of what a policy hands out: it may write into it again.

    Arrays and tensors are copied, also inside tuples, lists and dicts; of other objects, a deep copy.
    """
    if value is None or isinstance(value, (int, float, str, np.generic)):
        return value
    if type(value) is dict:
        return {key: kept(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = map(kept, value)
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if callable(getattr(value, "detach", None)) and callable(getattr(value, "clone", None)):
        return value.detach().clone()
    return copy.deepcopy(value)
