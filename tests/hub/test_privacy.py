"""The token goes to the Hub in a header and appears nowhere else."""

import re
from pathlib import Path

import pytest
from folders import files
from hub_cases import REPOSITORY

TOKEN = "hf_writer"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [None, ("status", 403), ("status", 401), ("drop", 0)], ids=str)
def test_the_token_is_in_no_output_file_or_process_title(hub, shell, folder, tmp_path, fault):
    if fault:
        hub.fault(fault[0], "/commit/|GET /cdn/", status=fault[1])
    stuck = hub.fault("stuck", "GET /api/datasets", times=1)
    loud = {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug", "PYTHONUNBUFFERED": "1"}
    push = shell.start("push", f"out={folder}", f"hub.repo_id={REPOSITORY}", "debug=true", **loud)
    assert stuck.reached.wait(60)
    title = Path(f"/proc/{push.pid}/cmdline").read_bytes()
    stuck.released.set()
    said = push.communicate()[0]
    pull = shell("pull", "out=y", f"hub.repo_id={REPOSITORY}", "debug=true", **loud)
    assert (push.returncode, pull.returncode) == ((0, 0) if fault is None else (1, pull.returncode))
    assert "Send: curl" in said  # the loudest level there is
    for text in (said, pull.stdout, pull.stderr, title.decode()):
        assert TOKEN not in text
    here = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not [path for path, content in here.items() if TOKEN.encode() in content]
    assert not re.search(TOKEN, str(files(folder)))


@pytest.mark.slow
def test_a_token_cannot_be_given_as_a_key(shell, folder):
    answer = shell("push", f"out={folder}", f"hub.repo_id={REPOSITORY}", "hub.token=hf_mine")
    assert answer.returncode == 2
    assert "there is no key 'hub.token'" in answer.stderr
    assert "hf_mine" not in answer.stderr
