"""Foreign policies: an object, a factory, or the name of one."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.errors import BuilderError, ConfigError, ExpertError
from builder.experts.actor import Actor, PredictActor


@dataclass(frozen=True)
class PythonPlayer:
    """A foreign policy.

    Attributes:
        policy: an object with `predict`, a factory of one, or `package.module:factory`.
        batched: it takes a batch of observations.
        deterministic: passed on to `predict`.
        folder: where to look for the module, beside the installed packages.
    """

    policy: Any
    batched: bool = False
    deterministic: bool = True
    folder: str = ""

    def actor(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Actor:
        return PredictActor(
            self._made(),
            observation_space,
            action_space,
            batched=self.batched,
            deterministic=self.deterministic,
        )

    def _made(self) -> Any:
        policy = self._imported() if isinstance(self.policy, str) else self.policy
        if not callable(policy) or (hasattr(policy, "predict") and not isinstance(policy, type)):
            return policy
        try:
            return policy()
        except BuilderError:
            raise
        except Exception as error:
            name = self.policy if isinstance(self.policy, str) else getattr(policy, "__name__", policy)
            raise ExpertError(
                f"the factory {name} of the expert raised {type(error).__name__}: {error}",
                expected="a factory that is called without arguments",
            ) from error

    def _imported(self) -> Any:
        module, _, name = self.policy.partition(":")
        if self.folder and self.folder not in sys.path:
            sys.path.insert(0, self.folder)
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"the expert {self.policy!r} cannot be imported: {error}",
                expected="package.module:factory",
                remedy="the module must be installed, or lie in the folder where the command is run",
            ) from error
        except Exception as error:
            raise ExpertError(
                f"importing the expert {self.policy!r} raised {type(error).__name__}: {error}"
            ) from error
