"""The stage `publish` of dvc.yaml: a copy of the pinned folder goes to the Hub, and nothing unless asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from folders import files
from hub_cases import environment, held
from places import ROOT

STAGE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["publish"]


@pytest.fixture
def publish(hub, folder, tmp_path):
    """Runs the stage's command where a pinned folder lies, as DVC does: in a shell."""
    pinned = tmp_path / "data" / "pinned" / "cartpole"
    shutil.copytree(folder, pinned)

    def run(**more):
        bin_folder = Path(sys.executable).parent
        settings = {"HF_TOKEN": "hf_writer", "PATH": f"{bin_folder}:{os.environ['PATH']}", **more}
        command = STAGE["cmd"].replace("${item.expert}", "cartpole")
        env = environment(hub.url, tmp_path / "home", **settings)
        subprocess.run(command, shell=True, check=True, cwd=tmp_path, env=env)

    return run, pinned


def test_nobody_has_asked_and_nothing_is_published(hub, publish, tmp_path):
    run, _ = publish
    run()
    assert not hub.store.repositories
    assert not (tmp_path / "data" / "published").exists()


@pytest.mark.slow
def test_who_asks_gets_a_repository_and_the_pinned_folder_stays_as_it_is(hub, publish):
    run, pinned = publish
    before = files(pinned)
    for _ in range(2):
        run(PUBLISH_AS="user")
        assert files(pinned) == before
        there = held(hub, "user/cartpole-expert")
        assert there.pop("README.md").count(b"user/cartpole-expert")
        assert there == {name: content for name, content in before.items() if name != "README.md"}
