"""Values that came through an environment variable: none of them is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from builder.composition.overrides import OPEN
from builder.errors import ConfigError
from builder.values import Reference

UNRECORDED = (
    *("out", "mode", "parallel", "hub", "overwrite", "keep_chunks", "verify_sample", "manifest", "debug"),
    *("rollout.lanes", "env.instances", "env.vector", "expert.path"),
)
"""Keys, with all below them, of which no dataset holds anything."""


def keep_references(written: Any, config: Any) -> None:
    """Put references in place of what came through an environment variable and goes into an environment.

    Raises:
        ConfigError: something else that is recorded came through one, so that it would be published.
    """
    for path, text in _from_environment(config):
        key = ".".join(map(str, path))
        if len(path) > 2 and ".".join(map(str, path[:2])) in (*OPEN, "env.wrappers"):
            holder = getattr(getattr(written, path[0]), path[1])
            for step in path[2:-1]:
                holder = holder[step]
            holder[path[-1]] = Reference(text, holder[path[-1]])
        elif key == "expert.path" and written.expert.name == written.expert.source:
            raise ConfigError(
                "the expert would be called after a file whose name came through an environment variable",
                got=text,
                remedy="add expert.name=",
            )
        elif not any(key == free or key.startswith(f"{free}.") for free in UNRECORDED):
            raise ConfigError(
                f"{key} came through an environment variable, and what it holds would be published",
                got=text,
                remedy=f'give its value itself: the shell writes it with {key}="$NAME"',
            )


def _from_environment(config: Any) -> list[tuple[tuple[Any, ...], str]]:
    """The paths of all values that asked for an environment variable, and the texts that asked for it."""
    from omegaconf.basecontainer import BaseContainer

    resolvers, asked = BaseContainer._resolvers, []  # noqa: SLF001  (there is no public way to see what is asked)
    read = resolvers["oc.env"]

    def watched(*arguments: Any) -> Any:
        asked.append(True)
        return read(*arguments)

    found = []
    resolvers["oc.env"] = watched
    try:
        for path, node in _interpolations(config):
            asked.clear()
            node._dereference_node()  # noqa: SLF001  (as above)
            if asked:
                found.append((path, str(node._value())))  # noqa: SLF001
    finally:
        resolvers["oc.env"] = read
    return found


def _interpolations(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    from omegaconf import DictConfig, ListConfig

    if node._is_interpolation():  # noqa: SLF001  (as above)
        yield path, node
    elif isinstance(node, (DictConfig, ListConfig)) and not node._is_none() and not node._is_missing():  # noqa: SLF001
        keys: Any = range(len(node)) if isinstance(node, ListConfig) else list(node.keys())
        for key in keys:
            yield from _interpolations(node._get_node(key), (*path, key))  # noqa: SLF001
