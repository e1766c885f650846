"""The environment that a manifest names, and what of it only trust may make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.environments.arguments import risky, signature
from builder.environments.environment import registration
from builder.environments.wrappers import wrapper_specs
from builder.errors import ConfigError, DatasetError
from builder.values import UNKNOWN, Reference, restored

DAMAGED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What is raised where a manifest does not hold what one of ours holds."""
KWARGS = "env.kwargs"
RENDER_MODE = "render_mode"
"""Whoever looks on decides nothing of a dataset; a manifest does not choose whether a window opens here."""


def arguments_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What the environment of a manifest was made with, as it was, but for the render mode.

    Raises:
        ConfigError: it is not what a manifest of ours holds.
    """
    kwargs = environment["kwargs"]
    return {name: restored(value) for name, value in kwargs.items() if name != RENDER_MODE}


def filled(held: Any, given: Mapping[str, Any], key: str = KWARGS) -> dict[str, Any]:
    """The manifest's arguments, with what the user gives in place of references.

    Args:
        held: what the manifest holds.
        given: what the user gives.
        key: of the arguments, for the error.

    Raises:
        ConfigError: a reference is not given, or something is given that is none.
    """
    filled_in = dict(held) if isinstance(held, dict) else {}
    for name, value in given.items():
        own = filled_in.get(name)
        if isinstance(value, Mapping):
            filled_in[name] = filled(own, value, f"{key}.{name}")
        elif isinstance(own, Reference):
            filled_in[name] = Reference(own.text, value.value if isinstance(value, Reference) else value)
        else:
            raise ConfigError(f"{key}.{name} stands in the manifest already", remedy="leave it out")
    for place, reference in _unknown(filled_in, key):
        raise ConfigError(
            f"the manifest keeps {place} only as {reference.text:.80}, which its author's machine knew",
            remedy=f"give {place}=",
        )
    return filled_in


def _unknown(value: Any, key: str) -> Iterator[tuple[str, Reference]]:
    """The references of which nobody has said what they stand for, and where they are."""
    if isinstance(value, Reference) and value.value is UNKNOWN:
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unknown(item, f"{key}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, f"{key}.{index}")


def code_of_environment(env_id: str, kwargs: Mapping[str, Any], wrappers: Sequence[Any]) -> list[str]:
    """What making an environment would import, open or run that is neither ours nor registered; for an error.

    Args:
        env_id: what it is called.
        kwargs: what it would be made with.
        wrappers: what would be put around it.

    Raises:
        ConfigError: there is no such environment, or no wrapper in that place.
        MissingExtraError: a package that it needs is not installed.
    """
    named = [f"the module of the environment {env_id}"] if ":" in env_id else []
    specs = wrapper_specs(wrappers)
    named.extend(f"the wrapper {spec.path}" for spec in specs if not spec.harmless)
    known = signature(registration(env_id)) if kwargs and not named else None
    named.extend(f"the argument {text} of {env_id}" for text in risky(kwargs, known))
    for spec in specs:
        named.extend(f"the argument {text} of {spec.path}" for text in risky(spec.kwargs))
    return named


def check_trust(named: Sequence[str], *, trusted: bool) -> None:
    """Refuse to import, open or run what only a manifest names.

    Args:
        named: all that would be.
        trusted: the user has said so.

    Raises:
        DatasetError: it would be.
    """
    if named and not trusted:
        raise DatasetError(
            f"the manifest would have {' and '.join(named[:8])} imported, opened or run",
            remedy="if you trust whoever wrote it, add expert.trust_remote_code=true"
            " (in Python: trust_remote_code=True)",
        )
