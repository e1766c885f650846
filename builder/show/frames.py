"""The frames of an episode: drawn by its environment while that repeats it, or images that the dataset holds.

What is drawn is the recorded episode and nothing else: at each step the observation, the reward and how it
ended are held against what is recorded, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from builder.environments import answers
from builder.environments.drawing import frame
from builder.environments.stepping import action_values, store
from builder.episodes.recording import FINAL_PIXELS, PIXELS, Recording
from builder.episodes.spaces import Array, Leaf, is_image, leaves
from builder.errors import ConfigError, NotRepeatedError
from builder.replay.difference import shown
from builder.replay.recorded import RecordedEpisode


@dataclass(frozen=True)
class Moment:
    """What is seen of an episode before a step, or after its last one.

    Attributes:
        image: uint8 [height, width, 3].
        step: how many steps lie behind it.
        total: the rewards of these, summed in order.
    """

    image: Array
    step: int
    total: float


def everything(_: int) -> bool:
    """Every moment is wanted."""
    return True


def drawn(
    environment: gym.Env[Any, Any],
    episode: RecordedEpisode,
    wanted: Callable[[int], bool] = everything,
    *,
    limit: int | None = None,
    unsaid: Collection[str] = (),
) -> Iterator[Moment]:
    """The moments of an episode, drawn by its environment.

    Args:
        environment: the one that the manifest names, made so that it draws, and not used before.
        episode: what is recorded.
        wanted: of the number of steps behind a moment, whether it is drawn.
        limit: the engine truncates at this many steps.
        unsaid: the columns that an imported dataset lacks, and which so cannot be compared.

    Raises:
        NotRepeatedError: the environment gives something else than is recorded.
        EnvironmentError_: it cannot draw.
    """
    recorded = _Recorded(episode, leaves(environment.observation_space), unsaid)
    for step, total in _stepped(environment, recorded, limit):
        if wanted(step):
            yield Moment(frame(environment), step, total)


def _stepped(
    environment: gym.Env[Any, Any], recorded: _Recorded, limit: int | None
) -> Iterator[tuple[int, float]]:
    """The environment moved from moment to moment: the steps behind each, and their rewards."""
    total = 0.0
    recorded.observation(0, answers.begin(environment, recorded.seed))
    yield 0, total
    for step, action in enumerate(action_values(environment.action_space, recorded.actions), 1):
        try:
            observation, reward, *ends, _ = environment.step(action)
        except (Exception, SystemExit) as error:
            raise recorded.differs(step, f"{type(error).__name__}: {error}") from error
        terminated, truncated = answers.ended(*ends)
        value = answers.reward_value(reward)
        recorded.observation(step, observation)
        recorded.ending(step, value, terminated=terminated, truncated=truncated or step == limit)
        total += value
        yield step, total


class _Recorded:
    """What is recorded of an episode, to hold against what its environment gives."""

    def __init__(self, episode: RecordedEpisode, found: tuple[Leaf, ...], unsaid: Collection[str]) -> None:
        self._episode, self._leaves, self._unsaid = episode, found, unsaid
        self._recording: Recording = episode.rows.recording
        self._rows = [np.empty((1, *leaf.shape), leaf.dtype) for leaf in found]
        self.seed, self.actions = int(self._recording.seeds[0]), self._recording.actions

    def observation(self, step: int, given: Any) -> None:
        """The observation after so many steps."""
        last = step == len(self._recording.rewards)
        if last and "final_observation" in self._unsaid:
            return
        for number, (leaf, row) in enumerate(zip(self._leaves, self._rows, strict=True)):
            store(leaf, row, [leaf.pick(given)])
            column = self._recording.finals[number] if last else self._recording.observations[number][step:]
            self._same(step, ".".join(["observation", *map(str, leaf.path)]), column[:1], row)

    def ending(self, step: int, reward: float, *, terminated: bool, truncated: bool) -> None:
        """What else the step gave that so many lead to."""
        last = step == len(self._recording.rewards)
        flags = ("terminated", terminated), ("truncated", truncated)
        self._same(step, "reward", self._recording.rewards[step - 1 : step], np.array([reward]))
        for name, given in flags:
            recorded = getattr(self._recording, name)[:1] & last
            self._same(step, name, recorded, np.array([given]))

    def _same(self, step: int, column: str, recorded: Array, given: Array) -> None:
        if column not in self._unsaid and recorded.tobytes() != given.tobytes():
            raise self.differs(step, shown(given, 0), column, shown(recorded, 0))

    def differs(self, step: int, got: str, column: str = "", expected: str | None = None) -> NotRepeatedError:
        """The error that says where the environment does something else."""
        where = f"after step {step} in {column}" if column else f"after step {step}"
        return NotRepeatedError(
            f"episode {self._episode.index}, stepped again, differs {where}",
            expected=expected,
            got=got,
            remedy="only what is recorded is filmed; il-builder verify level=replay says more",
        )


def held(episode: RecordedEpisode, leaf: int | None) -> Iterator[Moment]:
    """The moments of an episode whose images the dataset holds.

    Args:
        episode: what is recorded.
        leaf: which leaf of its observations: uint8 [height, width, 3] or [height, width]; None: its `pixels`.
    """
    recorded = episode.rows.recording
    if leaf is None:
        images = np.concatenate([recorded.extras[PIXELS], recorded.attempt_extras[FINAL_PIXELS]])
    else:
        images = np.concatenate([recorded.observations[leaf], recorded.finals[leaf]])
    totals = np.cumsum(np.append(0.0, recorded.rewards))
    for step, (image, total) in enumerate(zip(images, totals, strict=True)):
        in_colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
        yield Moment(in_colour, step, float(total))


def image_leaf(space: gym.Space[Any], name: str | None = None) -> int | None:
    """Which leaf of the observations holds images: one by its name (`observation.camera`), or the first.

    Raises:
        ConfigError: there is none of this name, or it holds no images.
    """
    found = leaves(space)
    names = [".".join(["observation", *map(str, leaf.path)]) for leaf in found]
    images = [number for number, leaf in enumerate(found) if is_image(leaf)]
    if name is None:
        return images[0] if images else None
    if name not in names or names.index(name) not in images:
        expected = " or ".join(["auto", "environment", *(names[number] for number in images)])
        raise ConfigError("frames is unknown", expected=expected, got=repr(name)[:80])
    return names.index(name)
