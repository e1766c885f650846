"""`python -m benchmarks [PART ...] [key=value ...]`: measure, print, and write `benchmarks/RESULTS.md`.

Without a part all are measured, one after the other: about an hour on two cores. `agents=FOLDER` holds
published agents as the Hub has them (else they come from the Hub, or are left out), `peers=FOLDER` the
virtual environments of the peers (`make peers`), `rounds=` is how often; each part's module says what else
it takes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import import_module

from benchmarks.report import TARGET, write

PARTS = {
    "rollout": "one worker beside the raw step loop",
    "cores": "two workers beside one",
    "peers": "whole datasets beside the peers'",
    "reading": "epochs and random access beside the peers' readers",
    "memory": "peak memory by the number of episodes",
    "overhead": "small commands",
    "pixels": "Atari",
    "sending": "what the Hub is sent again after a change",
    "scale": "the cost model: 1,000 workers, 10^10 steps",
}


def main(arguments: list[str]) -> int:
    """Measure the parts that are asked for, or all."""
    options = dict(word.split("=", 1) for word in arguments if "=" in word)
    chosen = [word for word in arguments if "=" not in word] or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        print(f"no part {', '.join(unknown)}; there are:", file=sys.stderr)
        for name, about in PARTS.items():
            print(f"  {name:12} {about}", file=sys.stderr)
        return 2
    if len(chosen) > 1:
        return _apart(chosen, [word for word in arguments if "=" in word])
    for name in chosen:
        began = time.perf_counter()
        print(f"== {name}: {PARTS[name]}", flush=True)
        for section in import_module(f"benchmarks.{name}").sections(options):
            write(section)
            print(f"\n{section.markdown}")
        print(f"== {name}: {time.perf_counter() - began:,.0f} s, {TARGET}", flush=True)
    return 0


def _apart(parts: list[str], options: list[str]) -> int:
    """Measure each part in a process of its own: what one has loaded would count as the next one's memory."""
    command = [sys.executable, "-m", "benchmarks"]
    codes = [subprocess.call([*command, part, *options]) for part in parts]  # noqa: S603  (it is ours)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
