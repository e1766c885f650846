"""What a build is: its inputs before play, and the sha256 that names them.

Everything here is known before the first step and the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from builder.config import BuildConfig, DatasetConfig, RolloutConfig
from builder.episodes.declared import Declared, stated
from builder.versions import OURS, playing_code

GROWS = ("episodes", "max_attempts")
"""Keys of the configuration that may differ between a dataset and the same one grown."""
PACE = ("lanes",)
"""Keys of `rollout` that change no byte."""
FIRST = (
    *("deterministic", "precision", "max_steps"),
    *("next_observation", "test_fraction", "shard_mb", "include_expert", "license"),
)
"""Keys of `rollout` and `dataset` that every manifest has; a later one stays out while at its default."""

FIRST_FORMAT = "0.1.0"
"""What chunks are named by, whatever the format of the dataset that becomes of them."""


def canonical(value: Any) -> str:
    """JSON with one spelling for each value; infinities as text."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def sha256_of(value: Any) -> str:
    """The sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def build_inputs(  # noqa: PLR0913  (all but the first have a keyword)
    config: BuildConfig,
    *,
    environment: Mapping[str, Any],
    expert: Mapping[str, Any],
    packages: Mapping[str, str],
    own: Mapping[str, str],
    columns: Iterable[Declared] = (),
) -> dict[str, Any]:
    """All that decides a dataset's bytes; the `inputs` of its manifest.

    Args:
        config: the build's, with `dataset.next_observation` resolved; where and on what it plays is left out.
        environment: id, kwargs and limit, as resolved.
        expert: the expert's identity.
        packages: versions of what this build uses.
        own: digests of the user's own functions, by the names of the built-in ones whose place they take.
        columns: those that the build declares.
    """
    acceptance = config.acceptance
    inputs = {
        "config": {
            "episodes": config.episodes,
            "seed": config.seed,
            "threshold": acceptance.low,
            "max_return": acceptance.high,
            "max_attempts": config.budget,
            "rollout": _written(config.rollout),
            "dataset": _written(config.dataset),
        },
        "environment": dict(environment),
        "expert": dict(expert),
        "packages": dict(packages),
        **({"own": dict(own)} if own else {}),
        **stated(columns),
    }
    plain: dict[str, Any] = _plain(inputs)
    return plain


def _written(group: RolloutConfig | DatasetConfig) -> dict[str, Any]:
    """The keys of a group that decide bytes; those that 0.1.0 did not know only where they say something."""
    values = {entry.name: (getattr(group, entry.name), _default(entry)) for entry in fields(group)}
    return {
        name: value
        for name, (value, default) in values.items()
        if name not in PACE and (name in FIRST or value != default)
    }


def _default(entry: Field[Any]) -> Any:
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def identity(inputs: Mapping[str, Any]) -> str:
    """The identity of a build."""
    return sha256_of(inputs)


def in_format(inputs: Mapping[str, Any], data_format: str) -> dict[str, Any]:
    """The same build in another format of the data."""
    return {**inputs, "packages": {**inputs["packages"], OURS: data_format}}


def growth_identity(inputs: Mapping[str, Any]) -> str:
    """Equal for two builds where one is the other with more episodes."""
    config = {key: value for key, value in inputs.get("config", {}).items() if key not in GROWS}
    return sha256_of({**inputs, "config": config})


def chunk_identity(
    inputs: Mapping[str, Any], instances: str | None = None, *, code: str | None = None
) -> str:
    """Equal for two builds whose recorded chunks are the same attempts, bit for bit.

    Those that failed are not looked at by a build that fails with them: see `ChunkStore.scan`.

    Args:
        inputs: of the build.
        instances: how the environment is used, where it was stated or is not as usual: what was played
            otherwise may be wrong.
        code: the digest of the code that plays; None: of this one.
    """
    rollout = {key: value for key, value in inputs["config"]["rollout"].items() if key != "on_error"}
    config = {"seed": inputs["config"]["seed"], "rollout": rollout}
    if pixels := inputs["config"].get("dataset", {}).get("pixels"):
        config["pixels"] = pixels
    own = {key: digest for key, digest in inputs.get("own", {}).items() if key != "collate"}
    played = {"instances": instances} if instances else {}
    inputs = in_format(inputs, FIRST_FORMAT)
    return sha256_of({**inputs, "config": config, "own": own, "code": code or playing_code(), **played})


def differences(ours: Any, theirs: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(key, ours, theirs) of every leaf that differs, but for those that may grow."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in sorted({*ours, *theirs}):
            if not (key == "config" and name in GROWS):
                path = f"{key}.{name}" if key else name
                yield from differences(ours.get(name), theirs.get(name), path)
    elif ours != theirs:
        yield key, ours, theirs
