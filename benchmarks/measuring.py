"""What the parts share: processes that are timed, and the bundled agent as Stable-Baselines3's file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Options = Mapping[str, str]
"""`key=value` of the command line."""
ARCHIVE = Path(__file__).parents[1] / "builder" / "experts" / "bundled" / "cartpole.zip"
"""The bundled CartPole agent, a file of Stable-Baselines3's PPO that plays 500 steps an episode."""


@dataclass(frozen=True)
class Run:
    """A process that has ended well.

    Attributes:
        seconds: from its start to its end.
        cpu: of the processors, its child processes included.
        peak: bytes of memory that it held at the most (not its own worker processes).
        output: what it printed.
    """

    seconds: float
    cpu: float
    peak: int
    output: str

    @property
    def answer(self) -> dict[str, Any]:
        """Its last line, which is JSON."""
        found: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return found


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with the end of what it wrote.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # commands of this module's callers
            [str(word) for word in command],
            stdout=output,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{errors.read()[-2000:]}")
        return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output.read())


def build(out: Path, *overrides: str) -> Run:
    """A whole build, imports and writing included."""
    return run([sys.executable, "-m", "builder", *overrides, f"out={out}", "expert.check=off"])
