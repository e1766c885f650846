"""What the files of conf/ say, with a user's overrides: Hydra's compose API, never its job runner."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.composition.errors import first_line, groups, unknown_key, unreadable
from builder.errors import ConfigError, suggest
from builder.experts.policy import conf_folder

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


def composed(verb: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a verb, not yet typed.

    Raises:
        ConfigError: an unknown key or group option, or an override that cannot be read.
    """
    from omegaconf.errors import OmegaConfBaseException

    folder, known = conf_folder(), groups()
    values = {
        text: value for text in overrides if (value := _value(text)) and value.key_or_group not in known
    }
    choices = tuple(text for text in overrides if text not in values)
    if all(text.partition("=")[0] in known for text in choices):
        with suppress(OmegaConfBaseException, TypeError, ValueError):  # Hydra says which of them, and why
            return _with_values(
                _read(folder, verb, choices), [values[text] for text in overrides if text in values]
            )
    return copy.deepcopy(_read(folder, verb, tuple(overrides)))


@lru_cache(maxsize=1024)
def _value(text: str) -> Override | None:
    """An override that sets one value; None: one that chooses a file, or that only Hydra itself can judge."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (found,) = OverridesParser.create().parse_overrides([text])
    except HydraException:
        return None
    special = found.is_add() or found.is_delete() or found.is_sweep_override()
    key = found.key_or_group
    return None if special or found.package is not None or "/" in key or key.startswith("hydra") else found


def _with_values(read: DictConfig, values: Sequence[Override]) -> DictConfig:
    """A copy with values set, as Hydra sets them once all files are read."""
    from omegaconf import OmegaConf

    config = copy.deepcopy(read)
    for value in values:
        OmegaConf.update(
            config, value.key_or_group, value.value(), merge=True, force_add=value.is_force_add()
        )
    return config


@lru_cache(maxsize=256)
def _read(folder: Path, verb: str, overrides: tuple[str, ...]) -> DictConfig:
    """What Hydra composes, once in a process, as code is read: it takes longer than a small build does."""
    from hydra import compose as hydra_compose
    from hydra.errors import HydraException, MissingConfigException

    try:
        with _initialised(folder):
            return hydra_compose(verb, overrides=list(overrides))
    except MissingConfigException as error:
        raise _unknown_option(error) from None
    except (HydraException, TypeError, ValueError) as error:
        raise _refused(error, verb) from None


@contextmanager
def _initialised(folder: Path) -> Iterator[None]:
    """Hydra's state is global: a program that uses Hydra itself finds its own as it was."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase

    theirs, base = GlobalHydra.instance().hydra, VersionBase.instance().version_base
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(folder), version_base="1.3"):
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
        return unknown_key(found[1], composed(verb, []))
    if found := re.search(r"You must specify '(\w+)'", text):
        remedy = f"add {found[1]}=NAME"
        remedy += ", e.g. expert=cartpole, or expert=local expert.path=FILE" if found[1] == "expert" else ""
        return ConfigError(f"{verb} needs {found[1]}=", remedy=remedy)
    if found := re.search(r"Could not find match for (\S+)|No match in the defaults list", text):
        return ConfigError(first_line(error), remedy=f"groups: {', '.join(sorted(groups()))}")
    if found := re.search(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        key, value = found[1], found[2]
        remedy = f"add -m to build each of them, or quote it: \"{key}='{value}'\""
        return ConfigError(f"{key} has several values", got=value, remedy=remedy)
    if override := getattr(error, "override", None):
        return unreadable(override)
    by_name = "choose groups by name, e.g. expert=cartpole" if isinstance(error, ValueError) else None
    return ConfigError(first_line(error), remedy=by_name)
