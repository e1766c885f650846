"""Guards: no change of the code alters a byte of a dataset unnoticed.

Where one of these fails, the CHANGELOG needs a line that says why the bytes differ. The versions that they
were recorded with are those of `constraints.txt`.
"""

import json
from importlib.metadata import version
from pathlib import Path

from older import build_older
from sweeps import sweep

from builder import Controller
from builder.manifest.manifest import covered

RECORDED = json.loads(Path(__file__).with_name("fingerprints.json").read_text())
BUILDS = {
    "cartpole": {"expert": "cartpole"},
    "pendulum-sampled": {"expert": "pendulum", "rollout.deterministic": False, "threshold": "-inf"},
    "random": {"expert": "random", "env.id": "LunarLander-v3", "seed": 7},
    "acrobot": {"expert": "acrobot"},
    "mountaincar": {"expert": "mountaincar"},
    "pendulum": {"expert": "pendulum", "dataset.test_fraction": 0.5},
}


def test_they_were_recorded_with_the_locked_versions():
    for name, expected in RECORDED["versions"].items():
        assert version(name) == expected, "the lock has changed: record the files anew"


@sweep("name", BUILDS, quick=3)
def test_the_files_are_those_that_were_recorded(name, tmp_path):
    built = Controller().start({**BUILDS[name], "episodes": 6, "out": str(tmp_path / "x")})
    assert covered(built.manifest.files) == RECORDED["files"][name]


@sweep("name", ["cartpole", "pendulum"])
def test_an_older_format_is_still_written_byte_for_byte(name, tmp_path):
    built = build_older({**BUILDS[name], "episodes": 6, "out": str(tmp_path / "x")}, "0.1.0")
    assert covered(built.manifest.files) == RECORDED["older"]["0.1.0"][name]
