"""One episode, as a researcher sees it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes import notebook
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import Array
from builder.errors import DatasetError

FLAT = ("rewards", "terminations", "truncations")
"""One number per step, whatever the spaces."""


@dataclass(frozen=True, eq=False, repr=False)
class Episode:
    """One episode of T steps.

    Observations and actions are arrays; of a Dict space a dict of arrays, of a Tuple space a tuple. All are
    copied: an environment may go on to write into what it gave.

    Attributes:
        observations: [T + 1, ...]: the last one is what the last step led to.
        actions: [T, ...].
        rewards: float64 [T].
        terminations: bool [T].
        truncations: bool [T].
        seed: what `env.reset` was given.
        index: the attempt that it was.
        policy: the expert's name.
        environment: the id of the environment; "": not known.

    Raises:
        DatasetError: arrays that do not fit together, or that do not hold numbers; a list of one array
            again and again; an end that is not the last step.
    """

    observations: Any
    actions: Any
    rewards: Array
    terminations: Array
    truncations: Array
    seed: int = 0
    index: int = 0
    policy: str = ""
    environment: str = ""

    def __post_init__(self) -> None:
        for name in ("observations", "actions", *FLAT):
            object.__setattr__(self, name, _kept(name, getattr(self, name)))
        steps = len(self.rewards)
        if steps == 0:
            raise DatasetError("an episode has at least one step")
        for name, value, rows in (
            ("observations", self.observations, steps + 1),
            ("actions", self.actions, steps),
            ("rewards", self.rewards, steps),
            ("terminations", self.terminations, steps),
            ("truncations", self.truncations, steps),
        ):
            for array in _numbers(name, value):
                if array.shape[:1] != (rows,):
                    raise DatasetError(
                        f"the {name} of an episode of {steps} rewards",
                        expected=f"{rows} rows",
                        got=len(array) if array.shape else "a single number",
                    )
                if name in FLAT and array.ndim != 1:
                    raise DatasetError(f"the {name} of an episode", expected="one per step", got=array.shape)
        if np.any(self.terminations[:-1]) or np.any(self.truncations[:-1]):
            raise DatasetError(
                "an episode goes on after its end",
                expected="terminations and truncations that are false before the last step",
                remedy="make an Episode of each",
            )

    def __len__(self) -> int:
        """The number of steps, T."""
        return len(self.rewards)

    def __repr__(self) -> str:
        return notebook.text(self, self._shown())

    def _repr_html_(self) -> str:
        return notebook.page(self, self._shown())

    def _shown(self) -> list[tuple[str, Array]]:
        """Observations and actions, array by array, with their names."""
        return [
            (".".join(filter(None, (name, leaf))), array)
            for name, value in (("observations", self.observations), ("actions", self.actions))
            for leaf, array in zip(names_of(value), arrays_of(value), strict=True)
        ]

    @property
    def episode_return(self) -> float:
        """The rewards summed in order, in float64."""
        return float(np.cumsum(np.asarray(self.rewards, np.float64))[-1])

    def save(self, path: str | Path) -> None:
        """Write the episode as the file that the built-in `collate` reads.

        Raises:
            StorageError: the disk is full or not writable.
        """
        rewards = np.asarray(self.rewards, np.float64)
        lengths = np.array([len(self)], np.int64)
        observations = arrays_of(self.observations)
        recording = Recording(
            attempts=np.array([self.index], np.int64),
            seeds=np.array([self.seed], np.int64),
            lengths=lengths,
            returns=episode_returns(rewards, lengths),
            terminated=np.array([bool(self.terminations[-1])]),
            truncated=np.array([bool(self.truncations[-1])]),
            observations=tuple(array[:-1] for array in observations),
            actions=tuple(arrays_of(self.actions)),
            rewards=rewards,
            finals=tuple(array[-1:] for array in observations),
        )
        header = Header(
            identity="",
            start=self.index,
            stop=self.index + 1,
            policy=self.policy,
            observation_names=names_of(self.observations),
            action_names=names_of(self.actions),
        )
        write_recording(recording, Path(path), header)


def _kept(name: str, value: Any) -> Any:
    """A copy of what was given.

    Raises:
        DatasetError: a list that holds one array several times: it was filled anew in between.
    """
    if isinstance(value, Mapping):
        return {key: _kept(name, child) for key, child in value.items()}
    if isinstance(value, tuple):
        return tuple(_kept(name, child) for child in value)
    if isinstance(value, list) and any(
        one is other and isinstance(one, np.ndarray) for one, other in itertools.pairwise(value)
    ):
        raise DatasetError(
            f"the {name} of an episode are one array again and again, which holds the last of them",
            remedy="append a copy of each: observations.append(observation.copy())",
        )
    try:
        return np.array(value)
    except ValueError as error:
        raise DatasetError(f"the {name} of an episode differ in shape: {error}") from error


def _numbers(name: str, value: Any) -> list[Array]:
    arrays = arrays_of(value)
    for array in arrays:
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise DatasetError(
                f"the {name} of an episode",
                expected="an array of numbers, or a dict or a tuple of them",
                got=f"{array.dtype}",
            )
    return arrays


def names_of(value: Any) -> tuple[str, ...]:
    """The dotted names of `arrays_of`, as `builder.episodes.spaces.Leaf.name` has them."""
    return tuple(".".join(path) for path in _paths(value))


def _paths(value: Any) -> list[tuple[str, ...]]:
    if isinstance(value, Mapping):
        return [(str(key), *path) for key, child in value.items() for path in _paths(child)]
    if isinstance(value, tuple):
        return [(str(index), *path) for index, child in enumerate(value) for path in _paths(child)]
    return [()]


def arrays_of(value: Any) -> list[Array]:
    """The arrays of a nested structure, in its own order."""
    if isinstance(value, Mapping):
        return [array for child in value.values() for array in arrays_of(child)]
    if isinstance(value, tuple):
        return [array for child in value for array in arrays_of(child)]
    return [np.asarray(value)]
