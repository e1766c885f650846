"""Where this machine is not the one that the promise of equal bytes is given for."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from typing import Any

from builder.manifest.manifest import Manifest
from builder.manifest.provenance import cpu_level
from builder.versions import identity_version, is_here

FMA_DEPENDENT = ("Acrobot", "Pendulum")
"""Environments of gymnasium, MuJoCo's apart, whose sines and cosines round differently without FMA. Measured:
Pendulum-v1 in the C library (0.07% of the float64 ones), from the 194th step of one episode in three on;
Acrobot-v1 in numpy (0.5% of the float32 sines), in the first observation of one episode in a hundred."""


def other_versions(inputs: Mapping[str, Any]) -> list[str]:
    """Packages that can change a byte and are not here in the manifest's version."""
    differing = []
    for name, wanted in sorted(inputs.get("packages", {}).items()):
        if not is_here(name, wanted):
            here = identity_version(name)
            differing.append(f"{name} {here or 'is missing'} here, {wanted} in the manifest")
    return differing


def notes(manifest: Manifest) -> tuple[str, ...]:
    """What should be known before a difference is read: other versions, and what is not promised."""
    return (*_version_notes(manifest.inputs), *_promise_notes(manifest.inputs))


def _version_notes(inputs: Mapping[str, Any]) -> Iterator[str]:
    if differing := other_versions(inputs):
        yield f"other package versions: {'; '.join(differing)}"


def _promise_notes(inputs: Mapping[str, Any]) -> Iterator[str]:
    if platform.system() != "Linux":
        yield f"equal bytes are promised on Linux; this is {platform.system()}"
    physics = "mujoco" in inputs.get("packages", {})
    env_id = str(inputs.get("environment", {}).get("id", ""))
    if cpu_level() < 3 and (physics or env_id.startswith(FMA_DEPENDENT)):
        yield f"equal bytes of {env_id} are promised from x86-64-v3 on; here AVX2 or FMA is missing or off"
    if inputs.get("config", {}).get("rollout", {}).get("precision") == "float32":
        yield "rollout.precision=float32 gave up the promise of equal bytes"
    if inputs.get("expert", {}).get("version") == "not pinned" or "not pinned" in str(inputs.get("own", "")):
        yield "the expert is not pinned: it may be another one by now"
