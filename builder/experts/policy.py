"""`Policy` and `Experts`: the public words for an expert."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import yaml

from builder.episodes.acceptance import Acceptance
from builder.errors import ConfigError, suggest

if TYPE_CHECKING:
    import gymnasium as gym
    import numpy as np

BUNDLED = Path(__file__).parent / "bundled"


class LeftOut(Enum):
    """What stands for a state that was left out."""

    LEFT_OUT = "the attempt's own"

    def __repr__(self) -> str:
        return "None"


LEFT_OUT: Final = LeftOut.LEFT_OUT


def conf_folder(package: Path = Path(__file__).parents[1]) -> Path:
    """The folder of the YAML files: inside the installed package, or beside it in a checkout."""
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


@dataclass(frozen=True)
class Policy:
    """An expert: what it plays, where it comes from, what counts as a good episode.

    Attributes:
        name: the environment's id.
        repo_id: its repository on the Hub.
        filename: its archive there.
        threshold: the least return of an accepted episode.
        algo: the algorithm, as a class or by name.
        policy: instead of an archive: an object with `predict`, a factory that makes one in each worker, the
            name of one (`package.module:factory`), or "random", which samples the action space.
        env_kwargs: what the environment is made with.
        batched: `policy` takes a batch of observations; it then answers for equal bytes itself.
        stateless: `policy` keeps nothing between its answers: one object may serve all attempts. Left unsaid,
            it is found out; an object may also say `batched = True` or `stateless = True` itself.
        path: a local archive.
        version: the identity of `policy` in the manifest; else it is "not pinned".
        revision: of the repository: a branch, tag or commit.
        max_return: the greatest return of an accepted episode.
        vec_normalize: where an archive's normalisation statistics lie, or "none"; None: they are looked for.
        frame_stack: how many observations an archive's agent was trained on at once; None: what lies beside
            it says so.
        action_masks: "none" plays an expert that is asked with masks of the allowed actions without them.
    """

    name: str
    repo_id: str = ""
    filename: str = ""
    threshold: float = -math.inf
    algo: type | str | None = None
    policy: Any = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    batched: bool = False
    path: str | None = None
    version: str | None = None
    revision: str | None = None
    max_return: float = math.inf
    vec_normalize: str | None = None
    frame_stack: int | None = None
    stateless: bool = False
    action_masks: str | None = None

    @property
    def acceptance(self) -> Acceptance:
        """Which returns are accepted."""
        return Acceptance(self.threshold, self.max_return)

    @property
    def algorithm(self) -> str | None:
        """The algorithm's name."""
        return self.algo.__name__ if isinstance(self.algo, type) else self.algo

    def predict(
        self,
        obs: Any,
        state: Any = LEFT_OUT,
        deterministic: bool = True,
        episode_start: Any = None,
        action_masks: Any = None,
    ) -> tuple[Any, Any]:
        """The actions that a build plays, bit for bit.

        Args:
            obs: an observation of the environment as a build records it, or a batch of them with one more
                axis in front (of a Dict or Tuple space, of each part).
            state: what an earlier call returned: a value, from which can be asked again, unless the expert
                keeps its state in an object that cannot be copied, which goes on only from its last answer;
                None: an episode begins. Left out, the attempt that a user's
                own `enjoy` plays goes on from its last call, and elsewhere an episode begins.
            deterministic: the policy's best action, rather than a sample of its distribution. What is sampled
                comes from the attempt's `context.rng` inside `enjoy`; see `seeded` for elsewhere.
            episode_start: bool per observation of a batch: these episodes begin, whatever the state.
            action_masks: of an expert that is asked with masks, as MaskablePPO is: which actions are allowed,
                as `env.get_wrapper_attr("action_masks")()` of an environment from `get_environment` says;
                of a batch with one more axis in front. Needless where the observation holds them.

        Returns:
            The action in the shape and dtype of the action space, of a batch with one more axis in front; and
            the state to hand on, None for an expert that remembers nothing.

        Raises:
            BuilderError: the expert or its environment cannot be had, the observation is not its own, or the
                state is one from which it cannot go on.
        """
        answer: tuple[Any, Any] = self.oracle().predict(
            obs, state, deterministic, episode_start, action_masks
        )
        return answer

    def seeded(self, rng: np.random.Generator | int) -> Policy:
        """The same expert, drawing what `predict` samples from a generator.

        Args:
            rng: the generator; or a build's seed, to sample as in its first attempt.
        """
        return self.answered_by(self.oracle().seeded(rng))

    def load(self) -> Policy:
        """Load the expert now instead of at the first `predict`; return it."""
        self.oracle()
        return self

    def get_environment(self, **kwargs: Any) -> gym.Env[Any, Any]:
        """A new environment of those that the expert plays, with its time limit and, of Atari, preprocessing.

        Inside a user's own `enjoy`, its `reset()` begins the attempt's episode.

        Args:
            kwargs: for its constructor, such as `render_mode`.
        """
        environment: gym.Env[Any, Any] = self.oracle().environment(**kwargs)
        return environment

    def oracle(self) -> Any:
        """Who of this package answers, loaded once."""
        if "_oracle" not in self.__dict__:
            # By name: whoever reads archives and makes environments stands above this module.
            oracle = import_module("builder.experts.oracle").oracle_of(self)
            object.__setattr__(self, "_oracle", oracle)
        return self.__dict__["_oracle"]

    def answered_by(self, oracle: Any) -> Policy:
        """The same policy, whose `predict` asks an oracle of this package that is loaded already."""
        policy = replace(self)
        object.__setattr__(policy, "_oracle", oracle)
        return policy

    def __getstate__(self) -> dict[str, Any]:
        """Nothing that was loaded: a policy is as small as what it says."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


class Experts:
    """The experts by name: those of `conf/expert/`, and those that a program registers."""

    _registered: ClassVar[dict[str, Policy]] = {}

    @classmethod
    def register(cls, identifier: str, policy: Policy) -> None:
        """Make an expert known to this program under a name.

        Raises:
            ConfigError: the name is taken by an expert of `conf/expert/`.
        """
        if (conf_folder() / "expert" / f"{identifier}.yaml").is_file():
            raise ConfigError(f"the expert {identifier!r} exists already", remedy="choose another name")
        cls._registered[identifier] = policy

    @classmethod
    def get(cls, identifier: str) -> Policy:
        """The expert of this name.

        Raises:
            ConfigError: there is none.
        """
        if identifier in cls._registered:
            return cls._registered[identifier]
        if identifier not in configured():
            raise ConfigError(f"there is no expert {identifier!r}", remedy=suggest(identifier, cls.names()))
        return _configured_policy(identifier)

    get_expert = get

    @classmethod
    def registered(cls, identifier: str) -> Policy | None:
        """The expert that this program registered under a name, if it did."""
        return cls._registered.get(identifier)

    @classmethod
    def names(cls) -> list[str]:
        """All names, sorted."""
        return sorted({*configured(), *cls._registered})


@cache
def configured() -> dict[str, dict[str, Any]]:
    """The experts of `conf/expert/` by name, without the generic ones, whose environment or file is open."""
    found = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a hundred files: ten times faster, where it is
    for path in sorted((conf_folder() / "expert").glob("*.yaml")):
        content = yaml.load(path.read_text(), loader)  # noqa: S506  (both are safe loaders)
        if content.get("env_id"):
            found[path.stem] = content
    return found


@cache
def _configured_policy(identifier: str) -> Policy:
    """One object for each name: what it has loaded to predict is loaded once."""
    content = configured()[identifier]
    path = content.get("path")
    if path and (BUNDLED / path).is_file():
        path = str(BUNDLED / path)
    return Policy(
        name=content["env_id"],
        threshold=float(content.get("threshold", -math.inf)),
        algo=content.get("algo"),
        env_kwargs=content.get("env_kwargs") or {},
        path=path,
        repo_id=content.get("repo_id") or "",
        filename=content.get("filename") or "",
        revision=content.get("revision"),
    )
