"""From what a caller gives to a typed configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from builder.composition.defaults import composed
from builder.composition.errors import first_line, groups, unknown_key
from builder.composition.overrides import (
    CHOSEN,
    OPEN,
    OPTIONS,
    SHORT,
    chosen,
    long_form,
    opened,
    quoted,
)
from builder.composition.typed import Typed, typed
from builder.config import BuildConfig
from builder.errors import ConfigError
from builder.experts.policy import Experts, Policy

if TYPE_CHECKING:
    from omegaconf import DictConfig


def build_config(config: BuildConfig | Mapping[str, Any] | Sequence[str]) -> BuildConfig:
    """A build's configuration from what a caller may give.

    Raises:
        ConfigError: see `compose`.
    """
    from builder.experts.sources.table import source_named  # half a second, which most verbs do not need

    if isinstance(config, BuildConfig):
        return config
    if isinstance(config, Mapping):
        typed_config = compose_mapping(BuildConfig, "build", with_registered(config, "max_return"))
    else:
        typed_config = compose(BuildConfig, "build", config)
    source_named(typed_config.expert.source)
    return typed_config


def with_registered(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The values with an expert that the program registered, or gave as it is, spelled out.

    Args:
        values: of a configuration.
        keys: what else of the `Policy` the configuration has keys for.

    Raises:
        ConfigError: the name of a given one is taken.
    """
    expert = values.get("expert")
    if isinstance(expert, Policy):
        name = expert.name.replace("/", "-")
        Experts.register(name, expert)
        expert = name
    registered = Experts.registered(expert) if isinstance(expert, str) else None
    if registered is None:
        return dict(values)
    described = {
        "expert.name": expert,
        "expert.algo": registered.algorithm,
        "expert.env_id": registered.name,
        "expert.env_kwargs": dict(registered.env_kwargs),
        "expert.threshold": registered.threshold,
        **{key: getattr(registered, key) for key in keys},
    }
    return {**described, **values, "expert": "registered"}


def compose(schema: type[Typed], verb: str, overrides: Sequence[str]) -> Typed:
    """The typed configuration of a verb.

    Args:
        schema: the dataclass of the configuration.
        verb: the name of its file in `conf/`.
        overrides: as on the command line.

    Raises:
        ConfigError: an unknown key, group option or value; it names the nearest known one.
    """
    return typed(schema, composed(verb, [opened(quoted(long_form(verb, text))) for text in overrides]))


def compose_mapping(schema: type[Typed], verb: str, values: Mapping[str, Any]) -> Typed:
    """The same from a mapping: nested, or with dotted keys; a group is chosen by its name.

    Raises:
        ConfigError: see `compose`.
    """
    known = groups()
    choices = {key: value for key, value in values.items() if key in known and isinstance(value, str)}
    config = composed(verb, [f"{key}={value}" for key, value in choices.items()])
    _open(config)
    short = SHORT.get(verb, {})
    for key, value in values.items():
        if key in short and not isinstance(value, Mapping):
            _update(config, short[key], value)
            continue
        if key in known and not isinstance(value, (str, Mapping)):
            raise ConfigError(f"{key} is a group of keys", expected="a name or a mapping", got=repr(value))
        if key not in choices:
            _update(config, *chosen(key, value))
    return typed(schema, config)


def _open(config: DictConfig) -> None:
    """Let the user add any key where that is allowed."""
    from omegaconf import DictConfig, OmegaConf

    for key in (*OPEN, *OPTIONS):
        node = OmegaConf.select(config, key)
        if isinstance(node, DictConfig):
            OmegaConf.set_struct(node, value=False)


def _update(config: DictConfig, key: str, value: Any) -> None:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

    try:
        within = key.startswith(tuple(f"{name}." for name in CHOSEN))
        OmegaConf.update(config, key, _plain(value), merge=True, force_add=within)
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise unknown_key(str(error.full_key or key), config) from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {first_line(error)}") from None


def _plain(value: Any) -> Any:
    """The value without numpy's types: numbers from a notebook are often numpy's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
