"""What is put around an environment: Atari's preprocessing, and the user's own wrappers (`env.wrappers`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.importing import imported
from builder.errors import ConfigError, EnvironmentError_, suggest
from builder.values import concealed, recorded, resolved

HARMLESS = frozenset(
    {
        "ClipAction",
        "ClipReward",
        "DelayObservation",
        "DiscretizeAction",
        "DiscretizeObservation",
        "DtypeObservation",
        "FilterObservation",
        "FlattenObservation",
        "FrameStackObservation",
        "GrayscaleObservation",
        "MaxAndSkipObservation",
        "NormalizeObservation",
        "NormalizeReward",
        "RescaleAction",
        "RescaleObservation",
        "ReshapeObservation",
        "ResizeObservation",
        "StickyAction",
        "TimeAwareObservation",
    }
)
"""Wrappers of gymnasium that only compute, which a stranger may name; others film or open windows."""


@dataclass(frozen=True)
class WrapperSpec:
    """A wrapper and what it is made with.

    Attributes:
        path: the name of one of gymnasium's wrappers, or `package.module:Wrapper`.
        kwargs: passed to its constructor, after the environment.
    """

    path: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def harmless(self) -> bool:
        """Whether it runs no code but gymnasium's own, and that only computes."""
        return self.path in HARMLESS

    def describe(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {"path": self.path, "kwargs": recorded(self.kwargs, "env.wrappers")}


@dataclass(frozen=True)
class Layers:
    """What is put around an environment, the first innermost.

    Attributes:
        preprocessing: what is made of Atari's frames; a step is then a decision of the agent.
        wrappers: the user's own, innermost first.
    """

    preprocessing: AtariPreprocessing | None = None
    wrappers: tuple[WrapperSpec, ...] = ()


PLAIN = Layers()


def wrapper_specs(given: Iterable[Any]) -> tuple[WrapperSpec, ...]:
    """What a configuration or a manifest says, innermost wrapper first.

    Raises:
        ConfigError: an entry is neither a name nor a mapping of `path` and `kwargs`.
    """
    return tuple(map(_wrapper_spec, given))


def _wrapper_spec(entry: Any) -> WrapperSpec:
    if isinstance(entry, str):
        return WrapperSpec(entry)
    kwargs = entry.get("kwargs") or {} if isinstance(entry, Mapping) else None
    if kwargs is None or not isinstance(kwargs, Mapping) or not isinstance(entry.get("path"), str):
        raise ConfigError(
            "env.wrappers has an entry that is no wrapper",
            expected="package.module:Wrapper, or {path: package.module:Wrapper, kwargs: {...}}",
            got=repr(entry),
        )
    if unknown := sorted(set(entry) - {"path", "kwargs"}):
        raise ConfigError(
            f"a wrapper has no {unknown[0]!r}", remedy=suggest(str(unknown[0]), ("path", "kwargs"))
        )
    return WrapperSpec(entry["path"], dict(kwargs))


def wrapped(
    environment: gym.Env[Any, Any], specs: Sequence[WrapperSpec], folder: str = ""
) -> gym.Env[Any, Any]:
    """The environment inside its wrappers.

    Args:
        environment: what they are put around.
        specs: innermost first.
        folder: where modules are looked for beside the installed packages.

    Raises:
        ConfigError: there is no such wrapper.
        EnvironmentError_: it cannot be put around this environment.
    """
    for spec in specs:
        wrapper = _wrapper_class(spec.path, folder)
        try:
            environment = wrapper(environment, **resolved(spec.kwargs))
        except (Exception, SystemExit) as error:
            raise EnvironmentError_(
                f"the wrapper {spec.path} cannot be made with kwargs {dict(spec.kwargs)}:"
                f" {type(error).__name__}: {concealed(str(error), spec.kwargs)}",
                remedy="check env.wrappers",
            ) from error
        if not isinstance(environment, gym.Env):
            raise EnvironmentError_(
                f"the wrapper {spec.path} does not give an environment", got=type(environment).__name__
            )
    return environment


def _wrapper_class(path: str, folder: str) -> Any:
    if ":" in path:
        return imported(path, folder, what="the wrapper")
    import gymnasium.wrappers

    if path not in gymnasium.wrappers.__all__:
        raise ConfigError(
            f"gymnasium has no wrapper {path!r}",
            remedy=suggest(path, gymnasium.wrappers.__all__) + " One of your own is package.module:Wrapper",
        )
    return getattr(gymnasium.wrappers, path)
