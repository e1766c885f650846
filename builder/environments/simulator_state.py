"""The whole state of an environment between two steps, as numbers, and the way back into it.

| environment | what is kept |
|---|---|
| of MuJoCo | `mujoco`: the full integration state (`mj_getState`, `mjSTATE_INTEGRATION`) |
| | `xpos` and so on: places as the last step left them, since environments read them before the next |
| | what varies of the model, and of the environment's own numbers: a goal, a door's place |
| of classic control | `state`, and whether it is of float32 |

Not kept: steps that a time limit has counted, which begin at 0 again, what wrappers remember, and random
generators. Whether that is all that it takes to go on, bit for bit, is tried before play.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments import answers
from builder.environments.environment import EnvironmentSpec, make
from builder.episodes.annotations import Annotator, Arrays
from builder.episodes.declared import Declared
from builder.episodes.episode import arrays_of
from builder.episodes.spaces import Array, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import ConfigError, DatasetError, EnvironmentError_

STATE, FINAL = "simulator_state", "final_simulator_state"
"""The columns of the tables "transitions" and "episodes"."""
MUJOCO, CLASSIC, SINGLE = "mujoco", "state", "single_precision"
CLASSIC_CONTROL = "gymnasium.envs.classic_control."
DERIVED = ("xpos", "xquat", "xipos", "site_xpos")
"""Of MuJoCo's data: computed from the state before the last substep, so that the state alone gives others."""
MODEL = ("body_pos", "body_quat", "site_pos")
"""Of MuJoCo's model: environments move bodies on `reset`."""
SUPPORTED = "environments of MuJoCo (gymnasium, gymnasium-robotics) and of classic control"

KINDS = "buif"
"""Of numbers; a value of one may stand for one of a later kind."""

SEEDS, STEPS = (0, 1, 2), 40
"""Random steps show which numbers vary, and whether restored ones go on."""
FROM, ON = (0, 1, 2, 7, 19, 33), 6
"""So many steps after `reset` a state is restored, and so many are then compared."""

State = Mapping[str, Any]
"""By part: [n] numbers, or one."""


def state_of(environment: gym.Env[Any, Any], parts: Sequence[str]) -> dict[str, Array]:
    """The parts of an environment's state, each a row [n] of numbers of its own dtype, or one number.

    Args:
        environment: whose `reset` has been called.
        parts: their names.
    """
    inner: Any = environment.unwrapped
    found = {part: _part(inner, part) for part in parts}
    return {part: np.ravel(value) if value.ndim else value for part, value in found.items()}


def _part(inner: Any, part: str) -> Array:
    if part == MUJOCO and _has_simulation(inner):
        return _integration_state(inner)
    if _has_simulation(inner) and part in DERIVED:
        return np.array(getattr(inner.data, part))
    if _has_simulation(inner) and part in MODEL:
        return np.array(getattr(inner.model, part))
    if part == SINGLE:
        return np.array(np.asarray(inner.state).dtype == np.float32)
    value = np.array(getattr(inner, part))
    return value.astype(np.float64) if part == CLASSIC and not _has_simulation(inner) else value


def _integration_state(inner: Any) -> Array:
    import mujoco

    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    found = np.empty(mujoco.mj_stateSize(inner.model, kind), np.float64)
    mujoco.mj_getState(inner.model, inner.data, found, kind)
    return found


def _has_simulation(inner: Any) -> bool:
    model, data = getattr(inner, "model", None), getattr(inner, "data", None)
    return all(type(value).__module__.startswith("mujoco.") for value in (model, data))


def restore(environment: gym.Env[Any, Any], state: State) -> None:
    """Put an environment where another one was: its steps then give what that one's gave, bit for bit.

    It is reset first, so that a time limit begins to count anew.

    Args:
        environment: the same one, with the same kwargs.
        state: a value of the column `simulator_state`, as `load_dataset` gives it; or by its parts, as
            `state_in` takes it from arrays.

    Raises:
        EnvironmentError_: it is not a state of this environment.
    """
    environment.reset()
    inner: Any = environment.unwrapped
    try:
        values = {part: np.asarray(value) for part, value in state.items()}
        _check_parts(inner, values)
        if MUJOCO in values and _has_simulation(inner):
            _restore_simulation(inner, values)
        for part, value in values.items():
            if part not in (MUJOCO, SINGLE) and not (_has_simulation(inner) and part in (*DERIVED, *MODEL)):
                _restore_own(inner, part, value, single=bool(values.get(SINGLE, False)))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise EnvironmentError_(
            "this is no state of this environment", got=f"{type(error).__name__}: {error}"[:200]
        ) from error


def _check_parts(inner: Any, values: Mapping[str, Array]) -> None:
    """Refuse what is no part of such an environment's state, above all how it was made.

    Raises:
        ValueError: there is such, or a part is of another shape or kind.
    """
    simulated = _has_simulation(inner)
    if (MUJOCO not in values) if simulated else ({*values} != {CLASSIC, SINGLE}):
        raise ValueError(f"the parts {sorted(values)}")
    own = {*vars(inner)} - _settings(inner) | {*DERIVED, *MODEL} if simulated else {CLASSIC, SINGLE}
    for part in values.keys() - {MUJOCO}:
        if part not in own:
            raise ValueError(f"{part} is no part of its state")
        current, value = _part(inner, part), values[part]
        shapes = (current.shape, (current.size,)) if current.ndim else ((),)
        if value.shape not in shapes or KINDS.index(value.dtype.kind) > KINDS.index(current.dtype.kind):
            raise ValueError(f"{part} of {value.dtype} {value.shape}, not {current.dtype} {current.shape}")


def _settings(inner: Any) -> set[str]:
    """The names under which an environment may keep what it was made with."""
    made_by = [vars(kind)["__init__"] for kind in type(inner).__mro__ if "__init__" in vars(kind)]
    names = {name for made in made_by[:-1] for name in inspect.signature(made).parameters}
    return names | {f"_{name}" for name in names}


def _restore_simulation(inner: Any, values: Mapping[str, Array]) -> None:
    import mujoco

    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = values[MUJOCO].astype(np.float64)
    if len(state) != mujoco.mj_stateSize(inner.model, kind):
        raise ValueError(f"{len(state)} numbers of MuJoCo's, not {mujoco.mj_stateSize(inner.model, kind)}")
    for part in {*MODEL} & {*values}:
        held = getattr(inner.model, part)
        held[:] = values[part].reshape(held.shape)
    mujoco.mj_setState(inner.model, inner.data, state, kind)
    mujoco.mj_forward(inner.model, inner.data)  # all that follows from it, which is drawn
    mujoco.mj_setState(inner.model, inner.data, state, kind)
    for part in {*DERIVED} & {*values}:
        held = getattr(inner.data, part)
        held[:] = values[part].reshape(held.shape)


def _restore_own(inner: Any, part: str, value: Array, *, single: bool) -> None:
    current = getattr(inner, part)
    if callable(current) or np.asarray(current).dtype.kind not in "biuf":
        raise TypeError(f"{part} is none of its numbers")
    if part == CLASSIC and not _has_simulation(inner):
        inner.state = value.astype(np.float32 if single else np.float64)
    elif isinstance(current, np.ndarray):
        setattr(inner, part, value.astype(current.dtype).reshape(current.shape))
    else:
        setattr(inner, part, type(current)(value.tolist()))


def state_in(columns: Mapping[str, Array], row: int, column: str = STATE) -> dict[str, Array]:
    """The state of a row, from `dataset.arrays()`.

    Args:
        columns: by the names of their arrays.
        row: of them.
        column: `simulator_state`, or `final_simulator_state` of the episodes.
    """
    return {
        name.partition(".")[2]: values[row]
        for name, values in columns.items()
        if name.startswith(f"{column}.")
    }


@dataclass(frozen=True)
class KeptState:
    """The recipe of the states before each action, and of that after the last one.

    Attributes:
        columns: `simulator_state` and `final_simulator_state`.
        fresh: `reset` leaves something of earlier episodes in the state, so that each needs a fresh instance.
    """

    columns: tuple[Declared, ...]
    fresh: bool = False

    def annotator(self, actor: Any, spaces: tuple[gym.Space[Any], gym.Space[Any]]) -> Annotator:
        """A new one."""
        return _Keep(self.columns)


class _Keep(Annotator):
    def __init__(self, columns: tuple[Declared, ...]) -> None:
        self.columns = columns
        self._parts = {column.name: _parts_in(column) for column in columns}

    def before(self, lanes: Sequence[int], environments: Sequence[gym.Env[Any, Any]]) -> Arrays:
        parts = self._parts.get(STATE, ())
        states = [state_of(environment, parts) for environment in environments]
        return {f"{STATE}.{part}": np.stack([state[part] for state in states]) for part in parts}

    def ended(self, lane: int, environment: gym.Env[Any, Any]) -> Arrays:
        found = state_of(environment, self._parts.get(FINAL, ()))
        return {f"{FINAL}.{part}": value for part, value in found.items()}


def _parts_in(column: Declared) -> tuple[str, ...]:
    if not isinstance(column.kind, gym.spaces.Dict):
        raise DatasetError(f"the column {column.name} holds no states", got=str(column.kind))
    return tuple(".".join(map(str, leaf.path)) for leaf in leaves(column.kind))


def kept_state(spec: EnvironmentSpec) -> KeptState:
    """What is recorded of an environment so that it can be put where it was.

    Raises:
        ConfigError: nobody knows how, or what is kept is not all that it takes to go on.
        EnvironmentError_: it cannot be made.
    """
    parts, fresh = _parts_of(spec)
    with closing(make(spec)) as environment:
        environment.reset(seed=SEEDS[0])
        shown = state_of(environment, parts)
    space = gym.spaces.Dict({part: unbounded(value.shape, value.dtype) for part, value in shown.items()})
    if wrong := _where_it_goes_astray(spec, parts):
        raise ConfigError(
            f"dataset.simulator_state cannot be kept of {spec.id}: {wrong}",
            expected="steps that go on bit for bit",
            remedy="what wrappers remember, and what is drawn at random in a step, is in no state",
        )
    return KeptState((Declared(STATE, space), Declared(FINAL, space, "episodes")), fresh)


def _parts_of(spec: EnvironmentSpec) -> tuple[tuple[str, ...], bool]:
    """The parts of an environment's state, and whether `reset` leaves something in them.

    Numbers of its own are parts where they vary and forget the past.
    """
    with closing(make(spec)) as environment:
        environment.reset(seed=SEEDS[0])
        inner: Any = environment.unwrapped
        if not _has_simulation(inner):
            if type(inner).__module__.startswith(CLASSIC_CONTROL) and hasattr(inner, CLASSIC):
                return (CLASSIC, SINGLE), False
            raise ConfigError(
                f"dataset.simulator_state is not known of {spec.id}",
                expected=SUPPORTED,
                remedy="leave it out",
            )
        always = (MUJOCO, *(part for part in DERIVED if getattr(inner.data, part).size))
        used = [numbers for seed in SEEDS for numbers in _watched(environment, seed, always)]
    with closing(make(spec)) as environment:
        anew = list(_watched(environment, SEEDS[-1], always))
    after = used[-len(anew) :]
    names = sorted(set.intersection(*(set(numbers) for numbers in used)) - {*always})
    varying = [name for name in names if len({numbers[name] for numbers in used}) > 1]
    forgets = {
        name
        for name in (*always, *varying)
        if all(a[name] == b.get(name) for a, b in zip(after, anew, strict=True))
    }
    return (*always, *(name for name in varying if name in forgets)), not forgets.issuperset(always)


def _watched(
    environment: gym.Env[Any, Any], seed: int, always: Sequence[str]
) -> Iterator[dict[str, tuple[str, Any, bytes]]]:
    """The numbers after `reset`, and after each of some random steps."""
    inner: Any = environment.unwrapped

    def numbers() -> dict[str, tuple[str, Any, bytes]]:
        parts = {part: _bits(value) for part, value in state_of(environment, always).items()}
        return {**_numbers(inner), **parts}

    environment.reset(seed=seed)
    yield numbers()
    for _ in _random_steps(environment, seed, STEPS):
        yield numbers()


def _bits(value: Array) -> tuple[str, Any, bytes]:
    return str(value.dtype), value.shape, value.tobytes()


def _numbers(inner: Any) -> dict[str, tuple[str, Any, bytes]]:
    """What may vary: numbers of the environment's own, and places in MuJoCo's model."""
    found = {part: np.asarray(getattr(inner.model, part)) for part in MODEL}
    settings = _settings(inner)
    for name, value in vars(inner).items():
        if (
            name not in settings
            and isinstance(value, np.ndarray | np.generic | int | float)
            and not name.startswith("_np_random")
        ):
            found[name] = np.asarray(value)
    return {
        name: _bits(value)
        for name, value in found.items()
        if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8 and value.size
    }


def _random_steps(environment: gym.Env[Any, Any], seed: int, count: int) -> Iterator[tuple[Any, bytes]]:
    """The actions, and what each step gave, up to an end."""
    space = environment.action_space
    space.seed(seed)
    for _ in range(count):
        action = space.sample()
        given, ended = _step(environment, action)
        yield action, given
        if ended:
            return


def _step(environment: gym.Env[Any, Any], action: Any) -> tuple[bytes, bool]:
    observation, reward, terminated, truncated, _ = environment.step(
        np.copy(action) if np.ndim(action) else action
    )
    flags = answers.ended(terminated, truncated)
    bits = b"".join(array.tobytes() for array in arrays_of(observation))
    return bits + np.float64(answers.reward_value(reward)).tobytes() + bytes(flags), any(flags)


def _where_it_goes_astray(spec: EnvironmentSpec, parts: Sequence[str]) -> str:
    """Where one that was put into a state does not go on as the one that had been there; empty: nowhere."""
    with closing(make(spec)) as environment:
        environment.reset(seed=SEEDS[0])
        states, played = [state_of(environment, parts)], []
        for taken in _random_steps(environment, SEEDS[0], STEPS):
            played.append(taken)
            states.append(state_of(environment, parts))
    with closing(make(spec)) as other:
        other.reset(seed=SEEDS[1])
        for start in (step for step in FROM if step < len(played)):
            restore(other, states[start])
            for step in range(start, min(start + ON, len(played))):
                action, given = played[step]
                if _step(other, action)[0] != given:
                    return f"restored at step {start} of an episode, it gives something else at step {step}"
    return ""
