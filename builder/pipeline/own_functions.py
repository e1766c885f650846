"""The functions that a user gives in place of the built-in ones, and whether they can be called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from inspect import signature
from typing import Any

from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.experts.sources.expert import NOT_PINNED
from builder.manifest.identity import sha256_of
from builder.pipeline.collate import CollateFunction, collate
from builder.rollout.enjoy import EnjoyFunction, enjoy

OwnFunctions = dict[str, Callable[..., bool]]
"""By the names of the built-in ones whose place they take."""
CALLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "enjoy": ((), ("path", "context", "expert")),
    "collate": (("path", "episodes"), ()),
}
"""What they are given: by position, and by keyword."""


def own_functions(given_enjoy: EnjoyFunction, given_collate: CollateFunction) -> OwnFunctions:
    """The functions that are not the built-in ones.

    Raises:
        ConfigError: one cannot be called as it will be.
    """
    own: OwnFunctions = {}
    if given_enjoy is not enjoy:
        own["enjoy"] = given_enjoy
    if given_collate is not collate:
        own["collate"] = given_collate
    for name, function in own.items():
        _check_call(name, function)
    return own


def check_unique(config: BuildConfig, own: OwnFunctions) -> None:
    """Refuse to choose among episodes of which nothing is known before they are collated.

    Raises:
        ConfigError: only different ones are wanted of an `enjoy` of the user's own.
    """
    if config.dataset.unique and "enjoy" in own:
        raise ConfigError(
            "dataset.unique=true is not for an `enjoy` of your own",
            remedy="return False for an episode that is a copy",
        )


def _check_call(name: str, function: Callable[..., bool]) -> None:
    positional, keywords = CALLS[name]
    if not callable(function):
        raise ConfigError(
            f"{name} is no function",
            expected=f"{name}({', '.join(positional or keywords)})",
            got=type(function).__name__,
            remedy="start() takes the configuration",
        )
    with suppress(ValueError):  # a function that does not tell
        taken = signature(function)
        try:
            taken.bind(*positional, **dict.fromkeys(keywords))
        except TypeError as error:
            how = "keyword" if keywords else "position"
            raise ConfigError(
                f"{name} cannot be called: {error}",
                expected=f"{name}({', '.join(positional or keywords)}), called by {how}",
                got=f"{name}{taken}",
            ) from None


def code_digests(own: Mapping[str, Callable[..., Any]]) -> dict[str, str]:
    """A name for each function that changes with its source code."""
    return {name: _code_digest(function) for name, function in own.items()}


def _code_digest(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        return f"{name} sha256:{sha256_of(inspect.getsource(function))}"
    except (OSError, TypeError):
        return f"{name} {NOT_PINNED}"
