"""`expert.source=python`: foreign policies, as an object, a factory, or the name of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.config import ExpertConfig, RolloutConfig
from builder.environments.importing import imported
from builder.errors import BuilderError, ExpertError
from builder.experts.actor import Actor, takes_masks
from builder.experts.foreign import ForeignPlayer
from builder.experts.predict_actor import PredictActor
from builder.experts.sources.expert import NOT_PINNED, Expert, expert_of
from builder.experts.sources.source import Quote, Rebuilt, Source, algorithm, version


@dataclass(frozen=True)
class PythonPlayer(ForeignPlayer):
    """A foreign policy of Python.

    Attributes:
        policy: an object with `predict`, a factory of one, or `package.module:factory`.
        folder: where to look for the module, beside the installed packages.
    """

    policy: Any
    folder: str = ""

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        return PredictActor(self, observation_space, action_space)

    @property
    def masked(self) -> bool:
        """See `ForeignPlayer`; only a factory that is a function has to be called for that."""
        policy = self.named()
        return takes_masks(policy) if hasattr(policy, "predict") else super().masked

    def named(self) -> Any:
        """The policy, imported where it is a name; its module may register the environment as well.

        Raises:
            ConfigError: it cannot be imported.
            ExpertError: importing it raised something else.
        """
        if not isinstance(self.policy, str):
            return self.policy
        expected = "package.module:factory"
        return imported(self.policy, self.folder, what="the expert", expected=expected, failure=ExpertError)

    def made(self) -> Any:
        """The policy: the object, or what the factory makes.

        Raises:
            BuilderError: it cannot be had.
        """
        policy = self.named()
        if not callable(policy) or (hasattr(policy, "predict") and not isinstance(policy, type)):
            return policy
        try:
            return policy()
        except BuilderError:
            raise
        except (Exception, SystemExit) as error:
            name = self.policy if isinstance(self.policy, str) else getattr(policy, "__name__", policy)
            raise ExpertError(
                f"the factory {name} of the expert raised {type(error).__name__}: {error}",
                expected="a factory that is called without arguments",
            ) from error


class PythonSource(Source):
    """Anything with `predict`, which every worker imports."""

    name = "python"
    needs = "target"
    contained = False

    def load(self, config: ExpertConfig, rollout: RolloutConfig) -> Expert:
        player = PythonPlayer(
            config.target,
            str(Path.cwd()),
            batched=config.batched,
            stateless=config.stateless,
            deterministic=rollout.deterministic,
        )
        identity = {
            "version": config.version or NOT_PINNED,
            "target": config.target,
            "batched": config.batched,
        }
        expert = expert_of(config, identity, foreign=player)
        return dataclasses.replace(expert, policy=dataclasses.replace(expert.policy, policy=config.target))

    def runs(self, config: ExpertConfig) -> list[str]:
        return [f"the expert {config.target}"]

    def rebuilt(self, identity: Mapping[str, Any]) -> Rebuilt | None:
        if not identity.get("target"):
            return None
        values = {"target": identity["target"], **version(identity)}
        batched = {"batched": True} if identity.get("batched") else {}
        return Rebuilt(self.name, {**values, **batched, **algorithm(identity)})

    def origin(self, identity: Mapping[str, Any], code: Quote) -> str:
        return "a Python policy" + (f", {code(identity['target'])}" if identity.get("target") else "")

    def why_not(self, identity: Mapping[str, Any], code: Quote) -> str:
        return (
            f"The expert was a Python object that a program registered as {code(identity['name'])}: "
            "only that program can play it again."
        )
