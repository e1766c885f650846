"""Guards: no change of the code alters a byte of a dataset unnoticed.

Where one of these fails, the CHANGELOG needs a line that says why the bytes differ. The versions that they
were recorded with are those of `constraints.txt`.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from builder import Controller

RECORDED = json.loads(Path(__file__).with_name("fingerprints.json").read_text())
BUILDS = {
    "cartpole": {"expert": "cartpole"},
    "acrobot": {"expert": "acrobot"},
    "mountaincar": {"expert": "mountaincar"},
    "pendulum": {"expert": "pendulum", "dataset.test_fraction": 0.5},
    "pendulum-sampled": {"expert": "pendulum", "rollout.deterministic": False, "threshold": "-inf"},
    "random": {"expert": "random", "env.id": "LunarLander-v3", "seed": 7},
}


def test_they_were_recorded_with_the_locked_versions():
    for name, expected in RECORDED["versions"].items():
        assert version(name) == expected, "the lock has changed: record the files anew"


@pytest.mark.parametrize("name", BUILDS)
def test_the_files_are_those_that_were_recorded(name, tmp_path):
    built = Controller().start({**BUILDS[name], "episodes": 6, "out": str(tmp_path / "x")})
    files = {
        path: hashlib.sha256((built.out / path).read_bytes()).hexdigest()
        for path in sorted(built.manifest.files)
        if path.startswith(("data/", "episodes/"))
    }
    assert files == RECORDED["files"][name]
