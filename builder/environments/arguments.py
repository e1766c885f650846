"""Which arguments of an environment are no more than plain data of its own signature.

Whoever wrote a manifest chooses an environment's arguments. What may open a window, a file or a connection,
or name code, is told by the argument's name and by its value; what is not known to be harmless is named.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from types import NoneType
from typing import Any

import gymnasium as gym

from builder.values import Reference

WORDS = frozenset(
    (
        *(
            "render",
            "rendering",
            "renderer",
            "human",
            "display",
            "window",
            "viewer",
            "visualize",
            "gui",
            "opengl",
        ),
        *("file", "files", "filename", "path", "paths", "dir", "directory", "folder", "save", "record"),
        *(
            "recording",
            "video",
            "log",
            "logdir",
            "logger",
            "monitor",
            "asset",
            "assets",
            "xml",
            "yaml",
            "pickle",
        ),
        *("url", "uri", "http", "host", "ip", "port", "socket", "server", "address", "connect"),
        *(
            "class",
            "cls",
            "callable",
            "callback",
            "fn",
            "func",
            "function",
            "module",
            "import",
            "entry",
            "plugin",
        ),
        *("python", "script", "code", "eval", "exec", "executable", "command", "cmd", "shell", "subprocess"),
    )
)
"""Words in the name of an argument that may be more than data."""
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
PLAIN_TEXT = re.compile(r"[\w +=%,()\[\]-]{0,200}", re.ASCII)
"""Texts that are neither a path, nor an address, nor `package.module:name`."""
MAX_VALUES = 10_000
MAX_DEPTH = 8


def risky(kwargs: Mapping[str, Any], known: Collection[str] | None = None) -> list[str]:
    """Arguments that need trust, each as `name=value`.

    Args:
        kwargs: what an environment or a wrapper is to be made with.
        known: the names that it takes; None: any.
    """
    return [
        f"{str(name)[:40]}={repr(value)[:60]}"
        for name, value in kwargs.items()
        if not _is_data(name, value) or (known is not None and name not in known)
    ]


def _is_data(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or WORDS & {word.lower() for word in WORD.findall(name)}:
        return False
    texts = list(itertools.islice(_texts(value), MAX_VALUES + 1))
    return len(texts) <= MAX_VALUES and all(text is not None and PLAIN_TEXT.fullmatch(text) for text in texts)


def _texts(value: Any, depth: int = 0) -> Iterator[str | None]:
    """Every text in a value, numbers as an empty one; None for what is no plain data."""
    if depth > MAX_DEPTH:
        yield None
    elif isinstance(value, Mapping):
        for name, item in value.items():
            named = isinstance(name, str) and WORDS & {word.lower() for word in WORD.findall(name)}
            yield None if named else name if isinstance(name, str) else ""
            yield from _texts(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item, depth + 1)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Reference):
        yield ""  # what it stands for is the user's own to say
    elif isinstance(value, (NoneType, bool, int, float)):
        yield ""
    else:
        yield None


def signature(registered: gym.envs.registration.EnvSpec) -> frozenset[str]:
    """The names that an environment's constructor takes; none where that cannot be told.

    Args:
        registered: its registration; the package that it names is imported, as making it would.
    """
    maker: Any = registered.entry_point
    try:
        if isinstance(maker, str):
            maker = gym.envs.registration.load_env_creator(maker)
        return frozenset({*registered.kwargs, *_parameters(maker)})
    except (ImportError, AttributeError, ValueError, TypeError, gym.error.Error):
        return frozenset()


def _parameters(maker: Any) -> Iterator[str]:
    """Of a function, or of a class and of what it passes other arguments on to."""
    makers = [vars(kind).get("__init__") for kind in maker.__mro__] if isinstance(maker, type) else [maker]
    for found in filter(None, makers):
        parameters = inspect.signature(found).parameters.values() if callable(found) else ()
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        yield from (entry.name for entry in parameters if entry.kind in named and entry.name != "self")
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            return
