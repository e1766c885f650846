"""What Hydra composed, as the frozen dataclass of a verb: each value of its type, each place a path."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from builder.composition.environment_variables import keep_references
from builder.composition.errors import first_line, unknown_key
from builder.composition.overrides import OPEN
from builder.config import BuildConfig, EnvConfig, ExpertConfig, ReferenceConfig, folder_name
from builder.errors import ConfigError
from builder.experts.sources.agent_names import with_repository
from builder.storage.paths import AnyPath, place
from builder.storage.remote_path import RemotePath

if TYPE_CHECKING:
    from omegaconf import DictConfig


Typed = TypeVar("Typed")

KEYWORDS = {"from": "from_"}
"""Keys that no attribute can have, and the attributes that hold what stands there."""

RECORDED: tuple[type[Any], ...] = (BuildConfig, ReferenceConfig)
"""Configurations of which something is written down for others to read."""

DATA_ROOT = "IL_BUILDER_DATA"
"""Environment variable: where datasets go unless `out` says otherwise."""


def typed(schema: type[Typed], config: DictConfig) -> Typed:
    """The typed configuration.

    Raises:
        ConfigError: a key that it does not have, a value of another type, or one that is missing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

    node = _node(schema)  # type: ignore[arg-type]  # a class is hashable
    try:
        merged = OmegaConf.merge(node, _without_keywords(config))
        written: Any = OmegaConf.to_object(merged)
        if schema in RECORDED:
            keep_references(written, merged)
        _check_mappings(written)
    except ConfigKeyError as error:
        raise unknown_key(str(error.full_key or error.key), node) from None
    except MissingMandatoryValue as error:
        key = str(error.full_key or error).split(":")[-1].strip()
        raise ConfigError(f"{key} must be given", remedy=f"add {key}=... to the command") from None
    except OverflowError:
        raise ConfigError("a number is larger than any that is computed with") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'the configuration'}: {first_line(error)}") from None
    values = {field.name: getattr(written, field.name) for field in dataclasses.fields(written)}
    if "expert" in values and isinstance(values.get("env"), EnvConfig):
        values["expert"] = with_repository(values["expert"], values["env"])
    return schema(**values | {name: _place(schema, name, values) for name in _places(schema)})


def _without_keywords(config: DictConfig) -> Any:
    """The configuration with attributes' names in place of Python's keywords."""
    from omegaconf import OmegaConf

    if not KEYWORDS.keys() & {*config}:
        return config
    plain: Any = OmegaConf.to_container(config, resolve=False)
    return OmegaConf.create({KEYWORDS.get(key, key): value for key, value in plain.items()})


def _check_mappings(written: Any) -> None:
    """Refuse what stands for a whole mapping and is none: nothing else looks behind an interpolation.

    Raises:
        ConfigError: there is such a value; it may be a secret, and is not shown.
    """
    for key in OPEN:
        holder, name = key.split(".")
        value = getattr(getattr(written, holder, None), name, {})
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} is no mapping", remedy=f"set its keys one by one: {key}.KEY=...")


def _writable(node: Any) -> None:
    """Frozen dataclasses become read-only nodes, which could not take the composed values."""
    from omegaconf import DictConfig, OmegaConf

    OmegaConf.set_readonly(node, value=False)
    if not node.keys():  # it stands for nothing yet
        return
    for _, child in node.items_ex(resolve=False):
        if isinstance(child, DictConfig):
            _writable(child)


def _places(schema: type[Any]) -> list[str]:
    """The keys whose value is a folder or a URL."""
    return [name for name, hint in get_type_hints(schema).items() if RemotePath in get_args(hint)]


@lru_cache(maxsize=64)
def _node(schema: type[Any]) -> DictConfig:
    """The keys and types of a verb, for values to be merged into a copy of."""
    from omegaconf import OmegaConf

    node: DictConfig = OmegaConf.structured(_as_written(schema))
    _writable(node)
    return node


def _as_written(schema: type[Any]) -> type[Any]:
    """The configuration as its user writes it, and Hydra knows it: each place is a text."""
    hints = get_type_hints(schema) | dict.fromkeys(_places(schema), str | None)
    fields = [(field.name, hints[field.name], _default_of(field)) for field in dataclasses.fields(schema)]
    return dataclasses.make_dataclass(schema.__name__, fields, kw_only=True)


def _default_of(known: dataclasses.Field[Any]) -> Any:
    return dataclasses.field(default=known.default, default_factory=known.default_factory)


def _place(schema: type[Any], key: str, values: Mapping[str, Any]) -> AnyPath | None:
    """What the text of a place means; of a build's `out`, where there is none, the place of its own."""
    text = values[key]
    if schema is BuildConfig and not text:
        return default_out(values["expert"], values["env"])
    if text is None and NoneType not in get_args(get_type_hints(schema)[key]):
        raise ConfigError(f"{key} must be given", remedy=f"add {key}=... to the command")
    return None if text is None else place(text)


def default_out(expert: ExpertConfig, env: EnvConfig) -> AnyPath:
    """A folder of its own below the data root."""
    root = os.environ.get(DATA_ROOT) or "data"
    return place(f"{root.rstrip('/')}/{folder_name(expert, env)}")
