"""A cable that is pulled and a host that is lost, on hosts that are network namespaces of this machine."""

import os
import shutil
import subprocess
import sys

import pytest
from extras import skip_without
from places import ROOT

NAME = f"ilb-{os.getpid()}-try"


@pytest.fixture
def namespaces():
    """Skipped where none can be made."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    if subprocess.run(["ip", "netns", "add", NAME], capture_output=True, check=False).returncode:
        pytest.skip("only root can make network namespaces")
    subprocess.run(["ip", "netns", "delete", NAME], check=True)


def listed():
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.usefixtures("namespaces")
def test_a_cut_link_and_a_lost_host_change_no_byte(tmp_path):
    skip_without("dask")
    pytest.importorskip("moto", reason="moto is not installed; the extra test has it")
    before = set(listed().split())
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.hosts", "episodes=2000", "lanes=16", "seconds=2"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for event in ("the host 'first' is pulled", "it is put back", "the host 'second' is lost", "ends with 0"):
        assert event in run.stdout
    assert set(listed().split()) <= before
    assert list(tmp_path.iterdir()) == []
