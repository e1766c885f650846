"""Cores and memory that a process may use: affinity, and control groups of both versions."""

import math
import subprocess
import sys

import joblib
import pytest

from builder.parallel.machine import own_bytes, this_machine

GB = 1 << 30


def fake(root, **files):
    """A machine of files: `{"sys/fs/cgroup/cpu.max": "..."}`."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n")
    return root


def test_a_machine_without_bounds_has_its_cores_and_the_memory_that_is_free(tmp_path):
    found = this_machine(fake(tmp_path, **{"proc/meminfo": "MemTotal:  9 kB\nMemAvailable:   1024 kB"}))
    assert (found.cores, found.memory) == (joblib.cpu_count(), GB / 1024)


def test_where_nobody_says_memory_has_no_bound(tmp_path):
    assert this_machine(tmp_path).memory == math.inf
    assert own_bytes(tmp_path) == 0


QUOTAS = {
    "version 2, of another period, on a parent": (
        "0::/a/b/c",
        {"a/cpu.max": "10000 20000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "400000 100000"},
    ),
    "version 2, in a container": ("0::/", {"cpu.max": "50000 100000"}),
    "version 2, a group of systemd's": ("0::/a/b", {"a/cpu.max": "50000 100000", "cpu.max": "max 100000"}),
    "version 2, beside version 1": ("0::/x", {"unified/x/cpu.max": "50000 100000"}),
    "version 1": (
        "3:cpu,cpuacct:/x",
        {"cpu,cpuacct/x/cpu.cfs_quota_us": "50000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"},
    ),
    "version 1, in a container that sees the host's path": (
        "3:cpu,cpuacct:/docker/0123",
        {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
    ),
}


@pytest.mark.parametrize("kind", QUOTAS)
def test_a_quota_is_a_part_of_a_core(tmp_path, kind):
    group, files = QUOTAS[kind]
    files = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    assert this_machine(fake(tmp_path, **files, **{"proc/self/cgroup": group})).cores == 0.5


@pytest.mark.parametrize("unbound", [{"cpu.max": "max 100000"}, {"cpu/cpu.cfs_quota_us": "-1"}, {}])
def test_a_group_without_a_quota_bounds_nothing(tmp_path, unbound):
    files = {f"sys/fs/cgroup/{path}": text for path, text in unbound.items()}
    files |= {"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000", "proc/self/cgroup": "3:cpu:/\n0::/"}
    assert this_machine(fake(tmp_path, **files)).cores == joblib.cpu_count()


ROOMS = {
    "version 2": (
        "0::/job",
        {"job/memory.max": f"{GB}", "job/memory.current": f"{GB // 2}", "job/memory.stat": "inactive_file 7"},
    ),
    "version 2, slowed down before it is killed": (
        "0::/job/step",
        {
            "job/memory.max": f"{8 * GB}",
            "job/memory.high": f"{GB}",
            "job/memory.current": f"{GB // 2}",
            "job/memory.stat": "inactive_file 7",
            "job/step/memory.max": "max",
            "job/step/memory.high": "max",
            "job/step/memory.current": f"{GB // 4}",
        },
    ),
    "version 1": (
        "4:memory:/job",
        {
            "memory/job/memory.limit_in_bytes": f"{GB}",
            "memory/job/memory.usage_in_bytes": f"{GB // 2}",
            "memory/job/memory.stat": "inactive_file 1\ntotal_inactive_file 7",
            "memory/memory.limit_in_bytes": f"{2**63 - 4096}",
        },
    ),
}


@pytest.mark.parametrize("kind", ROOMS)
def test_a_group_has_room_for_what_it_may_take_less_what_it_has_taken_cached_files_apart(tmp_path, kind):
    group, files = ROOMS[kind]
    files = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    files |= {"proc/self/cgroup": group, "proc/meminfo": f"MemAvailable: {8 * GB // 1024} kB"}
    assert this_machine(fake(tmp_path, **files)).memory == GB // 2 + 7


def test_the_smallest_bound_holds(tmp_path):
    files = {"job/memory.max": f"{8 * GB}", "memory.max": f"{2 * GB}"}
    files = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    files |= {"proc/self/cgroup": "0::/job", "proc/meminfo": f"MemAvailable: {4 * GB // 1024} kB"}
    assert this_machine(fake(tmp_path, **files)).memory == 2 * GB


def test_affinity_bounds_the_cores():
    said = "from builder.parallel.machine import this_machine; print(this_machine().cores)"
    command = ["taskset", "--cpu-list", "0", sys.executable, "-c", said]
    assert float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) <= 1.0


def test_this_process_takes_memory_of_its_own():
    assert 10**6 < own_bytes() < 10**11
