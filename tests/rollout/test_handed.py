"""What every attempt is handed crosses to another process once, as a file, and is small on the way."""

import subprocess
import sys
import threading

import cloudpickle
import numpy as np
import pytest

from builder.errors import ExpertError, RolloutError
from builder.rollout.handed import Handed, forget


@pytest.fixture
def handed(tmp_path):
    yield Handed(np.arange(1 << 16), tmp_path / "expert", "token")
    forget("token")


def test_in_this_process_it_is_the_value_itself_and_no_file(handed, tmp_path):
    assert handed.value[-1] == (1 << 16) - 1
    assert not (tmp_path / "expert").exists()


def test_on_the_way_it_is_small_and_there_it_is_the_value(handed, tmp_path):
    task = cloudpickle.dumps(handed)
    assert len(task) < 500
    assert (tmp_path / "expert").stat().st_size > 1 << 19
    code = "import sys, cloudpickle; print(cloudpickle.loads(sys.stdin.buffer.read()).value.sum())"
    there = subprocess.run([sys.executable, "-c", code], input=task, capture_output=True, check=True)
    assert int(there.stdout) == handed.value.sum()


def test_a_process_reads_it_once_until_the_build_is_over(handed):
    task = cloudpickle.dumps(handed)
    first, second = cloudpickle.loads(task), cloudpickle.loads(task)
    assert first is second
    forget("token")
    assert cloudpickle.loads(task) is not first


@pytest.mark.parametrize("left", ["nothing", "something else"])
def test_a_file_that_is_not_the_one_that_was_written_is_refused(handed, tmp_path, left):
    task = cloudpickle.dumps(handed)
    (tmp_path / "expert").unlink()
    if left == "something else":
        (tmp_path / "expert").write_bytes(cloudpickle.dumps("other"))
    with pytest.raises(RolloutError, match=r"do not see .*expert as it was written"):
        cloudpickle.loads(task)


def test_what_cannot_leave_the_process_is_named(tmp_path):
    handed = Handed(threading.Lock(), tmp_path / "expert", "other")
    with pytest.raises(ExpertError, match="the expert cannot be sent to the workers"):
        cloudpickle.dumps(handed)
    assert not (tmp_path / "expert").exists()


def test_its_file_is_gone_once_it_is_removed(handed, tmp_path):
    cloudpickle.dumps(handed)
    handed.remove()
    assert not (tmp_path / "expert").exists()
    handed.remove()
