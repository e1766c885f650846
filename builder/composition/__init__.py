"""Hydra: overrides, or a mapping, to a typed configuration. Its objects do not leave this package.

Hydra's compose API is used, never its job runner: nothing changes the working folder and no file of
Hydra's own is left behind.
"""

from builder.composition.configuration import build_config, compose, compose_mapping, with_registered
from builder.composition.overrides import expand_sweep, is_text, long_form

__all__ = [
    "build_config",
    "compose",
    "compose_mapping",
    "expand_sweep",
    "is_text",
    "long_form",
    "with_registered",
]
