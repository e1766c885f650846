"""Trains the bundled experts: `python -m builder.experts.bundled.train [name ...]`.

Each expert is trained with Stable-Baselines3 from a fixed seed on one thread, the best of its regular
checkpoints is kept, and its archive is written together with the YAML that describes it. Starting
points of the settings: the tuned ones of RL Baselines3 Zoo (https://github.com/DLR-RM/rl-baselines3-zoo,
`hyperparams/`), here without normalisation, so that an archive stands alone, and with smaller networks.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import logging
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

import gymnasium as gym
import numpy as np
import yaml

from builder.episodes.acceptance import Acceptance
from builder.episodes.seeding import attempt_seed
from builder.errors import ExpertError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

BUNDLED = Path(__file__).parent
CONF = Path(__file__).parents[3] / "conf" / "expert"

EPISODES = 100
"""Episodes of every evaluation."""
MEASURE_ROOT = 0
"""Root seed of the episodes that the YAML's figures are measured on."""
SELECT_ROOT = 1
"""Root seed of the episodes that choose among checkpoints: others, so that the figures are not flattered."""
MIN_ACCEPTED = 0.9
"""The least share of measured episodes that must reach the threshold."""

_TRANSIENT = (
    "start_time",
    "ep_info_buffer",
    "ep_success_buffer",
    "_last_obs",
    "_last_original_obs",
    "_last_episode_starts",
)
"""What SB3 saves of the moment training stopped: clock times, last observations."""

_log = logging.getLogger(__name__)


class EnergyShaping(gym.Wrapper[Any, Any, Any, Any]):
    """MountainCar whose reward also tells whether the car gained energy; random play never sees the goal.

    The potential is the car's mechanical energy, so the best policy stays the same: Ng, Harada and Russell,
    "Policy invariance under reward transformations" (ICML 1999).
    """

    gamma = 0.99
    scale = 10_000.0

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**arguments)
        self._potential = self._energy()
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        before, self._potential = self._potential, 0.0 if terminated else self._energy()
        shaped = float(reward) + self.gamma * self._potential - before
        return observation, shaped, terminated, truncated, info

    def _energy(self) -> float:
        """Per unit of mass: gravity 0.0025 on a hill of height sin(3x) / 3, as the environment has it."""
        position, velocity = self.unwrapped.state  # type: ignore[attr-defined]  # MountainCarEnv's own
        return float(self.scale * (0.0025 * (np.sin(3 * position) - 1) / 3 + velocity**2 / 2))


@dataclass(frozen=True)
class Recipe:
    """How one expert is trained.

    Attributes:
        name: of the expert, its archive and its YAML.
        algo: the class in `stable_baselines3`.
        env_id: the gymnasium id it is trained and measured on.
        threshold: the return from which an episode is accepted.
        steps: environment steps of training.
        checkpoint_every: environment steps between two checkpoints.
        settings: constructor arguments of the algorithm.
        annealed: constructor arguments that fall linearly to zero, by their initial value.
        wrapper: put around the environment in training only.
        input_gain: factors on the initial first layer of a DQN network, one per observation component, so
            that components of unlike magnitude count alike from the start.
        n_envs: environments trained on side by side.
        seed: of the algorithm and its environments.
    """

    name: str
    algo: str
    env_id: str
    threshold: float
    steps: int
    checkpoint_every: int
    settings: Mapping[str, Any]
    annealed: Mapping[str, float] = field(default_factory=dict)
    wrapper: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]] | None = None
    input_gain: tuple[float, ...] = ()
    n_envs: int = 1
    seed: int = 0


RECIPES = (
    Recipe(
        name="cartpole",
        algo="PPO",
        env_id="CartPole-v1",
        threshold=500.0,
        steps=150_000,
        checkpoint_every=25_000,
        settings={
            "n_steps": 32,
            "batch_size": 256,
            "n_epochs": 20,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
        annealed={"learning_rate": 1e-3, "clip_range": 0.2},
        n_envs=8,
    ),
    Recipe(
        name="acrobot",
        algo="DQN",
        env_id="Acrobot-v1",
        threshold=-100.0,
        steps=100_000,
        checkpoint_every=5_000,
        settings={
            "learning_rate": 6.3e-4,
            "batch_size": 128,
            "buffer_size": 50_000,
            "learning_starts": 1_000,
            "gamma": 0.99,
            "target_update_interval": 250,
            "train_freq": 4,
            "gradient_steps": 2,
            "exploration_fraction": 0.12,
            "exploration_final_eps": 0.1,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
    ),
    Recipe(
        name="mountaincar",
        algo="DQN",
        env_id="MountainCar-v0",
        threshold=-120.0,
        steps=50_000,
        checkpoint_every=1_000,
        settings={
            "batch_size": 128,
            "buffer_size": 50_000,
            "learning_starts": 1_000,
            "gamma": EnergyShaping.gamma,
            "target_update_interval": 600,
            "train_freq": 16,
            "gradient_steps": 8,
            "exploration_fraction": 0.5,
            "exploration_final_eps": 0.1,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
        annealed={"learning_rate": 1e-3},
        wrapper=EnergyShaping,
        input_gain=(2.0, 40.0),
    ),
    Recipe(
        name="pendulum",
        algo="SAC",
        env_id="Pendulum-v1",
        threshold=-300.0,
        steps=8_000,
        checkpoint_every=1_000,
        settings={
            "learning_starts": 1_000,
            "gamma": 0.98,
            "ent_coef": 0.02,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
        annealed={"learning_rate": 3e-3},
    ),
)


def train(recipe: Recipe) -> BaseAlgorithm:
    """Train one expert and return it with the weights of its best checkpoint."""
    import stable_baselines3
    import torch
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.utils import LinearSchedule

    # One thread: sums are then added in one order, and the same machine gives the same weights again.
    torch.set_num_threads(1)
    algo = getattr(stable_baselines3, recipe.algo)
    annealed = {name: LinearSchedule(value, 0.0, 1.0) for name, value in recipe.annealed.items()}
    model: BaseAlgorithm = algo(
        "MlpPolicy",
        make_vec_env(recipe.env_id, n_envs=recipe.n_envs, seed=recipe.seed, wrapper_class=recipe.wrapper),
        seed=recipe.seed,
        device="cpu",
        **recipe.settings,
        **annealed,
    )
    if recipe.input_gain:
        _scale_first_layer(model, recipe.input_gain)
    best = _Best()
    model.learn(recipe.steps, callback=_checkpointer(recipe, best))
    model.policy.load_state_dict(best.weights)
    _log.info("%s: kept the checkpoint at %d steps", recipe.name, best.step)
    return model


def _scale_first_layer(model: Any, gain: Sequence[float]) -> None:
    import torch

    with torch.no_grad():
        for network in (model.q_net, model.q_net_target):
            network.q_net[0].weight.mul_(torch.tensor(gain))


@dataclass
class _Best:
    """The best checkpoint so far, by mean return."""

    mean: float = -np.inf
    step: int = 0
    weights: Mapping[str, Any] = field(default_factory=dict)


def _checkpointer(recipe: Recipe, best: _Best) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    """A training callback that evaluates every checkpoint and keeps the best; of equals, the later."""

    def checkpoint(local_names: dict[str, Any], _global_names: dict[str, Any]) -> bool:
        model = local_names["self"]
        if model.num_timesteps % recipe.checkpoint_every < recipe.n_envs:
            mean = float(returns(model, recipe.env_id, SELECT_ROOT).mean())
            _log.debug("%s: %d steps, mean return %.2f", recipe.name, model.num_timesteps, mean)
            if mean >= best.mean:
                best.mean, best.step = mean, model.num_timesteps
                best.weights = copy.deepcopy(model.policy.state_dict())
        return True

    return checkpoint


def returns(model: BaseAlgorithm, env_id: str, root: int, episodes: int = EPISODES) -> np.ndarray[Any, Any]:
    """Play the first attempts of a root seed side by side, without exploration.

    Returns:
        The return of each episode, float64 [episodes].
    """
    envs = [gym.make(env_id) for _ in range(episodes)]
    observations = [env.reset(seed=attempt_seed(root, index))[0] for index, env in enumerate(envs)]
    totals = np.zeros(episodes)
    running = list(range(episodes))
    while running:
        actions, _ = model.predict(np.stack([observations[index] for index in running]), deterministic=True)
        going_on = []
        for index, action in zip(running, actions, strict=True):
            observations[index], reward, terminated, truncated, _ = envs[index].step(action)
            totals[index] += float(reward)
            if not (terminated or truncated):
                going_on.append(index)
        running = going_on
    return totals


def pack(model: BaseAlgorithm) -> bytes:
    """An ordinary SB3 archive, without what differs from run to run: clock, memory addresses, machine."""
    saved, packed = io.BytesIO(), io.BytesIO()
    model.save(saved, exclude=_TRANSIENT)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "data":
                content = re.sub(rb" at 0x[0-9a-f]+", b"", content)
            elif name == "system_info.txt":
                content = re.sub(rb"- OS: .*\n", b"", content)
            target.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def describe(recipe: Recipe, archive: bytes) -> dict[str, Any]:
    """Measure an archive and return the fields of its YAML.

    Raises:
        ExpertError: too few of the measured episodes reach the threshold.
    """
    import stable_baselines3

    model = getattr(stable_baselines3, recipe.algo).load(io.BytesIO(archive), device="cpu")
    measured = returns(model, recipe.env_id, MEASURE_ROOT)
    accepted = float(Acceptance(recipe.threshold).accepts(measured).mean())
    mean, std = float(measured.mean()), float(measured.std())
    _log.info(
        "%s: return %.2f +- %.2f, least %.2f, accepted %.2f",
        *(recipe.name, mean, std, measured.min(), accepted),
    )
    if accepted < MIN_ACCEPTED:
        raise ExpertError(
            f"the trained {recipe.name} expert reaches its threshold {recipe.threshold} too seldom",
            expected=f"at least {MIN_ACCEPTED:.0%} of {EPISODES} episodes",
            got=f"{accepted:.0%}",
            remedy="change its seed or its steps in builder/experts/bundled/train.py",
        )
    return {
        "name": recipe.name,
        "source": "bundled",
        "path": f"{recipe.name}.zip",
        "sha256": hashlib.sha256(archive).hexdigest(),
        "algo": recipe.algo,
        "env_id": recipe.env_id,
        "threshold": recipe.threshold,
        "mean_return": round(mean, 2),
        "std_return": round(std, 2),
    }


def make(recipe: Recipe) -> None:
    """Train one expert, then write its archive and its YAML, or neither if it is not good enough."""
    began = time.monotonic()
    archive = pack(train(recipe))
    trained = time.monotonic() - began
    fields = describe(recipe, archive)
    header = (
        f"# {recipe.algo} on {recipe.env_id}, trained by `make experts` (builder/experts/bundled/train.py)\n"
        "defaults:\n  - base\n  - _self_\n"
    )
    (BUNDLED / f"{recipe.name}.zip").write_bytes(archive)
    (CONF / f"{recipe.name}.yaml").write_text(header + yaml.safe_dump(fields, sort_keys=False))
    _log.info("%s: trained in %.0f s, %d bytes", recipe.name, trained, len(archive))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the named experts, or all of them."""
    known = {recipe.name: recipe for recipe in RECIPES}
    parser = argparse.ArgumentParser(description="Train the bundled experts.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--verbose", action="store_true", help="log every checkpoint")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(known))
    if unknown:
        parser.error(f"unknown expert {unknown[0]!r}; known: {', '.join(known)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _log.setLevel(logging.DEBUG if chosen.verbose else logging.INFO)
    for name in chosen.names or known:
        make(known[name])


if __name__ == "__main__":
    main()
