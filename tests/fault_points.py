"""One command, failed at each of its calls that change a disk, and what is left of its dataset then.

Run as a program with `faults.so` preloaded: `fault_points.py FOLDER SCENARIO MODES FIRST EVERY [WORDS]`. It
imports all that a command needs once, then forks for each point, which takes a fraction of a second. It
writes one JSON object for each point.
"""

import ctypes
import errno
import itertools
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

MODES = {"kill": 0, "torn": -1, "full": errno.ENOSPC, "broken": errno.EIO}
"""What happens at a point: see `faults.c`."""
BUILD = ["expert=random", "env.id=CartPole-v1", "rollout.lanes=2", "parallel=threading", "verify_sample=0"]
SCENARIOS = {
    "build": ([], [*BUILD, "episodes=2"]),
    "growth": ([[*BUILD, "episodes=2"]], [*BUILD, "episodes=4"]),
    "overwrite": ([[*BUILD, "episodes=2"]], [*BUILD, "episodes=2", "seed=1", "overwrite=true"]),
    "mend": ([[*BUILD, "episodes=2"]], [*BUILD, "episodes=2"]),
    "without chunks": ([[*BUILD, "episodes=2"]], [*BUILD, "episodes=4", "keep_chunks=false"]),
    "clean": ([[*BUILD, "episodes=2"]], ["clean"]),
    "push": ([[*BUILD, "episodes=2"]], ["push"]),
    "pull": ([], ["pull"]),
    "pull over": ([[*BUILD, "episodes=1"]], ["pull", "overwrite=true"]),
}
"""The commands before, and the one that fails."""
TRIPPED, TRACEBACK = 64, 63


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def beside(disk):
    """What lies beside the dataset, and the names of what is kept for it; caches of the Hub are its own."""
    return sorted(
        path.relative_to(disk).as_posix()
        for path in disk.rglob("*")
        if path.relative_to(disk).parts[0] not in ("x", "home")
    )


class Points:
    """The points of one command in one folder."""

    def __init__(self, folder, scenario, words):
        self.disk, self.start, self.said = folder / "disk", folder / "start", folder / "said"
        self.shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
        before, command = SCENARIOS[scenario]
        self.words = [*command, *words, f"out={self.disk / 'x'}"]
        self.disk.mkdir()
        for earlier in before:
            assert self.run([*earlier, f"out={self.disk / 'x'}"]) == 0
        if scenario == "mend":
            (self.disk / "x/data/train-00000-of-00001.parquet").write_bytes(b"")
        shutil.copytree(self.disk, self.start)
        self.before = content(self.disk / "x")
        assert self.run(self.words) == 0
        self.after, self.beside = content(self.disk / "x"), beside(self.disk)

    def run(self, words):
        from builder.cli.main import main

        return main(words)

    def child(self, function):
        """Call it in a process of its own; the exit code, or less than 0 by a signal."""
        if child := os.fork():
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = TRACEBACK
        try:
            said = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            code = function()
        except BaseException:  # noqa: BLE001  (what nobody has caught is what is looked for)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def failing(self, number, error):
        self.shim.fault_arm(str(self.disk).encode(), ctypes.c_long(number), error)
        code = self.run(self.words)
        tripped = self.shim.fault_counted() >= number
        self.shim.fault_arm(b"", ctypes.c_long(0), 0)
        return code | (TRIPPED if tripped else 0)

    def recovering(self):
        """What every command begins with."""
        from builder.storage.lock import locked

        with locked(self.disk / "x"):
            return 0

    def point(self, number, mode):
        """What came of a failure at a call; None where there is no such call."""
        shutil.rmtree(self.disk, ignore_errors=True)
        shutil.copytree(self.start, self.disk)
        code = self.child(lambda: self.failing(number, MODES[mode]))
        if code in (0, 1, 2):
            return None
        said = self.said.read_text(errors="replace")
        if code < 0:
            assert self.child(self.recovering) == 0, self.said.read_text()
        found = {"point": number, "code": code & ~TRIPPED if code > 0 else code, "said": said}
        found["left"] = self.state()
        found["again"] = self.child(lambda: self.run(self.words))
        found["said again"] = self.said.read_text(errors="replace")
        found["ends"] = self.state()
        found["beside"] = beside(self.disk)
        return found

    def state(self):
        """Which dataset is at its place."""
        there = content(self.disk / "x")
        known = {"new": self.after, "old": self.before}
        return next((name for name, files in known.items() if files == there), sorted(there))


def tell(found):
    sys.stdout.write(f"{json.dumps(found)}\n")
    sys.stdout.flush()


def main(folder, scenario, modes, first, every, *words):
    points = Points(Path(folder), scenario, list(words))
    tell({"beside": points.beside})
    for offset, mode in enumerate(modes.split(",")):
        for number in itertools.count(int(first) + offset % int(every), int(every)):
            found = points.point(number, mode)
            if found is None:
                break
            tell({"mode": mode, **found})


if __name__ == "__main__":
    main(*sys.argv[1:])
