"""A split as the objects that other libraries train from; each library is imported when it is asked for.

Every value is the recorded one, in its own dtype, unless a function says otherwise. What a library cannot
hold is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from builder.episodes.episode import Episode
from builder.episodes.spaces import Array, Leaf, Spaces, assemble, is_image, leaves
from builder.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import torch

INSTALL = {
    "d3rlpy": "--no-deps d3rlpy==2.8.1 && pip install structlog colorama dataclasses-json h5py click tqdm",
    "imitation": "--no-deps imitation==1.0.1",
    "pandas": "pandas",
    "tensordict": "torchrl",
}
"""What pip is given. Two of them pin an older gymnasium, beside which this package does not run."""


@dataclass(frozen=True)
class Steps:
    """All steps of a split, episode after episode.

    Attributes:
        spaces: what was observed, and what was done.
        observations: one array [steps, ...] per leaf of the space.
        next_observations: likewise; the last one of an episode is its final observation.
        actions: one array [steps, ...] per leaf.
        rewards: float64 [steps].
        terminations: bool [steps].
        truncations: bool [steps].
        episodes: int64 [steps]: the index of the episode of each.
    """

    spaces: Spaces
    observations: tuple[Array, ...]
    next_observations: tuple[Array, ...]
    actions: tuple[Array, ...]
    rewards: Array
    terminations: Array
    truncations: Array
    episodes: Array


def following(observations: Array, finals: Array, episodes: Array) -> Array:
    """The next observation of each step: that of the next step, and at the end of an episode its final one.

    Args:
        observations: [steps, ...].
        finals: [episodes, ...].
        episodes: [steps]: the index of the episode of each, in order.
    """
    last = np.append(episodes[1:] != episodes[:-1], True)[: len(episodes)]
    found = np.empty_like(observations)
    found[:-1] = observations[1:]
    found[last] = finals
    return found


def some(steps: Steps, rows: Array) -> Steps:
    """Some of the steps, with what they led to."""

    def of(arrays: Iterable[Array]) -> tuple[Array, ...]:
        return tuple(array[rows] for array in arrays)

    return Steps(
        spaces=steps.spaces,
        observations=of(steps.observations),
        next_observations=of(steps.next_observations),
        actions=of(steps.actions),
        rewards=steps.rewards[rows],
        terminations=steps.terminations[rows],
        truncations=steps.truncations[rows],
        episodes=steps.episodes[rows],
    )


def to_torch(tensors: Mapping[str, torch.Tensor]) -> Any:
    """A `torch.utils.data.Dataset` whose items are dicts, one per step."""
    from torch.utils.data import StackDataset

    return StackDataset(**tensors)  # type: ignore[arg-type]  # it takes whatever has a length and items


def to_pandas(arrays: Mapping[str, Array]) -> pd.DataFrame:
    """One row per step, a column per number of a vector; where values have more axes, arrays in the cells."""
    pandas = _imported("pandas", "to_pandas")
    columns: dict[str, Any] = {}
    for name, values in arrays.items():
        if values.ndim == 2:
            columns |= {f"{name}.{index}": values[:, index] for index in range(values.shape[1])}
        else:
            columns[name] = values if values.ndim == 1 else list(values)
    return pandas.DataFrame(columns)


def to_sb3(steps: Steps, *, device: str, scale_actions: bool, channels_first: bool) -> Any:
    """A full `ReplayBuffer`; of a Dict space a `DictReplayBuffer`: see `Trajectories.to_sb3`.

    Raises:
        ConfigError: Stable-Baselines3 has no such spaces, or actions that have no bounds are to be scaled.
    """
    from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

    (action,) = _plain(steps.spaces.action, steps.actions, "Stable-Baselines3")
    space, observed, following = _seen_by_sb3(steps, channels_first=channels_first)
    kind: Any = DictReplayBuffer if isinstance(space, gym.spaces.Dict) else ReplayBuffer
    size, actions = len(steps.rewards), steps.spaces.action
    buffer = kind(size, space, actions, device=device, handle_timeout_termination=True)
    for target, values in ((buffer.observations, observed), (buffer.next_observations, following)):
        for name, array in values.items():
            place = target[name] if isinstance(target, dict) else target
            place[:] = array.reshape(place.shape)
    if scale_actions and isinstance(steps.spaces.action, gym.spaces.Box):
        action = _scaled(action, steps.spaces.action)
    buffer.actions[:] = action.reshape(buffer.actions.shape)
    buffer.rewards[:, 0] = steps.rewards
    buffer.dones[:, 0] = steps.terminations | steps.truncations
    buffer.timeouts[:, 0] = steps.truncations & ~steps.terminations
    buffer.full = True
    return buffer


def _seen_by_sb3(
    steps: Steps, *, channels_first: bool
) -> tuple[gym.Space[Any], dict[str, Array], dict[str, Array]]:
    """The observation space, and by the names of its parts the observations and those that follow."""
    space = steps.spaces.observation
    parts = leaves(space)
    if isinstance(space, gym.spaces.Tuple) or any(len(leaf.path) > 1 for leaf in parts):
        raise _cannot("Stable-Baselines3", space, "a plain space, or a Dict of plain ones")
    for leaf, values in zip(parts, steps.observations, strict=True):
        if values.shape[1:] != leaf.shape:
            raise _cannot("a buffer with the environment's spaces", "stacks of observations", "single ones")
    turned = {leaf.name: channels_first and is_image(leaf) and len(leaf.shape) == 3 for leaf in parts}
    spaces: dict[str, gym.Space[Any]] = {
        leaf.name: gym.spaces.Box(0, 255, (leaf.shape[2], *leaf.shape[:2]), np.uint8)
        if turned[leaf.name]
        else leaf.space
        for leaf in parts
    }
    observed, following = (
        {
            leaf.name: np.moveaxis(values, -1, 1) if turned[leaf.name] else values
            for leaf, values in zip(parts, arrays, strict=True)
        }
        for arrays in (steps.observations, steps.next_observations)
    )
    return (gym.spaces.Dict(spaces) if "" not in spaces else spaces[""]), observed, following


def _scaled(action: Array, space: gym.spaces.Box) -> Array:
    """Actions in [-1, 1], as `BasePolicy.scale_action` gives them: off-policy algorithms store these."""
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        raise _cannot("a scaled action", space, "finite bounds; or scale_actions=False")
    scaled: Array = 2.0 * ((action - space.low) / (space.high - space.low)) - 1.0
    return scaled


def to_torchrl(steps: Steps) -> Any:
    """A `TensorDict` [steps] in TorchRL's episode data format: see `Trajectories.to_torchrl`."""
    import torch

    tensordict = _imported("tensordict", "to_torchrl")

    def nested(space: gym.Space[Any], arrays: Iterable[Array]) -> Any:
        return _named(assemble(space, [tensor(array) for array in arrays]))

    def tensor(values: Array) -> torch.Tensor:
        return torch.from_numpy(values if values.flags.writeable else values.copy())

    def column(values: Array) -> torch.Tensor:
        return tensor(values)[:, None]

    following = {
        "observation": nested(steps.spaces.observation, steps.next_observations),
        "reward": column(steps.rewards),
        "terminated": column(steps.terminations),
        "truncated": column(steps.truncations),
        "done": column(steps.terminations | steps.truncations),
    }
    content = {
        "observation": nested(steps.spaces.observation, steps.observations),
        "action": nested(steps.spaces.action, steps.actions),
        "episode": tensor(steps.episodes),
        "next": following,
    }
    return tensordict.TensorDict(content, batch_size=[len(steps.rewards)])


def _named(value: Any) -> Any:
    """The same with dicts in place of tuples, as a TensorDict has no tuples."""
    if isinstance(value, tuple):
        return {str(index): _named(part) for index, part in enumerate(value)}
    return {key: _named(part) for key, part in value.items()} if isinstance(value, dict) else value


def to_imitation(episodes: Iterable[Episode], spaces: Spaces) -> list[Any]:
    """A list of `imitation.data.types.TrajectoryWithRew`: see `Trajectories.to_imitation`.

    Raises:
        ConfigError: imitation has no such spaces.
    """
    _plain(spaces.action, leaves(spaces.action), "imitation")
    observed = leaves(spaces.observation)
    if isinstance(spaces.observation, gym.spaces.Tuple) or any(len(leaf.path) > 1 for leaf in observed):
        raise _cannot("imitation", spaces.observation, "a plain space, or a Dict of plain ones")
    types = _imported("imitation.data.types", "to_imitation")
    return [
        types.TrajectoryWithRew(
            obs=types.maybe_wrap_in_dictobs(episode.observations),
            acts=episode.actions,
            infos=None,
            terminal=True,  # as its own documentation has it, episodes always are; fragments are not
            rews=np.asarray(episode.rewards),
        )
        for episode in episodes
    ]


def to_d3rlpy(steps: Steps) -> Any:
    """A `d3rlpy.dataset.MDPDataset`: see `Trajectories.to_d3rlpy`.

    Raises:
        ConfigError: d3rlpy has no such spaces.
    """
    (action,) = _plain(steps.spaces.action, steps.actions, "d3rlpy")
    kinds: dict[str, Any] = {}
    (observed,) = _plain(steps.spaces.observation, steps.observations, "d3rlpy")
    space = steps.spaces.action
    if isinstance(space, gym.spaces.Discrete):
        if space.start < 0:
            raise _cannot("d3rlpy", space, "actions that count from 0")
        kinds = {"action_size": int(space.start + space.n)}
    elif not (isinstance(space, gym.spaces.Box) and len(space.shape) == 1 and space.dtype.kind == "f"):
        raise _cannot("d3rlpy", space, "Discrete, or a Box of one axis of floats")
    dataset = _imported("d3rlpy.dataset", "to_d3rlpy")
    constants = _imported("d3rlpy.constants", "to_d3rlpy")
    chosen = constants.ActionSpace.DISCRETE if kinds else constants.ActionSpace.CONTINUOUS
    return dataset.MDPDataset(
        _channels_first(leaves(steps.spaces.observation)[0], observed),
        action,
        steps.rewards.astype(np.float32),
        steps.terminations.astype(np.float32),
        (steps.truncations & ~steps.terminations).astype(np.float32),
        action_space=chosen,
        **kinds,
    )


def _channels_first(leaf: Leaf, values: Array) -> Array:
    """Images as [steps, channels, height, width], and plain numbers as vectors."""
    if is_image(leaf) and values.ndim == len(leaf.shape) + 1:
        return np.ascontiguousarray(np.moveaxis(values, -1, 1)) if values.ndim == 4 else values[:, None]
    return values[:, None] if values.ndim == 1 else values


def _plain(space: gym.Space[Any], values: Any, library: str) -> Any:
    """The values, one array, of a space that has no parts.

    Raises:
        ConfigError: it has some.
    """
    if isinstance(space, (gym.spaces.Dict, gym.spaces.Tuple)):
        raise _cannot(library, space, "a plain space")
    return values


def _cannot(what: str, got: Any, expected: str) -> ConfigError:
    return ConfigError(
        f"{what} cannot hold this dataset",
        expected=expected,
        got=f"{got}"[:200],
        remedy="arrays() and to_torchrl() hold every space",
    )


def _imported(module: str, method: str) -> Any:
    """A module of another library.

    Raises:
        ConfigError: it is not installed, or does not work here.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ConfigError(
            f"{method} needs the package {package}, which cannot be imported: {error}",
            remedy=f"pip install {INSTALL[package]}",
        ) from error
