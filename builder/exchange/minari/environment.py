"""The environment in Minari's metadata: gymnasium's `EnvSpec` as JSON. A stranger's is data alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from builder.environments.environment import registration
from builder.errors import BuilderError, DatasetError
from builder.exchange.contract import Source
from builder.manifest.environment import arguments_of
from builder.manifest.schema import violations
from builder.storage.plain_json import parse_json

PACKAGES = ("gymnasium", "mujoco", "ale", "box2d", "gymnasium-robotics", "minigrid")
"""The packages of a build that its environment needs, by how their names begin."""


def spec_text(environment: Mapping[str, Any] | None) -> str | None:
    """The environment of a manifest as gymnasium writes it.

    None where it is not known here, or has arguments that JSON does not hold; what stands behind an
    environment variable is never looked up.
    """
    if environment is None or ":" in environment["id"]:
        return None
    try:
        kwargs = arguments_of(environment)
        json.dumps(kwargs, allow_nan=False)
        spec = copy.deepcopy(registration(environment["id"]))
        spec.kwargs.update(kwargs)
        spec.max_episode_steps = environment["max_episode_steps"]
        return str(spec.to_json())
    except (BuilderError, TypeError, ValueError):
        return None


def requirements(source: Source) -> list[str]:
    """What pip needs to make the environment again."""
    packages = source.manifest.inputs.get("packages", {})
    return [f"{name}=={packages[name]}" for name in sorted(packages) if name.lower().startswith(PACKAGES)]


def environment_of(text: Any, where: str) -> dict[str, Any] | None:
    """Id, kwargs and limit of an `EnvSpec`; None where there is none. Nothing that it names is imported.

    Args:
        text: whatever stands there.
        where: for errors.

    Raises:
        DatasetError: it is no specification of an environment.
    """
    if text is None:
        return None
    try:
        spec = parse_json(text.encode(), infinite=True)
        limit = spec.get("max_episode_steps")
        found = {
            "id": spec["id"],
            "kwargs": spec.get("kwargs") or {},
            "max_episode_steps": None if limit == -1 else limit,
        }
        json.dumps(found, allow_nan=False)
        wrong = next(violations("manifest", found, "inputs.environment"), None)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DatasetError(f"{where} is no environment of gymnasium's: {str(error)[:200]}") from error
    if wrong:
        raise DatasetError(f"{where} is no environment of gymnasium's: {wrong}")
    return found
