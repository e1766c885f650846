"""The verb `baseline`."""

import shutil
import subprocess
import sys

import pytest

from builder.cli.main import main

QUICK = ["demos=1,9", "seeds=1", "episodes=2", "train.steps=20", "train.hidden=[8]"]


def test_the_command_shows_the_curve_and_that_it_is_known(short_cartpole, tmp_path, capsys):
    out = shutil.copytree(short_cartpole, tmp_path / "x")
    assert main(["baseline", str(out), *QUICK]) == 0
    said = capsys.readouterr().out
    assert "score of 100" in said.splitlines()[0]
    assert [line.split()[0] for line in said.splitlines()[1:5]] == ["1", "3", "random", "cartpole"]
    assert "note: train holds 3 episodes, which stand for the 9 that were asked for\n" in said
    assert f"trained: {out}/baseline.json, and on its card\n" in said
    assert main(["baseline", str(out), *QUICK]) == 0
    assert f"known: {out}/baseline.json" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_shows_no_progress_but_its_own(short_cartpole, tmp_path):
    out = shutil.copytree(short_cartpole, tmp_path / "x")
    words = [sys.executable, "-m", "builder", "baseline", str(out), *QUICK]
    called = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "Generating" not in called.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "out must be given"),
        (["nowhere"], "there is no dataset at nowhere"),
        (["out=s3://bucket/x"], "baseline"),
        (["x", "algo=gail"], "algo"),
    ],
    ids=["no dataset", "nothing there", "a url", "algorithm"],
)
def test_what_is_missing_is_one_line(words, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["baseline", *words]) in (1, 2)
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
