"""What reading hostile files costs: peak memory and time of each, in a process that reads one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def costs(readings: Mapping[str, tuple[str, Path]], report: Path) -> dict[str, dict[str, Any]]:
    """Read files in a process of its own.

    Args:
        readings: by name, what reads it (`load`, `verify`, `archive`, `expert`, `recording`), and the place.
        report: a file for what was seen.

    Returns:
        By name, `megabytes` above idle, `seconds` of the processor, and what was `said`.
    """
    plan = {name: [kind, str(path)] for name, (kind, path) in readings.items()}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, __file__, json.dumps(plan), str(report)]
    subprocess.run(words, check=True, timeout=500, env=environment, capture_output=True)
    return json.loads(report.read_text())


def _read(kind: str, path: Path) -> str:
    from forged_manifests import judge

    from builder import load
    from builder.episodes.recording_file import read_recording
    from builder.errors import BuilderError
    from builder.experts.archive.agent import read_agent
    from builder.experts.sources.portable import read_portable

    readers = {
        "load": lambda: load(path).arrays(),
        "archive": lambda: read_agent(path),
        "expert": lambda: read_portable(path),
        "recording": lambda: read_recording(path),
    }
    if kind == "verify":
        return judge(path)
    try:
        readers[kind]()
    except BuilderError as error:
        return str(error)
    return ""


def _memory(key: str) -> int:
    """A line of the process's own status, in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def _main(plan: Mapping[str, Any], report: Path) -> None:
    found = {}
    for name, (kind, path) in plan.items():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        idle, began = _memory("VmRSS"), time.process_time()
        said = _read(kind, Path(path))
        seconds = time.process_time() - began
        found[name] = {"megabytes": (_memory("VmHWM") - idle) / 1024, "seconds": seconds, "said": said}
    report.write_text(json.dumps(found))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]), Path(sys.argv[2]))
