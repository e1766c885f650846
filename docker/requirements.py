"""Prints requirements of pyproject.toml, one a line, to be installed before there is any source."""

import argparse
import re
import sys
import tomllib
from pathlib import Path


def main() -> int:
    """Those of every build; or of the named extras; or of the build system."""
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--extras", help="separated by commas; may be empty")
    chosen.add_argument("--build-system", action="store_true")
    arguments = parser.parse_args()
    described = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    if arguments.build_system:
        wanted = described["build-system"]["requires"]
    elif arguments.extras is None:
        wanted = described["project"]["dependencies"]
    else:
        extras = described["project"]["optional-dependencies"]
        names = [name for name in re.split(r"[,\s]+", arguments.extras) if name]
        if unknown := sorted(set(names) - set(extras)):
            sys.stderr.write(
                f"EXTRAS: there is no {', '.join(unknown)}; there are {', '.join(sorted(extras))}\n"
            )
            return 2
        wanted = [requirement for name in names for requirement in extras[name]]
    sys.stdout.write("".join(f"{requirement}\n" for requirement in wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
