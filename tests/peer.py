"""Scripts that run in the environment of another library: the judge of what is exported is its own reader."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

PEERS = Path(os.environ.get("IL_BUILDER_PEERS", ROOT / ".peers"))
"""Holds a virtual environment for each library; `make peers` makes them."""
PRELUDE = """\
import json, os, sys
import numpy as np
words = sys.argv[2:]

def answer(value=None, **arrays):
    np.savez(os.path.join(sys.argv[1], "arrays.npz"), **arrays)
    with open(os.path.join(sys.argv[1], "value.json"), "w") as file:
        json.dump(value, file)

"""


def python_of(name):
    """The Python of a peer's environment."""
    return PEERS / name / "bin" / "python"


def packages_of(name):
    """The folder of a peer's packages."""
    (packages,) = (PEERS / name / "lib").glob("python*/site-packages")
    return packages


def needs(name):
    """Marks tests that are slow, and skipped where a peer's environment is not there."""
    missing = pytest.mark.skipif(not python_of(name).exists(), reason=f"make .peers/{name}")
    return [pytest.mark.slow, missing]


def run(name, script, *words, **variables):
    """Run a script in a peer's environment.

    Args:
        name: of the peer.
        script: Python, which finds the words as texts in `words` and gives its result to
            `answer(value, **arrays)`; it can import `kinds`.
        words: anything that has a text.
        variables: of its environment, beside ours.

    Returns:
        The value, as JSON keeps it, and the arrays by name.
    """
    return _answered(python_of(name), PRELUDE + script, words, variables)


def run_beside(name, script, *words, **variables):
    """The same in our own environment, with what of the peer's is not in it: as pip's `--no-deps` has it."""
    start = f"import sys\nsys.path.append({str(packages_of(name))!r})\n"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return _answered(sys.executable, start + PRELUDE + script, words, {"PYTHONPATH": paths, **variables})


def _answered(python, script, words, variables):
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tests"), "HF_HUB_OFFLINE": "1"}
        environment |= {key: str(value) for key, value in variables.items()}
        command = [python, "-c", script, folder, *map(str, words)]
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        value = json.loads(Path(folder, "value.json").read_text())
        with np.load(Path(folder, "arrays.npz")) as arrays:
            return value, dict(arrays)


def assert_comes_back(name, path, folder, narrowed=()):
    """Import what a peer wrote, export it again and import that: the same columns, bit for bit.

    Those that the format declares to narrow are compared as float32.
    """
    from builder import load
    from builder.exchange.export import ExportRequest, export
    from builder.exchange.formats import FORMATS
    from builder.exchange.importing import ImportRequest, import_

    first = import_(ImportRequest(name, path, replay=False), folder / "first").out
    again = export(first, ExportRequest(name, folder / f"again{FORMATS[name].suffix}")).given
    second = import_(ImportRequest(name, again, replay=False), folder / "second").out
    before, after = (load(out).arrays() for out in (first, second))
    assert before.keys() == after.keys()
    for column in before:
        assert before[column].dtype == after[column].dtype
        kind = np.float32 if column in narrowed else before[column].dtype
        np.testing.assert_array_equal(before[column].astype(kind), after[column])
