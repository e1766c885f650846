"""What Hydra and OmegaConf refuse, as our errors: each names the nearest known key, group or option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from builder.errors import ConfigError, suggest
from builder.experts.policy import conf_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig


def unknown_key(key: str, config: DictConfig) -> ConfigError:
    """A key that a configuration does not have, or that stands for several."""
    known = list(keys_of(config))
    if key in known:
        return ConfigError(f"{key} is a group of keys", remedy=f"set them one by one: {key}.KEY=...")
    return ConfigError(f"there is no key {key!r}", remedy=suggest(key, known))


def unreadable(override: str) -> ConfigError:
    """An override that is none."""
    return ConfigError(
        f"{override!r} cannot be read",
        expected="key=value",
        remedy="quote a value that holds special characters: \"out='a=b'\"",
    )


def first_line(error: Exception) -> str:
    """What an error says first; the rest of Hydra's text is of its own objects. One may say nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def keys_of(config: Any, prefix: str = "") -> Iterator[str]:
    """All keys of a configuration, those of its groups with dots."""
    from omegaconf import DictConfig, OmegaConf

    for key in config:
        yield f"{prefix}{key}"
        child = None if OmegaConf.is_missing(config, key) else config[key]
        if isinstance(child, DictConfig):
            yield from keys_of(child, f"{prefix}{key}.")


def groups() -> list[str]:
    """The names of the folders in conf/ of which a user chooses a file."""
    return sorted(path.name for path in conf_folder().iterdir() if path.is_dir() and path.name != "hydra")
