"""The examples do what they say."""

import os
import re
import subprocess
import sys

import pytest
from places import ROOT

EXAMPLE = ROOT / "examples/behaviour_cloning.py"
VISUAL = ROOT / "examples/visual_cloning.py"
DAGGER = ROOT / "examples/dagger.py"


def said(example, folder):
    """What an example prints."""
    answer = subprocess.run(
        [sys.executable, example],
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("example", "least"), [(EXAMPLE, 475), (VISUAL, 400)], ids=["states", "pictures"])
def test_a_clone_in_plain_torch_balances_on_cartpole(tmp_path, example, least):
    assert float(re.search(r"mean return of the clone: ([\d.]+)", said(example, tmp_path))[1]) >= least


@pytest.mark.slow
def test_dagger_swings_up_where_cloning_as_many_labels_does_not(tmp_path):
    told = said(DAGGER, tmp_path)
    cloning, dagger = (
        float(re.search(rf"mean return of {name}: (-[\d.]+)", told)[1]) for name in ("cloning", "DAgger")
    )
    assert "labels of each: 1200 and 1200" in told
    assert dagger > -300
    assert dagger > cloning + 100


def test_the_loop_of_dagger_is_under_30_lines():
    code = DAGGER.read_text()
    loop = code[code.index("\ndef played(") : code.index("\nshown =")]
    assert len([line for line in loop.splitlines() if line.strip()]) < 30


def test_the_cloning_itself_is_under_20_lines():
    code = EXAMPLE.read_text().split("\n\n")
    assert len([line for line in code[2].splitlines() if line.strip()]) < 20
