"""What an export costs: seconds and peak memory above idle, for each format.

    python -m benchmarks.exchange data/cartpole [FORMAT ...]

`il-builder expert=cartpole episodes=10000` makes a dataset of 5 million steps.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from builder.exchange.formats import FORMATS

MEASURED = """
import resource, sys, time
from pathlib import Path
from builder.exchange.export import ExportRequest, export
from builder.exchange.formats import FORMATS
import pyarrow.parquet, datasets, h5py
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.monotonic()
done = export(Path(sys.argv[1]), ExportRequest(sys.argv[2], Path(sys.argv[3])))
seconds = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = [done.path] if done.path.is_file() else [path for path in done.path.rglob("*") if path.is_file()]
size = sum(path.stat().st_size for path in files)
print(f"| `{sys.argv[2]}` | {seconds:.0f} | {(peak - idle) / 1024:.0f} | {size / 1e6:.0f} |")
"""


def main(folder: str, names: list[str]) -> None:
    """Print a row of a Markdown table for each format."""
    print("| format | seconds | peak, MB above idle | size, MB |\n|---|---|---|---|")
    for name in names or FORMATS:
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / f"x{FORMATS[name].suffix}"
            command = [sys.executable, "-c", MEASURED, folder, name, str(target)]
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=False
            )
            print(
                done.stdout.strip() or f"| `{name}` | {done.stderr.strip().splitlines()[-1][:120]} | | |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
