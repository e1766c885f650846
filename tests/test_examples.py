"""The example does what it says."""

import os
import re
import subprocess
import sys

import pytest
from places import ROOT

EXAMPLE = ROOT / "examples/behaviour_cloning.py"


@pytest.mark.slow
def test_a_clone_in_plain_torch_reaches_475_on_cartpole(tmp_path):
    answer = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert float(re.search(r"mean return of the clone: ([\d.]+)", answer.stdout)[1]) >= 475


def test_the_cloning_itself_is_under_20_lines():
    code = EXAMPLE.read_text().split("\n\n")
    assert len([line for line in code[2].splitlines() if line.strip()]) < 20
