"""Which of an environment's actions are allowed, wherever it says so.

An environment may say it in three ways: by a method `action_masks()`, which MaskablePPO of sb3-contrib
calls (`sb3_contrib/common/maskable/utils.py`); in its observations, under `action_mask`, as those of
PettingZoo; or in `info["action_mask"]`, as gymnasium's Taxi does. Whichever it is, it is asked once for each
state, before an action is chosen.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from builder.episodes.spaces import Array, mask_space
from builder.errors import EnvironmentError_, NoActionError, SpaceError

ACTION_MASK = "action_mask"
"""The column of a dataset, the key of an observation and that of an info."""
METHOD, OBSERVATION, INFO = "method", "observation", "info"
ASKED = {
    METHOD: "`action_masks()` of the environment",
    OBSERVATION: "the part `action_mask` of the observations",
    INFO: '`info["action_mask"]` of the environment',
}
"""Where masks are found, and what that is called."""
GIVEN = "given"
"""Nowhere: an expert that is asked with masks is given them by whoever asks."""


class Masked(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that is asked which actions it allows; nothing else of it is changed.

    Args:
        environment: which says so.
        where: a key of `ASKED`.

    Raises:
        SpaceError: its actions are not choices.
    """

    def __init__(self, environment: gym.Env[Any, Any], where: str) -> None:
        super().__init__(environment)
        self._where, self._choices = where, choices(environment.action_space)
        self._given: Any = None
        self._mask: Array | None = None

    def reset(self, **kwargs: Any) -> Any:
        answer = self.env.reset(**kwargs)
        self._keep(answer)
        return answer

    def step(self, action: Any) -> Any:
        answer = self.env.step(action)
        self._keep(answer)
        return answer

    def _keep(self, answer: Any) -> None:
        """Copy what an answer says of masks: an environment may write into it again."""
        self._mask = None
        if self._where == METHOD or not isinstance(answer, tuple) or not answer:
            return
        part = answer[0] if self._where == OBSERVATION else answer[-1]
        self._given = copy.deepcopy(part.get(ACTION_MASK)) if isinstance(part, Mapping) else None

    @property
    def says(self) -> bool:
        """Whether the last answer said anything of masks."""
        return self._given is not None

    def action_masks(self) -> Array:
        """Which actions are allowed now: bool [choices], the caller's own.

        Raises:
            EnvironmentError_: it is no such mask.
            NoActionError: none is.
        """
        if self._mask is None:
            given = self.env.get_wrapper_attr("action_masks")() if self._where == METHOD else self._given
            self._mask = mask_of(given, self._choices)
        return self._mask.copy()


def allowed(environment: gym.Env[Any, Any]) -> tuple[Array, ...]:
    """The mask, where an environment is asked for masks; else nothing.

    Raises:
        EnvironmentError_: see `Masked.action_masks`.
    """
    return (environment.action_masks(),) if isinstance(environment, Masked) else ()


def choices(action_space: gym.Space[Any]) -> int:
    """How many choices a mask over actions has.

    Raises:
        SpaceError: the actions are not choices.
    """
    found = mask_space(action_space).shape
    return int(found[0]) if found else 0


def maskable(action_space: gym.Space[Any]) -> bool:
    """Whether there are masks over such actions."""
    try:
        return choices(action_space) > 0
    except SpaceError:
        return False


def mask_of(value: Any, count: int) -> Array:
    """A mask as an environment gives it, as bool [choices]; of several components, one after the other.

    Args:
        value: numbers 0 and 1, or truth values, in whatever shape; or a part for each component.
        count: how many choices there are.

    Raises:
        EnvironmentError_: it is something else.
        NoActionError: it allows nothing.
    """
    array = _flat(value)
    plain = array.dtype.kind in "biuf" and (
        array.dtype.kind == "b" or bool(((array == 0) | (array == 1)).all())
    )
    if array.size != count or not plain:
        raise EnvironmentError_(
            "the environment gave something else than a mask over its actions",
            expected=f"{count} truth values, one for each choice",
            got="none" if value is None else f"{array.size} of {array.dtype}: {str(value)[:80]}",
            remedy="its action_masks(), or `action_mask`, says of each choice whether it is allowed",
        )
    mask = array.astype(np.bool_)
    if not mask.any():
        raise NoActionError(
            "the environment allows no action at all",
            remedy="an episode that cannot go on should have ended; rollout.on_error=reject counts such an"
            " attempt as rejected",
        )
    return mask


def _flat(value: Any) -> Array:
    try:
        return np.asarray(value).reshape(-1)
    except ValueError:  # parts of different lengths
        parts = value if isinstance(value, Sequence) else ()
        return np.concatenate([np.asarray(part).reshape(-1) for part in parts] or [np.empty(0)])


def masks_in(environment: gym.Env[Any, Any]) -> str:
    """Where an environment says which actions are allowed: a key of `ASKED`, or `GIVEN` where it does not.

    It may be reset for that.

    Raises:
        EnvironmentError_: what it has under that name cannot be asked.
    """
    if environment.has_wrapper_attr("action_masks"):
        found = environment.get_wrapper_attr("action_masks")
        if not callable(found):
            raise EnvironmentError_(
                "action_masks of the environment is no method",
                expected="action_masks(self), which gives a truth value for each choice",
                got=type(found).__name__,
                remedy="make it a method, as MaskablePPO calls it",
            )
        return METHOD
    space = environment.observation_space
    if isinstance(space, gym.spaces.Dict) and ACTION_MASK in space.spaces:
        return OBSERVATION
    probe = Masked(environment, INFO)
    try:
        probe.reset(seed=0)
    except Exception:  # noqa: BLE001  (the play itself will say what it raises, and where)
        return INFO
    return INFO if probe.says else GIVEN


def random_choice(action_space: gym.Space[Any], mask: Array) -> Any:
    """A sample of the allowed actions, drawn with the generator of the space.

    Where a component allows none of its own, they all are.
    """
    counts = _counts(action_space)
    parts = np.split(mask, np.cumsum(counts)[:-1])
    drawn = [
        int(action_space.np_random.choice(np.flatnonzero(part) if part.any() else len(part)))
        for part in parts
    ]
    if isinstance(action_space, gym.spaces.Discrete):
        return action_space.dtype.type(drawn[0] + action_space.start)
    start = action_space.start if isinstance(action_space, gym.spaces.MultiDiscrete) else 0
    return (np.array(drawn) + start).astype(action_space.dtype)


def _counts(action_space: gym.Space[Any]) -> list[int]:
    if isinstance(action_space, gym.spaces.Discrete):
        return [int(action_space.n)]
    if isinstance(action_space, gym.spaces.MultiDiscrete):
        return [int(count) for count in action_space.nvec]
    return [2] * (choices(action_space) // 2)
