"""Tiny dataset folders, made by hand: recorded episodes, `build.json`, collation."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from builder.composition import build_config
from builder.dataset.collation import Collation
from builder.dataset.folder import write_dataset
from builder.episodes.acceptance import Acceptance
from builder.episodes.episode import Episode
from builder.episodes.spaces import assemble, leaves, next_observation_default
from builder.manifest.identity import build_inputs

CARTPOLE = gym.spaces.Box(
    np.array([-4.8, -np.inf, -0.41887903, -np.inf], np.float32),
    np.array([4.8, np.inf, 0.41887903, np.inf], np.float32),
)
PACKAGES = {"il-builder": "0.1.0", "numpy": "2.4.6"}


def values(space: gym.Space[Any], count: int) -> Any:
    """[count, ...] values of a space, in its own structure."""
    space.seed(count)
    samples = [space.sample() for _ in range(count)]
    found = leaves(space)
    return assemble(
        space, [np.array([leaf.pick(sample) for sample in samples], leaf.dtype) for leaf in found]
    )


def episode(spaces: tuple[gym.Space[Any], gym.Space[Any]], index: int, rewards: list[float]) -> Episode:
    """An episode of these rewards; every second one is terminated, the others are truncated."""
    steps = len(rewards)
    last = np.arange(steps) == steps - 1
    even = index % 2 == 0
    return Episode(
        observations=values(spaces[0], steps + 1),
        actions=values(spaces[1], steps),
        rewards=np.array(rewards),
        terminations=last & even,
        truncations=last & (not even),
        seed=1000 + index,
        index=index,
        policy="mine",
    )


def inputs_of(*overrides: str, expert: dict[str, Any] | None = None, limit: int = 500) -> dict[str, Any]:
    """The inputs of a build with these overrides, without finding or checking anything."""
    config = build_config(["dataset.next_observation=true", *overrides])
    known = {"name": config.expert.name, "source": config.expert.source, "algo": config.expert.algo}
    sha256 = config.expert.sha256
    return build_inputs(
        config,
        environment={
            "id": config.env.id or config.expert.env_id,
            "kwargs": {**config.expert.env_kwargs, **config.env.kwargs},
            "max_episode_steps": limit,
        },
        expert=expert or {**known, "version": sha256 or "random", **({"sha256": sha256} if sha256 else {})},
        packages=PACKAGES,
        own={},
    )


def write(
    folder: Path,
    rewards: list[list[float]],
    *,
    inputs: dict[str, Any] | None = None,
    spaces: tuple[gym.Space[Any], gym.Space[Any]] = (CARTPOLE, gym.spaces.Discrete(2)),
    accepted: tuple[float, float] = (-np.inf, np.inf),
    every: int = 0,
) -> Path:
    """A dataset folder of attempts with these rewards."""
    for seed, space in enumerate(spaces):
        space.seed(seed)
    files = [folder.parent / f"{folder.name}.recorded" / f"{index}" for index in range(len(rewards))]
    for index, path in enumerate(files):
        episode(spaces, index, rewards[index]).save(path)
    dataset = (inputs or {}).get("config", {}).get("dataset", {})
    wanted = dataset.get("next_observation", next_observation_default(spaces[0]))
    plan = Collation(
        inputs=inputs or {},
        policy="mine",
        observation_space=spaces[0],
        action_space=spaces[1],
        optional=("next_observation",) if wanted else (),
        acceptance=Acceptance(*accepted),
        every=every,
    )
    (files[0].parent / "build.json").write_text(json.dumps(plan.to_json()))
    write_dataset(folder, files)
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Makes dataset folders below the test's own."""

    def make(rewards: list[list[float]], *, name: str = "dataset", **options: Any) -> Path:
        return write(tmp_path / name, rewards, **options)

    return make


REWARDS = [[1.0] * 3, [1.0, 0.5], [-2.25], [1.0] * 7, [0.1] * 3]


def table(card: str, heading: str, number: int = 0) -> list[list[str]]:
    """The cells of a table below a heading."""
    section = card.split(f"\n## {heading}\n")[1].partition("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section + "\n", re.MULTILINE)
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in tables[number].splitlines()
    ]


def figures(card: str) -> dict[str, list[str]]:
    """The table of figures, by label; the columns under ""."""
    return {line[0]: line[1:] for line in table(card, "Figures")}
