"""What a build records beside what every build does: from its configuration to its annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from builder.config import BuildConfig
from builder.episodes.annotations import Annotation
from builder.errors import ConfigError
from builder.pipeline.info_columns import info_annotation
from builder.pipeline.pairing import Found

Source = Callable[[BuildConfig, Found], Annotation | None]
"""The annotation that a key of the configuration asks for; None: it asks for none.

Raises a `ConfigError` where what is asked for is not to be had, which names what is.
"""

SOURCES: dict[str, Source] = {"dataset.info": info_annotation}
"""By key."""


def annotations_of(
    config: BuildConfig,
    found: Found,
    own: Mapping[str, Callable[..., Any]],
    sources: Mapping[str, Source] = SOURCES,
) -> tuple[Annotation, ...]:
    """What is recorded beside, in the order of the sources.

    Raises:
        ConfigError: it cannot be had, or a function of the user's own plays, which records nothing beside.
    """
    asked = {key: annotation for key, of in sources.items() if (annotation := of(config, found)) is not None}
    if asked and "enjoy" in own:
        key = next(iter(asked))
        raise ConfigError(
            f"{key} is recorded by the built-in enjoy alone", remedy=f"leave {key} out, or enjoy"
        )
    return tuple(asked.values())
