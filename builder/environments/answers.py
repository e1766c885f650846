"""What an environment answers, held to gymnasium's interface: spaces, the pair of `reset`, rewards, ends.

Each is taken exactly as it is meant, or refused; nothing is guessed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.stepping import store_checked
from builder.episodes.spaces import Array, Leaf
from builder.errors import EnvironmentError_, SpaceError

STEP = "(observation, reward, terminated, truncated, info)"
PLAIN_REWARDS = {float, bool, np.float64, np.float32, np.float16, np.bool_}
"""Types whose every value is one float64, without a look at it."""
_base = attrgetter("base")


def spaces_of(environment: gym.Env[Any, Any], env_id: str) -> tuple[gym.Space[Any], gym.Space[Any]]:
    """The observation and the action space of an environment.

    Raises:
        SpaceError: it declares none, or something that is no space of gymnasium.
    """
    found = []
    for name in ("observation_space", "action_space"):
        space = getattr(environment, name, None)
        if not isinstance(space, gym.Space):
            got = "none" if space is None else f"{type(space).__module__}.{type(space).__name__}"
            raise SpaceError(
                f"{env_id} has no {name}",
                expected="a gymnasium space",
                got=got,
                remedy=f"declare it in the environment: self.{name} = gymnasium.spaces....",
            )
        found.append(space)
    return found[0], found[1]


def begin(environment: gym.Env[Any, Any], seed: int) -> Any:
    """Reset an environment; its first observation.

    Raises:
        EnvironmentError_: its `reset` is not that of gymnasium.
    """
    return begun(environment, seed)[0]


def begun(environment: gym.Env[Any, Any], seed: int) -> tuple[Any, Mapping[str, Any]]:
    """Reset an environment; its first observation, and its `info`.

    Raises:
        EnvironmentError_: its `reset` is not that of gymnasium.
    """
    try:
        answer = environment.reset(seed=seed)
    except TypeError as error:
        if not _takes_seed(environment):
            raise EnvironmentError_(
                "the environment's reset takes no seed",
                expected="reset(self, *, seed=None, options=None)",
                got=str(error),
                remedy="add the argument, and begin with super().reset(seed=seed)",
            ) from error
        raise
    if (
        isinstance(answer, tuple)
        and len(answer) == 2
        and (answer[1] is None or isinstance(answer[1], Mapping))
    ):
        return answer[0], answer[1] or {}
    raise EnvironmentError_(
        "the environment's reset does not answer as gymnasium has it",
        expected="a pair (observation, info)",
        got=f"a {type(answer).__name__}" + (f" of {len(answer)}" if isinstance(answer, tuple) else ""),
        remedy="return the observation and a dictionary",
    )


def _takes_seed(environment: gym.Env[Any, Any]) -> bool:
    try:
        inspect.signature(environment.unwrapped.reset).bind(seed=0)
    except TypeError:
        return False
    except ValueError:  # a method that does not tell
        pass
    return True


def not_five(error: Exception) -> EnvironmentError_:
    """The error for a `step` whose answer cannot be taken apart."""
    return EnvironmentError_(
        "the environment's step does not answer as gymnasium has it",
        expected=STEP,
        got=str(error),
        remedy="environments of the old gym need gymnasium's interface: wrap it, or mend its step",
    )


def ended(terminated: Any, truncated: Any) -> tuple[bool, bool]:
    """The two flags of a step; an array of one element counts as that element.

    Raises:
        EnvironmentError_: one is not a truth value.
    """
    return _flag("terminated", terminated), _flag("truncated", truncated)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "biuf" and array.reshape(-1)[0] in (0, 1):
        return bool(array.reshape(-1)[0])
    raise EnvironmentError_(
        f"the environment gave a flag {name!r} that is not one truth value",
        expected="True or False",
        got=f"{type(value).__name__} {value!r}"[:200],
    )


def reward_value(value: Any) -> float:
    """A reward as the float64 that it is; an array or a tensor of one element counts as that element.

    Raises:
        EnvironmentError_: it is not one number, or float64 cannot hold it.
    """
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "biuf":
        number = array.reshape(-1)[0].item()  # compared as it is, not as a float64
        found = float(number)
        if found == number or np.isnan(found):
            return found
    raise EnvironmentError_(
        "the environment gave a reward that is not one number",
        expected="a number that float64 holds exactly",
        got=f"{type(value).__name__} {value!r}"[:200],
        remedy="wrap the environment so that its reward is a scalar: of a vector, its sum or a part",
    )


def separate(values: Sequence[Any]) -> bool:
    """Whether no two of the values that several environments gave at once can share memory.

    Arrays that own their memory, and views of such, are told apart by it; whatever cannot be looked into may
    be a buffer that the next environment fills anew.
    """
    try:
        if {None}.issuperset(map(_base, values)):
            return len(set(map(id, values))) == len(values) or all(isinstance(v, np.generic) for v in values)
    except AttributeError:
        return all(isinstance(value, (int, float)) for value in values)
    except (TypeError, ValueError):  # an array cannot be hashed: there are views
        pass
    owners = [value if value.base is None else value.base for value in values]
    if any(type(owner) is not np.ndarray or owner.base is not None for owner in owners):
        return False
    return len(set(map(id, owners))) == len(values)


def copied(value: Any) -> Any:
    """A value of a space that nobody else can write into."""
    if isinstance(value, Mapping):
        return {key: copied(child) for key, child in value.items()}
    if isinstance(value, tuple):
        return tuple(copied(child) for child in value)
    return np.array(value)


def parts_of(found: Sequence[Leaf], observation: Any) -> tuple[Array, ...]:
    """The parts of an observation, copied; each has the shape and the dtype that its space declares.

    Raises:
        SpaceError: what is missing, or what would change if it were stored.
    """
    parts = []
    for leaf in found:
        try:
            value = leaf.pick(observation)
        except (LookupError, TypeError) as error:
            raise SpaceError(
                f"the environment gives observations that lack the part {leaf.name!r} of their space",
                got=f"{type(observation).__name__}: {type(error).__name__}: {error}",
                remedy="wrap the environment so that its space and its observations agree",
            ) from error
        column: Array = np.empty((1, *leaf.shape), leaf.dtype)
        store_checked(leaf, column, [value])
        parts.append(column[0])
    return tuple(parts)
