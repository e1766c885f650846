"""What this process may use of its machine: cores and memory, as affinity and control groups bound them.

joblib's `cpu_count` knows affinity, `LOKY_MAX_CPU_COUNT` and the quota at the root of the control groups, in
whole cores; a quota further down, as systemd and schedulers of clusters set it, and memory are read here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True)
class Machine:
    """What a process may use.

    Attributes:
        cores: how many processors, in time: 1.5 where a quota says so.
        memory: bytes that are still free; infinite: nobody knows.
    """

    cores: float
    memory: float = math.inf


def this_machine(root: Path = ROOT) -> Machine:
    """What this process may use now.

    Args:
        root: where `proc` and `sys` are.
    """
    import joblib

    groups = list(_groups(root))
    return Machine(
        cores=min(float(joblib.cpu_count()), *map(_quota, groups)),
        memory=min(_available(root), *map(_room, groups)),
    )


def own_bytes(root: Path = ROOT) -> int:
    """What this process takes of memory that no other shares; 0 where nobody says."""
    return _fields(root / "proc/self/status").get("RssAnon", 0) * 1024


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups that this process is in, and of those around them; one at least.

    In a container the mount begins at its own group, whatever the path says: then only the root is there.
    """
    mount = root / "sys/fs/cgroup"
    yield mount
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        names = [controllers, *controllers.split(",")] if controllers else ["", "unified"]
        inside = Path(path.lstrip("/"))
        for name in dict.fromkeys(names):
            yield from (mount / name / each for each in (inside, *inside.parents))


def _quota(group: Path) -> float:
    """Processors of a control group, of either version; infinite where it has no bound."""
    if found := _lines(group / "cpu.max"):
        quota, _, period = found[0].partition(" ")
        return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else math.inf
    used, period_v1 = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return used / period_v1 if math.isfinite(used / period_v1) and used > 0 else math.inf


def _room(group: Path) -> float:
    """Bytes that a control group may still take; what is cached of files can be given back.

    Above `memory.high` nobody is killed, but all are slowed down until hardly anything moves.
    """
    stat = _fields(group / "memory.stat")
    room = math.inf
    for limit, usage, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.high", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most = _number(group / limit)
        if math.isfinite(most):
            taken = _number(group / usage)
            here = most - (taken if math.isfinite(taken) else 0.0) + stat.get(cached, 0)
            room = min(room, max(0.0, here))
    return room


def _available(root: Path) -> float:
    found = _fields(root / "proc/meminfo").get("MemAvailable")
    return math.inf if found is None else found * 1024


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # another system, or another version
        return []


def _number(path: Path) -> float:
    """A file's number; infinite: it has none."""
    text = "".join(_lines(path)).strip()
    return float(text) if text.isdecimal() else math.inf


def _fields(path: Path) -> dict[str, int]:
    """Lines of a word and a number, such as `MemAvailable:  1024 kB`."""
    found = {}
    for line in _lines(path):
        name, _, rest = line.replace(":", " ").partition(" ")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0])
    return found
