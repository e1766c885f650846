"""The examples do what they say."""

import os
import re
import subprocess
import sys

import pytest
from places import ROOT

EXAMPLE = ROOT / "examples/behaviour_cloning.py"
VISUAL = ROOT / "examples/visual_cloning.py"


@pytest.mark.slow
@pytest.mark.parametrize(("example", "least"), [(EXAMPLE, 475), (VISUAL, 400)], ids=["states", "pictures"])
def test_a_clone_in_plain_torch_balances_on_cartpole(tmp_path, example, least):
    answer = subprocess.run(
        [sys.executable, example],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert float(re.search(r"mean return of the clone: ([\d.]+)", answer.stdout)[1]) >= least


def test_the_cloning_itself_is_under_20_lines():
    code = EXAMPLE.read_text().split("\n\n")
    assert len([line for line in code[2].splitlines() if line.strip()]) < 20
