"""The explicit, loudly logged way to Stable-Baselines3's own loader, which runs what an archive carries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.environments.importing import import_module
from builder.errors import ConfigError, ExpertError, suggest
from builder.experts.actor import Actor, Predictor
from builder.experts.archive.agent import MASKABLE
from builder.experts.archive.training import read_training
from builder.experts.foreign import ForeignPlayer
from builder.experts.observations.wrapped_policy import PolicyView, WrappedActor
from builder.experts.predict_actor import PredictActor

log = logging.getLogger(__name__)

ALGORITHMS = {
    **dict.fromkeys(("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3"), "stable_baselines3"),
    **dict.fromkeys(("ARS", "CrossQ", "MaskablePPO", "QRDQN", "RecurrentPPO", "TQC", "TRPO"), "sb3_contrib"),
}


def say_trusted(archive: Path) -> None:
    """Tell the user, once for each expert, what the loader may do."""
    log.warning(
        "expert.trust_remote_code=true: Stable-Baselines3 loads %s and runs whatever code it carries",
        archive.name,
    )


@dataclass(frozen=True)
class TrustedPlayer(ForeignPlayer):
    """Plays an archive through Stable-Baselines3 itself, one observation at a time, in float32.

    Attributes:
        archive: the archive, which every worker loads.
        algo: the algorithm's class name.
        view: what the policy sees of the environment.
        folder: where to look for modules that the archive names, beside the installed packages.
    """

    archive: Path
    algo: str
    view: PolicyView | None = None
    folder: str = ""

    @property
    def masked(self) -> bool:
        """Whether it was trained to choose among the actions that a mask allows."""
        return self.algo == MASKABLE

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        """Load the archive; whatever code it carries is run.

        Raises:
            ExpertError: Stable-Baselines3 cannot load it.
        """
        seen = self.view.space(observation_space, action_space) if self.view else observation_space
        inner = PredictActor(self, seen, action_space)
        return WrappedActor(inner, self.view, observation_space, action_space) if self.view else inner

    def made(self) -> Predictor:
        return _Renamed(self._load())

    def _load(self) -> Any:
        if self.algo not in ALGORITHMS:
            raise ConfigError(f"there is no algorithm {self.algo!r}", remedy=suggest(self.algo, ALGORITHMS))
        try:
            algorithm = getattr(import_module(ALGORITHMS[self.algo], self.folder), self.algo)
            model = algorithm.load(self.archive, device="cpu")
        except ImportError as error:
            raise self._lacks(error) from error
        except (Exception, SystemExit) as error:
            raise ExpertError(
                f"Stable-Baselines3 cannot load {self.archive.name} as {self.algo}: {error}",
                remedy="name its algorithm with expert.algo=",
            ) from error
        if read_training(self.archive).arguments and not model.policy_kwargs:
            raise self._lacks("policy_kwargs")  # which Stable-Baselines3 only warns of
        return model

    def _lacks(self, what: object) -> ExpertError:
        return ExpertError(
            f"{self.archive.name} needs classes that cannot be imported: {what}",
            remedy="their module must be installed, or lie in the folder where the command is run",
        )


class _Renamed:
    """Stable-Baselines3 calls `obs` `observation`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(
        self, obs: Any, state: Any = None, deterministic: bool = True, **masks: Any
    ) -> tuple[Any, Any]:
        """The model's own; that of MaskablePPO takes `action_masks` as well."""
        action, state = self._model.predict(obs, state=state, deterministic=deterministic, **masks)
        return action, state
