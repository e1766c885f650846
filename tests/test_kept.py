"""Datasets that version 0.1.0 has written, kept as they were: this version loads, verifies and grows them."""

import shutil

import numpy as np
import pytest
from places import ROOT

from builder import Controller, load
from builder.cli.main import main
from builder.manifest.manifest import read_manifest

FOLDERS = ROOT / "tests" / "kept" / "0.1.0"
KEPT = [FOLDERS / "pendulum", pytest.param(FOLDERS / "cartpole", marks=pytest.mark.slow)]
PLAYED = ["expert.check=off", "env.max_episode_steps=20", "threshold=-inf", "dataset.test_fraction=0.25"]


@pytest.fixture(params=KEPT, ids=["pendulum", "cartpole"])
def kept(request, tmp_path):
    shutil.copytree(request.param, tmp_path / request.param.name)
    return tmp_path / request.param.name


def test_it_is_of_that_version(kept):
    assert read_manifest(kept).inputs["packages"]["il-builder"] == "0.1.0"


def test_it_loads(kept):
    dataset = load(kept)
    assert (len(dataset), dataset.arrays()["reward"].shape) == (3, (60,))
    assert len(load(kept, split="test")) == 1


def test_it_is_verified_by_playing_it_again(kept, capsys):
    assert main(["verify", f"out={kept}", "level=rebuild"]) == 0
    assert f"verified: {kept}" in capsys.readouterr().out


def test_it_grows_and_what_was_there_stays(kept):
    before = load(kept, split="test").arrays()
    result = Controller().start([f"expert={kept.name}", *PLAYED, "episodes=6", f"out={kept}"])
    assert result.grown_from == 4
    after = load(kept, split="test").arrays()
    assert all(np.array_equal(values, after[name][: len(values)]) for name, values in before.items())
    assert main(["verify", f"out={kept}", "level=replay"]) == 0
