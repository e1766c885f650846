"""Hydra: overrides, or a mapping, to a typed configuration. Its objects do not leave this module.

Hydra's compose API is used, never its job runner: nothing changes the working folder and no file of
Hydra's own is left behind.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from builder.config import BuildConfig, EnvConfig, ExpertConfig, folder_name
from builder.errors import ConfigError, suggest
from builder.experts.policy import Experts, Policy, conf_folder
from builder.storage.paths import AnyPath, place
from builder.storage.remote_path import RemotePath
from builder.values import Reference

if TYPE_CHECKING:
    from omegaconf import DictConfig

Typed = TypeVar("Typed")

OPEN = ("env.kwargs", "expert.env_kwargs")
"""Keys under which the user may add any other."""
UNRECORDED = (
    *("out", "mode", "parallel", "hub", "overwrite", "keep_chunks", "verify_sample", "manifest", "debug"),
    *("rollout.lanes", "env.instances", "expert.path"),
)
"""Keys, with all below them, of which no dataset holds anything."""
DATA_ROOT = "IL_BUILDER_DATA"
"""Environment variable: where datasets go unless `out` says otherwise."""


def compose(schema: type[Typed], verb: str, overrides: Sequence[str]) -> Typed:
    """The typed configuration of a verb.

    Args:
        schema: the dataclass of the configuration.
        verb: the name of its file in `conf/`.
        overrides: as on the command line.

    Raises:
        ConfigError: an unknown key, group option or value; it names the nearest known one.
    """
    return _typed(schema, _composed(verb, [_opened(_quoted(text)) for text in overrides]))


def compose_mapping(schema: type[Typed], verb: str, values: Mapping[str, Any]) -> Typed:
    """The same from a mapping: nested, or with dotted keys; a group is chosen by its name.

    Raises:
        ConfigError: see `compose`.
    """
    groups = _groups()
    choices = {key: value for key, value in values.items() if key in groups and isinstance(value, str)}
    config = _composed(verb, [f"{key}={value}" for key, value in choices.items()])
    _open(config)
    for key, value in values.items():
        if key in groups and not isinstance(value, (str, Mapping)):
            raise ConfigError(f"{key} is a group of keys", expected="a name or a mapping", got=repr(value))
        if key not in choices:
            _update(config, key, value)
    return _typed(schema, config)


def _open(config: DictConfig) -> None:
    """Let the user add any key where that is allowed."""
    from omegaconf import DictConfig, OmegaConf

    for key in OPEN:
        node = OmegaConf.select(config, key)
        if isinstance(node, DictConfig):
            OmegaConf.set_struct(node, value=False)


def _update(config: DictConfig, key: str, value: Any) -> None:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

    try:
        OmegaConf.update(config, key, _plain(value), merge=True)
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise _unknown_key(str(error.full_key or key), config) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {_first_line(error)}") from error


def _plain(value: Any) -> Any:
    """The value without numpy's types: numbers from a notebook are often numpy's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def expand_sweep(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The overrides of each job of a sweep: every combination of the comma-separated values.

    Raises:
        ConfigError: an override that Hydra cannot read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException, OverrideParseException

    choices = []
    for text in overrides:
        try:
            (override,) = OverridesParser.create().parse_overrides([_quoted(text)])
            if override.is_sweep_override():
                key = override.get_key_element()
                choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
            else:
                choices.append([text])
        except OverrideParseException as error:
            raise _unreadable(error.override) from error
        except HydraException as error:
            raise ConfigError(f"{text!r} cannot be swept: {_first_line(error)}") from error
    for combination in itertools.product(*choices):
        yield list(combination)


def build_config(config: BuildConfig | Mapping[str, Any] | Sequence[str]) -> BuildConfig:
    """A build's configuration from what a caller may give.

    Raises:
        ConfigError: see `compose`.
    """
    from builder.experts.sources.table import source_named  # half a second, which most verbs do not need

    if isinstance(config, BuildConfig):
        return config
    if isinstance(config, Mapping):
        composed = compose_mapping(BuildConfig, "build", _with_registered(config))
    else:
        composed = compose(BuildConfig, "build", config)
    source_named(composed.expert.source)
    return composed


def _with_registered(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with an expert that the program registered, or gave as it is, spelled out."""
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
        "max_return": registered.max_return,
    }
    return {**described, **values, "expert": "registered"}


def _quoted(override: str) -> str:
    """`out=~/x` as `out='~/x'`: Hydra's grammar has no bare `~`, and not every shell expands it here."""
    found = re.fullmatch(r"([\w.+]+)=(~[^'\\,]*)", override)
    return f"{found[1]}='{found[2]}'" if found else override


def _opened(override: str) -> str:
    opened = tuple(f"{key}{end}" for key in OPEN for end in ".=")
    return f"++{override}" if override.startswith(opened) else override


def _composed(verb: str, overrides: Sequence[str]) -> DictConfig:
    from hydra import compose as hydra_compose
    from hydra.errors import HydraException, MissingConfigException

    try:
        with _initialised():
            return hydra_compose(verb, overrides=list(overrides))
    except MissingConfigException as error:
        raise _unknown_option(error) from error
    except (HydraException, ValueError) as error:
        raise _refused(error, verb) from error


@contextmanager
def _initialised() -> Iterator[None]:
    """Hydra's state is global: a program that uses Hydra itself finds its own as it was."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase

    theirs, base = GlobalHydra.instance().hydra, VersionBase.instance().version_base
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(conf_folder()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra, VersionBase.instance().version_base = theirs, base


def _unknown_option(error: Any) -> ConfigError:
    """`expert=cartpol`: the group has no such option."""
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    known = [name for name in error.options or () if name != "base"]
    return ConfigError(f"there is no {group} {option!r}", remedy=suggest(option, known))


def _refused(error: Exception, verb: str) -> ConfigError:
    text = f"{error} {error.__cause__ or ''}"
    if found := re.search(r"Could not override '([^']+)'", text):
        return _unknown_key(found[1], _composed(verb, []))
    if found := re.search(r"Could not find match for (\S+)|No match in the defaults list", text):
        return ConfigError(_first_line(error), remedy=f"groups: {', '.join(sorted(_groups()))}")
    if found := re.search(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        key, value = found[1], found[2]
        remedy = f"add -m to build each of them, or quote it: \"{key}='{value}'\""
        return ConfigError(f"{key} has several values", got=value, remedy=remedy)
    if override := getattr(error, "override", None):
        return _unreadable(override)
    if isinstance(error, ValueError):
        return ConfigError(_first_line(error), remedy="choose groups by name, e.g. expert=cartpole")
    return ConfigError(_first_line(error))


def _unreadable(override: str) -> ConfigError:
    return ConfigError(
        f"{override!r} cannot be read",
        expected="key=value",
        remedy="quote a value that holds special characters: \"out='a=b'\"",
    )


def _unknown_key(key: str, config: DictConfig) -> ConfigError:
    known = list(_keys(config))
    if key in known:
        return ConfigError(f"{key} is a group of keys", remedy=f"set them one by one: {key}.KEY=...")
    return ConfigError(f"there is no key {key!r}", remedy=suggest(key, known))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _keys(config: Any, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig, OmegaConf

    for key in config:
        yield f"{prefix}{key}"
        child = None if OmegaConf.is_missing(config, key) else config[key]
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{prefix}{key}.")


def _groups() -> list[str]:
    return sorted(path.name for path in conf_folder().iterdir() if path.is_dir() and path.name != "hydra")


def _typed(schema: type[Typed], config: DictConfig) -> Typed:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

    node = OmegaConf.structured(_as_written(schema))
    _writable(node)
    try:
        merged = OmegaConf.merge(node, config)
        written: Any = OmegaConf.to_object(merged)
        if schema is BuildConfig:
            _keep_references(written, merged)
    except ConfigKeyError as error:
        raise _unknown_key(str(error.full_key or error.key), node) from error
    except MissingMandatoryValue as error:
        key = str(error.full_key or error).split(":")[-1].strip()
        raise ConfigError(f"{key} must be given", remedy=f"add {key}=... to the command") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'the configuration'}: {_first_line(error)}") from error
    values = {field.name: getattr(written, field.name) for field in dataclasses.fields(written)}
    return schema(**values | {name: _place(schema, name, values) for name in _places(schema)})


def _keep_references(written: Any, config: Any) -> None:
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


def _places(schema: type[Any]) -> list[str]:
    """The keys whose value is a folder or a URL."""
    return [name for name, hint in get_type_hints(schema).items() if RemotePath in get_args(hint)]


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


def _writable(node: Any) -> None:
    """Frozen dataclasses become read-only nodes, which could not take the composed values."""
    from omegaconf import DictConfig, OmegaConf

    OmegaConf.set_readonly(node, value=False)
    if not node.keys():  # it stands for nothing yet
        return
    for _, child in node.items_ex(resolve=False):
        if isinstance(child, DictConfig):
            _writable(child)
