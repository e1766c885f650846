"""A dataset in the format of an older version, which this one still writes."""

import dataclasses

from builder import Controller
from builder.composition import build_config
from builder.manifest.identity import identity, in_format
from builder.manifest.manifest import Manifest
from builder.pipeline.prepare import prepare


def build_older(config, data_format="0.1.0"):
    """Build what overrides say, as a manifest of that format would have it."""
    typed = build_config(config)
    inputs = in_format(prepare(typed).inputs, data_format)
    wanted = Manifest(inputs, identity(inputs), {}, {}, typed.episodes, typed.episodes, {}, {}, "")
    return dataclasses.replace(Controller().start(typed, wanted), wanted=None)
