"""`provenance.json`: the machine that built a dataset. Outside the fingerprint; it holds no times."""

from __future__ import annotations

import json
import os
import platform
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

from builder.manifest.identity import sha256_of
from builder.storage.paths import write_whole
from builder.storage.plain_json import parse_json

PROVENANCE = "provenance.json"
IMAGE = "IL_BUILDER_IMAGE"
"""Environment variable: the container image that this runs in."""
CPU_LEVELS = {
    2: {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    3: {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    4: {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"},
}
"""What each level of x86-64 adds, as Linux names it."""


def write_provenance(folder: Path) -> None:
    """Describe this machine in a dataset folder."""
    described = described_machine()
    content = {**described, "sha256": sha256_of(described)}
    write_whole(folder / PROVENANCE, json.dumps(content, indent=1, sort_keys=True) + "\n")


def is_own_sha256(text: str) -> bool:
    """Whether a description of a machine has the checksum of its own content."""
    try:
        content = parse_json(text.encode())
        stated = content.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    return bool(stated == sha256_of(content))


def described_machine() -> dict[str, Any]:
    """What of this machine might matter to someone who gets other bytes."""
    return {
        "blas": blas_kernels(),
        "cpu": platform.machine(),
        "cpu_level": cpu_level(),
        "image": os.environ.get(IMAGE),
        "libc": " ".join(platform.libc_ver()),
        "libc_tunables": os.environ.get("GLIBC_TUNABLES"),
        "numpy_simd": numpy_kernels(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python_build": f"{platform.python_compiler()}, {sysconfig.get_platform()}",
        "system": platform.system(),
    }


@cache
def cpu_level() -> int:
    """The level of x86-64 that the processor has, and the C library and numpy may use: 1 to 4.

    0 for other processors, and where it is not known. Source: the psABI of x86-64, section 3.1.1.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    if platform.machine() != "x86_64":
        return 0
    flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    masked = os.environ.get("GLIBC_TUNABLES", "")
    flags -= {feature for feature in ("avx2", "fma", "avx512f") if f"-{feature}" in masked.lower()}
    if "X86_V3" in os.environ.get("NPY_DISABLE_CPU_FEATURES", ""):
        flags -= CPU_LEVELS[3]
    level = 1
    while level < 4 and CPU_LEVELS[level + 1] <= flags:
        level += 1
    return level


def numpy_kernels() -> list[str]:
    """The vector extensions that numpy has found and uses."""
    import numpy as np

    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return found


def blas_kernels() -> list[str]:
    """The BLAS of numpy itself: its name, version and the processor that its kernels are for."""
    import threadpoolctl

    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
    return sorted(
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in libraries
        if "numpy" in library["filepath"]
    )
