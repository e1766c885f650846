"""Functional environments of gymnasium (`FuncEnv`), whose lanes are stepped by programs that JAX compiles.

What `FunctionalJaxEnv` does with the functions of one environment, for one seed, is done with each of them
for a whole block of lanes. The block has the same size however many lanes there are, and every function is
compiled by itself, as there: so the numbers can be the same, bit for bit. Whether they are, on this
processor, `builder.environments.alike` finds out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments.environment import EnvironmentSpec, make
from builder.environments.lanes import Begun, RowError, Stepped, refuse_to_be_asked
from builder.environments.stepping import whole_column
from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import SpaceError

MODULE, CLASS = "gymnasium.envs.functional_jax_env", "FunctionalJaxEnv"
BLOCK = 128
"""Lanes of one program."""


def is_functional(environment: gym.Env[Any, Any]) -> bool:
    """Whether an environment is the functions that it is made of, and nothing around them."""
    kinds = type(environment).__mro__
    known = next((kind for kind in kinds if (kind.__module__, kind.__name__) == (MODULE, CLASS)), None)
    return known is not None and all(
        getattr(type(environment), name) is getattr(known, name) for name in ("reset", "step")
    )


def are_functional(spec: EnvironmentSpec) -> bool:
    """Whether instances of a spec are, of which this process has made one; nothing may be asked of them."""
    if MODULE not in sys.modules or spec.masks or spec.pixels or spec.wrappers or spec.preprocessing:
        return False
    with closing(make(spec)) as environment:
        return is_functional(environment)


@dataclass
class _Block:
    """Lanes that are stepped together.

    Attributes:
        keys: uint32 [BLOCK, 2]: what each draws from next.
        state: as the functions have it, with an axis of lanes in front.
        seen: the last observations, likewise.
    """

    keys: Any
    state: Any
    seen: Any


class FunctionalLanes:
    """Lanes of a functional environment.

    Args:
        environment: one that `is_functional`.
    """

    def __init__(self, environment: gym.Env[Any, Any]) -> None:
        import jax

        made: Any = environment
        of = made.func_env
        self.observation_space, self.action_space = environment.observation_space, environment.action_space
        self._leaves = leaves(self.observation_space, "observation space")
        self._action_leaves = leaves(self.action_space, "action space")
        self._key = jax.random.PRNGKey
        self._split = _many(jax.random.split)
        self._initial = _many(lambda key: of.initial(rng=key))
        self._transition = _many(of.transition)
        self._observation = _many(of.observation)
        self._reward = _many(of.reward)
        self._terminal = _many(of.terminal)
        self._chosen = jax.jit(_chosen)
        self._blocks: dict[int, _Block] = {}
        self._arranged: list[tuple[int, Array, Array]] = []
        self._rows = 0

    def ready(self, lane: int) -> None:
        """Nothing is made for a single attempt."""

    def begin(self, seeds: Mapping[int, int]) -> Mapping[int, Begun]:
        found: dict[int, Begun] = {}
        for number in sorted({lane // BLOCK for lane in seeds}):
            mine = {lane % BLOCK: seed for lane, seed in seeds.items() if lane // BLOCK == number}
            columns = self._begun(number, mine)
            found |= {number * BLOCK + at: Begun(tuple(column[at] for column in columns)) for at in mine}
        return found

    def _begun(self, number: int, seeds: Mapping[int, int]) -> list[Array]:
        """Reset lanes of a block; what its lanes see, per leaf [BLOCK, ...]."""
        keys, fresh = np.zeros((BLOCK, 2), np.uint32), np.zeros(BLOCK, np.bool_)
        for at, seed in seeds.items():
            keys[at], fresh[at] = np.asarray(self._key(seed)), True
        pairs = self._split(keys)
        drawn = pairs[:, 0]
        state = self._initial(drawn)
        block = _Block(pairs[:, 1], state, self._observation(state, drawn))
        if before := self._blocks.get(number):
            kept = (before.keys, before.state)
            block.keys, block.state = self._chosen(fresh, (block.keys, block.state), kept)
        self._blocks[number] = block
        return self._columns(block.seen)

    def arrange(self, lanes: Sequence[int]) -> None:
        numbers = np.array(lanes, np.int64)
        self._rows, self._arranged = len(lanes), []
        for number in np.unique(numbers // BLOCK).tolist():
            rows = np.flatnonzero(numbers // BLOCK == number)
            self._arranged.append((number, rows, numbers[rows] % BLOCK))

    def step(self, actions: Sequence[Array]) -> Stepped:
        given = [
            (rows, lanes, self._moved(self._blocks[number], [column[rows] for column in actions], lanes))
            for number, rows, lanes in self._arranged
        ]
        rewards, terminated = np.empty(self._rows, np.float64), np.empty(self._rows, np.bool_)
        for rows, lanes, (reward, terminal) in given:
            rewards[rows] = np.asarray(reward).reshape(BLOCK)[lanes]
            terminated[rows] = np.asarray(terminal).reshape(BLOCK)[lanes]
        return Stepped(rewards, [(row, True, False) for row in np.flatnonzero(terminated).tolist()])

    def _moved(self, block: _Block, actions: Sequence[Array], lanes: Array) -> tuple[Any, Any]:
        """Step a block; the rewards and the ends of all its lanes. Those that play nothing do so too."""
        placed = [np.zeros((BLOCK, *leaf.shape), leaf.dtype) for leaf in self._action_leaves]
        for whole, column in zip(placed, actions, strict=True):
            whole[lanes] = column
        action = assemble(self.action_space, placed)
        pairs = self._split(block.keys)
        drawn, before = pairs[:, 0], block.state
        after = self._transition(before, action, drawn)
        block.keys, block.state, block.seen = pairs[:, 1], after, self._observation(after, drawn)
        return self._reward(before, action, after, drawn), self._terminal(after, drawn)

    def observe(self, columns: Sequence[Array]) -> None:
        for number, rows, lanes in self._arranged:
            for column, values in zip(columns, self._columns(self._blocks[number].seen), strict=True):
                column[rows] = values[lanes]

    def _columns(self, seen: Any) -> list[Array]:
        """What lanes see, per leaf [BLOCK, ...], in the dtype that it declares."""
        try:
            return [whole_column(leaf, np.asarray(leaf.pick(seen))) for leaf in self._leaves]
        except SpaceError as error:
            raise RowError(0, error) from error

    def copy(self) -> None:
        """Every answer is an array of its own."""

    def environment(self, lane: int) -> gym.Env[Any, Any]:
        raise refuse_to_be_asked()

    def end(self, lane: int) -> None:
        """The lane plays on, and nobody looks, until it begins anew."""

    def discard(self, lane: int) -> None:
        """Likewise: whatever is left is forgotten then."""

    def close(self) -> None:
        self._blocks = {}


def _many(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one lane, compiled for a block of them."""
    import jax

    compiled: Callable[..., Any] = jax.jit(jax.vmap(function))
    return compiled


def _chosen(fresh: Any, new: Any, old: Any) -> Any:
    """The new values of fresh lanes, and the old ones of all others."""
    import jax

    def choose(one: Any, other: Any) -> Any:
        return jax.numpy.where(fresh.reshape(-1, *[1] * (one.ndim - 1)), one, other)

    return jax.tree_util.tree_map(choose, new, old)
