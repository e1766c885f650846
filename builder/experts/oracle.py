"""`Policy.predict`: an expert that is asked for its actions, outside of a rollout or within a user's own.

Its actors are those of a build, so the actions are those that a build plays, bit for bit. What an episode has
to remember (stacked observations, a hidden state, a clock) is handed back as a value: asking again from the
same state gives the same answer.
"""

from __future__ import annotations

import copy
import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.config import RolloutConfig
from builder.environments.environment import make
from builder.environments.masks import ACTION_MASK, OBSERVATION, choices, mask_of
from builder.environments.wrappers import Layers
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.seeding import ACTION_SPACE, stream_seed
from builder.episodes.spaces import Array, assemble, leaves
from builder.errors import ExpertError, SpaceError
from builder.experts.actor import Actor, RandomPlayer
from builder.experts.matching import played
from builder.experts.policy import LEFT_OUT, Policy
from builder.experts.seats import NO_LIMITS, Actors, Seat, seat_of, seats_of
from builder.experts.sources.registered import DEFAULT_ROLLOUT, policy_expert


@dataclass(frozen=True)
class EpisodeState:
    """What the episodes of a batch go on from; made by `predict`, and taken again.

    Attributes:
        rows: of each episode.
    """

    rows: tuple[Any, ...]


def oracle_of(policy: Policy) -> Oracle:
    """Whoever stands behind a policy, ready to be asked.

    Raises:
        BuilderError: it or its environment cannot be had, or do not fit each other.
    """
    expert = policy_expert(policy.name, policy)
    matched = played(expert, DEFAULT_ROLLOUT, limits=NO_LIMITS, layers=Layers(expert.preprocessing()))
    usual = seat_of(expert, DEFAULT_ROLLOUT, matched)
    return Oracle(Actors(seats_of(expert, DEFAULT_ROLLOUT, usual)))


class Oracle:
    """An expert that is asked.

    Args:
        actors: of the expert.
        context: whose generator seeds what is sampled; None: nobody's, so that it cannot be repeated.
        attempt: the context is that of an attempt of a build, which is one episode.
        generator: what was given to be sampled with.
    """

    def __init__(
        self,
        actors: Actors,
        context: Context | None = None,
        *,
        attempt: bool = False,
        generator: np.random.Generator | None = None,
    ) -> None:
        self._actors, self._attempt, self._generator = actors, attempt, generator
        self._context = context or Context(0, int.from_bytes(secrets.token_bytes(8)))
        self._kept: EpisodeState | None = None
        self._sampler: gym.Space[Any] | None = None

    @property
    def seats(self) -> tuple[Seat, ...]:
        """How the environment may be observed; the first is the usual one."""
        return self._actors.seats

    @property
    def name(self) -> str:
        """What a dataset calls the expert; empty: after the environment."""
        return self._actors.name

    @property
    def rollout(self) -> RolloutConfig:
        """How it plays in a build."""
        return self._actors.rollout

    def playing(self, context: Context) -> Oracle:
        """The same expert for an attempt of a build; it shares what was loaded."""
        return Oracle(self._actors, context, attempt=True)

    def seeded(self, rng: np.random.Generator | int) -> Oracle:
        """The same expert, sampling with a generator, or as the first attempt of a build with this seed."""
        if not isinstance(rng, np.random.Generator):
            return Oracle(self._actors, Context(0, int(rng)))
        context = Context(0)
        context.__dict__["rng"] = rng  # where the attempt's own generator is kept once it is made
        return Oracle(self._actors, context, generator=rng)

    def predict(
        self,
        obs: Any,
        state: Any = LEFT_OUT,
        deterministic: bool = True,
        episode_start: Any = None,
        action_masks: Any = None,
    ) -> tuple[Any, Any]:
        """See `Policy.predict`."""
        number, columns, single = self._observed(obs)
        rows = len(columns[0])
        masks = _masks(self.seats[number], obs, action_masks, None if single else rows)
        if isinstance(self.seats[number].player, RandomPlayer):
            return self._sampled(self.seats[number].action_space, None if single else rows), None
        with self._taken(number, deterministic=deterministic) as actor:
            self._begin(actor, self._memories(state, rows), _starts(episode_start, rows))
            actions = actor.act(columns, range(rows), *masks)
            after = EpisodeState(tuple(actor.memory(row) for row in range(rows)))
        self._kept = None if all(memory is None for memory in after.rows) else after
        values = [np.array(column[0] if single else column) for column in actions]
        return assemble(self.seats[number].action_space, values), self._kept

    @contextmanager
    def taken(self) -> Iterator[tuple[Seat, Actor]]:
        """The usual seat and who plays there as a build does, for as long as a whole attempt takes."""
        seat = self.seats[0]
        deterministic = getattr(seat.player, "deterministic", self._actors.rollout.deterministic)
        with self._taken(0, deterministic=deterministic) as actor:
            yield seat, actor

    @contextmanager
    def _taken(self, number: int, *, deterministic: bool) -> Iterator[Actor]:
        """The actor of a seat, for this thread alone."""
        alone = self.seats[number].player.alone
        with self._actors.lock, global_generators.taken() if alone else nullcontext():
            yield self._actors.of(number, deterministic=deterministic)

    def _observed(self, obs: Any) -> tuple[int, list[Array], bool]:
        """The seat whose observations these are, per leaf [rows, ...], and whether it is one alone."""
        for number, seat in enumerate(self.seats):
            found = leaves(seat.observation_space, "observation space")
            try:
                values = [np.asarray(leaf.pick(obs)) for leaf in found]
            except (LookupError, TypeError, ValueError):
                continue
            shapes = [(value.shape, leaf.shape) for value, leaf in zip(values, found, strict=True)]
            if all(got == leaf for got, leaf in shapes):
                return number, _in_dtypes([value[None] for value in values], seat), True
            lengths = {got[0] for got, leaf in shapes if got[1:] == leaf and len(got) > len(leaf)}
            if len(lengths) == 1 and all(got[1:] == leaf for got, leaf in shapes) and lengths != {0}:
                return number, _in_dtypes(values, seat), False
        expected = " or ".join(str(seat.observation_space)[:200] for seat in self.seats)
        raise SpaceError(
            "predict was given something else than an observation, or a batch of them along the first axis",
            expected=expected,
            got=_described(obs),
        )

    def _memories(self, state: Any, rows: int) -> tuple[Any, ...]:
        """What each row goes on from; None: it begins, or remembers nothing."""
        if state is LEFT_OUT:
            state = self._kept if self._attempt else None
            if state is not None and len(state.rows) != rows:
                state = None
        if state is None:
            return (None,) * rows
        if not isinstance(state, EpisodeState) or len(state.rows) != rows:
            raise ExpertError(
                "predict was given a state that it has not returned for as many observations",
                expected=f"None, where an episode begins, or what predict returned for {rows}",
                got=f"{type(state).__name__}"
                + (f" of {len(state.rows)}" if isinstance(state, EpisodeState) else ""),
            )
        return state.rows

    def _begin(self, actor: Actor, memories: Sequence[Any], starts: Array) -> None:
        for row, memory in enumerate(memories):
            if memory is None or starts[row]:
                actor.begin(row, self._context)
            else:
                actor.resume(row, self._context, memory)

    def _sampled(self, space: gym.Space[Any], rows: int | None) -> Any:
        """Samples of an action space, one after another from the attempt's own seed."""
        if self._sampler is None:
            self._sampler = copy.deepcopy(space)
            own = stream_seed(self._context.root_seed, self._context.index, ACTION_SPACE)
            self._sampler.seed(own if self._generator is None else int(self._generator.integers(1 << 32)))
        samples = [self._sampler.sample() for _ in range(1 if rows is None else rows)]
        columns = [
            np.stack([np.asarray(leaf.pick(sample), leaf.dtype) for sample in samples])
            for leaf in leaves(space)
        ]
        return assemble(space, [np.array(column[0]) if rows is None else column for column in columns])

    def environment(self, **kwargs: Any) -> gym.Env[Any, Any]:
        """The environment that the expert plays, with its time limit.

        Args:
            kwargs: for its constructor, such as `render_mode`.
        """
        spec = self.seats[0].environment
        made = make(dataclasses.replace(spec, kwargs={**spec.kwargs, **kwargs}))
        if spec.bare and spec.max_episode_steps is not None:
            made = gym.wrappers.TimeLimit(made, spec.max_episode_steps)
        return _OfAttempt(made, self._context.seed) if self._attempt else made


class _OfAttempt(gym.Wrapper[Any, Any, Any, Any]):
    """Begins an attempt's own episode unless it is told another seed."""

    def __init__(self, environment: gym.Env[Any, Any], seed: int) -> None:
        super().__init__(environment)
        self._seed = seed

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        return self.env.reset(seed=self._seed if seed is None else seed, options=options)


def _masks(seat: Seat, obs: Any, given: Any, rows: int | None) -> tuple[Array, ...]:
    """The masks of some observations, where an expert is asked with masks: bool [rows, choices].

    Args:
        seat: whose observations they are.
        obs: the observation, or the batch of them.
        given: the masks that came with it.
        rows: of the batch; None: it is one observation alone.

    Raises:
        ExpertError: there are none, or there are some, and the expert is asked without.
        EnvironmentError_: they are no masks.
    """
    where = seat.environment.masks
    if given is None and where == OBSERVATION:
        given = obs[ACTION_MASK]
    if not where and given is None:
        return ()
    if not where or given is None:
        raise ExpertError(
            "predict was given masks, and the expert chooses without"
            if given is not None
            else "predict was given no masks, and the expert chooses among the actions that a mask allows",
            remedy="leave action_masks out"
            if given is not None
            else 'give action_masks=env.get_wrapper_attr("action_masks")(), of an environment from'
            " get_environment()",
        )
    count = choices(seat.action_space)
    if rows is None:
        return (mask_of(given, count)[None],)
    if len(given) != rows:
        raise ExpertError("the action_masks of predict", expected=f"{rows} masks", got=len(given))
    return (np.stack([mask_of(mask, count) for mask in given]),)


def _in_dtypes(values: Sequence[Array], seat: Seat) -> list[Array]:
    found = leaves(seat.observation_space)
    return [np.array(value, leaf.dtype) for value, leaf in zip(values, found, strict=True)]


def _starts(episode_start: Any, rows: int) -> Array:
    """Bool [rows]: which episodes begin, as Stable-Baselines3 says it."""
    starts = np.zeros(rows, bool) if episode_start is None else np.asarray(episode_start, bool).reshape(-1)
    if len(starts) != rows:
        raise ExpertError("episode_start of predict", expected=f"{rows} flags", got=len(starts))
    return starts


def _described(obs: Any) -> str:
    if isinstance(obs, dict):
        return "{" + ", ".join(f"{key}: {_described(part)}" for key, part in obs.items()) + "}"
    if isinstance(obs, tuple):
        return "(" + ", ".join(map(_described, obs)) + ")"
    try:
        return f"an array of shape {np.shape(obs)}"
    except ValueError:
        return type(obs).__name__
