"""`parallel=auto` where cores and memory are bounded: affinity, and control groups of this machine itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")
CPU = ("cpu.max", "150000 100000"), ("cpu.cfs_quota_us", "150000")
LONG = 8_000
"""Episodes of CartPole: some 40 s on one core, of which a second tells that much remains."""


def memory(size):
    return ("memory.max", size), ("memory.limit_in_bytes", size)


@contextmanager
def bounded(controller, bound):
    """A control group of our own, of either version, empty at the end; skipped where none can be made."""
    unified = (GROUPS / "cgroup.controllers").exists()
    folder = (GROUPS if unified else GROUPS / controller) / f"il-builder-{os.getpid()}"
    name, content = bound[0] if unified else bound[1]
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if not (folder / name).exists():
            pytest.skip(f"control groups here have no {name}")
        (folder / name).write_text(content)
        yield folder
    finally:
        _wait_until_empty(folder)
        folder.rmdir()


def _wait_until_empty(folder, seconds=10.0):
    """Until the last process has gone, as each does soon after the build; else its end fails."""
    deadline = time.monotonic() + seconds
    while (folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)


def command(out, *before, episodes=LONG):
    return [
        *before,
        *(sys.executable, "-m", "builder", "expert=cartpole", f"episodes={episodes}", "card.preview=false"),
        f"out={out}",
    ]


def inside(group, words):
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), *words]


def chosen(words):
    """The line that says what was chosen; then the build is interrupted, and has to end."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as build:
        said = next((line for line in build.stderr if line.split()[1:2] in (["thread:"], ["processes:"])), "")
        build.send_signal(signal.SIGINT)
        rest = build.stderr.read()
    assert build.returncode == 130, rest
    return said.strip()


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core leaves nothing to choose")
def test_a_quota_of_one_core_and_a_half_makes_two_processes(tmp_path):
    with bounded("cpu", CPU) as group:
        said = chosen(inside(group, command(tmp_path / "x")))
    assert said.startswith("2 processes: about ")
    assert said.endswith("; 1.5 cores")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("taskset") is None, reason="taskset is not here")
def test_one_core_of_the_affinity_makes_one_thread(tmp_path):
    core = min(os.sched_getaffinity(0))
    assert chosen(command(tmp_path / "x", "taskset", "-c", str(core))) == "1 thread: 1 core"


@pytest.mark.slow
def test_a_build_in_one_gigabyte_ends_and_nobody_is_killed(tmp_path):
    with bounded("memory", memory("1000000000")) as group:
        built = subprocess.run(
            inside(group, command(tmp_path / "x")), capture_output=True, text=True, check=False
        )
    assert built.returncode == 0, built.stderr
    assert f"{LONG:,} episodes" in built.stdout


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core leaves nothing to choose")
def test_little_memory_makes_fewer_workers(tmp_path):
    """What is there for one process is not there for two."""
    with bounded("memory", memory("420000000")) as group:
        said = chosen(inside(group, command(tmp_path / "x")))
    assert said.startswith("1 thread: about ")
    assert said.endswith("memory for 1")
