"""Foreign policies: an object, a factory, or the name of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from builder.environments.importing import imported
from builder.errors import BuilderError, ExpertError
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

    def _made(self) -> Any:
        policy = self.named()
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
