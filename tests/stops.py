"""Ways to stop a build that is a process, the first of its group."""

import contextlib
import os
import signal
from pathlib import Path


def kill_all(process):
    os.killpg(process.pid, signal.SIGKILL)


def interrupt(process):
    process.send_signal(signal.SIGINT)


def kill_workers(process):
    """Those of the processes that it has started which play, or write."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if b"loky.backend" in words and os.getpgid(int(folder.name)) == process.pid:
                os.kill(int(folder.name), signal.SIGKILL)
