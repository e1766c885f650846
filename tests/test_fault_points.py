"""Whatever call that changes a disk fails, or is the last: the old dataset or the new one, and on it goes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from hub_cases import environment
from places import ROOT

COMPILER = shutil.which("cc")
EVERY = int(os.environ.get("FAULT_POINTS", "29"))
"""Of the calls, every how manieth is tried; 1: all of them, which takes three quarters of an hour."""
LOCAL = ["build", "growth", "overwrite", "mend", "without chunks", "clean"]
MODES = "kill,torn,full,broken"

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The library that makes calls fail."""
    library = tmp_path_factory.mktemp("shim") / "faults.so"
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-o", library, ROOT / "tests/faults.c", "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.fixture
def points(shim, tmp_path):
    """What came of each failure of a command, and what lies beside a dataset where nothing fails."""

    def run(scenario, modes, *words, first=1, every=EVERY, **variables):
        command = [sys.executable, ROOT / "tests/fault_points.py", tmp_path, scenario, modes, first, every]
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **variables, "LD_PRELOAD": str(shim)}
        answer = subprocess.run(
            [str(word) for word in (*command, *words)],
            capture_output=True,
            text=True,
            check=False,
            env=variables,
        )
        assert answer.returncode == 0, answer.stderr
        first, *found = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
        return first["beside"], found

    return run


def problems(point, beside, *, killed):
    """What is wrong with what came of a failure."""
    lines = [line for line in point["said"].splitlines() if line.startswith("il-builder: ")]
    expected = {
        "a dataset is left": point["left"] in ("old", "new"),
        "no traceback": "Traceback" not in point["said"],
        "it was killed": (point["code"] == -9) == killed,
        "one line, or all is well": killed or (point["code"], len(lines)) in ((1, 1), (0, 0)),
        "all is well with the new one": point["code"] != 0 or point["left"] == "new",
        "the same command goes on": point["again"] == 0,
        "to the new dataset": point["ends"] == "new",
        "nothing else is left": point["beside"] == beside,
    }
    return [what for what, holds in expected.items() if not holds]


def check(beside, found):
    wrong = {
        (point["mode"], point["point"]): (missed, point)
        for point in found
        if (missed := problems(point, beside, killed=point["mode"] in ("kill", "torn")))
    }
    assert wrong == {}


@pytest.mark.slow
def test_a_build_that_fails_at_some_call_goes_on(points):
    beside, found = points("build", "kill,full", first=30, every=90)
    assert len(found) >= 4
    check(beside, found)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", LOCAL)
def test_whatever_call_fails_the_same_command_goes_on(points, scenario):
    every = 1 if scenario == "clean" else EVERY
    beside, found = points(scenario, MODES, every=every)
    assert len(found) > 20
    check(beside, found)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", ["push", "pull", "pull over"])
def test_whatever_call_fails_a_transfer_goes_on(points, hub, tmp_path, scenario):
    variables = environment(hub.url, tmp_path / "disk/home", HF_TOKEN="hf_writer", HF_HUB_OFFLINE="0")
    words = ["hub.repo_id=user/corridor"]
    if scenario != "push":
        out = tmp_path / "published/x"
        for command in (["expert=random", "env.id=CartPole-v1", "episodes=1", "seed=2"], ["push", *words]):
            subprocess.run(
                [sys.executable, "-m", "builder", *command, f"out={out}"],
                env=variables,
                check=True,
                capture_output=True,
            )
        shutil.rmtree(tmp_path / "disk", ignore_errors=True)
    beside, found = points(scenario, MODES, *words, every=EVERY // 3 or 1, **variables)
    assert len(found) > 8
    check(beside, found)
