"""A build that is to become what a manifest describes."""

from __future__ import annotations

import dataclasses
import logging

from builder.errors import DatasetError
from builder.manifest.environment import RENDER_MODE
from builder.manifest.identity import differences
from builder.manifest.manifest import Manifest
from builder.manifest.rebuild import stands_in
from builder.pipeline.build import Build

log = logging.getLogger(__name__)


def as_wanted(build: Build, wanted: Manifest) -> Build:
    """The build, once its inputs are known to be those of the manifest.

    Other package versions are a warning: they may give the same bytes.

    Raises:
        DatasetError: something else differs, so it could only become another dataset.
    """
    build = _with_included_expert(build, wanted).in_format_of(wanted.inputs)
    for key, ours, theirs in differences(build.inputs, wanted.inputs):
        if key == f"environment.kwargs.{RENDER_MODE}":
            continue  # not taken from a manifest
        if key.startswith("packages."):
            name = key.removeprefix("packages.")
            log.warning("%s is %s here, %s in the manifest", name, ours or "missing", theirs)
            continue
        raise DatasetError(
            f"what the manifest describes cannot be built here: its {key} differs",
            expected=repr(theirs),
            got=repr(ours),
        )
    return build


def _with_included_expert(build: Build, wanted: Manifest) -> Build:
    """The build with the manifest's own expert, where what was read is the copy that the dataset includes."""
    trained = build.expert.trained
    if trained is None or not stands_in(trained.path.parent, wanted):
        return build
    return dataclasses.replace(build, inputs={**build.inputs, "expert": wanted.inputs["expert"]})
