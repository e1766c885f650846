"""The verb `view`."""

import json
import os
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest
from hub_cases import REPOSITORY, environment
from places import ROOT

from builder import load
from builder.cli.main import main


def started(*words, settings=None):
    program = [sys.executable, "-m", "builder", "view", *words, "browser=false"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(program, env={**(settings or os.environ), "PYTHONPATH": str(ROOT)}, **options)


def got(url, name):
    with urlopen(url + name, timeout=30) as answer:
        return answer.read()


def test_it_prints_where_it_serves_a_folder_and_ends_when_it_is_interrupted(two_episodes):
    with started(str(two_episodes)) as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert got(url, "dataset/manifest.json") == (two_episodes / "manifest.json").read_bytes()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said == f"the viewer of {two_episodes}; ctrl-C ends it\n"


@pytest.mark.slow
def test_of_a_repository_come_the_files_that_are_asked_for_and_no_token_goes_out(
    hub, clients, published, tmp_path
):
    settings = environment(hub.url, tmp_path / "home", HF_TOKEN="hf_writer")
    with started(f"hub.repo_id={REPOSITORY}", settings=settings) as process:
        url = process.stdout.readline().strip()
        shard = "episodes/train-00000-of-00001.parquet"
        assert got(url, f"dataset/{shard}") == (published / shard).read_bytes()
        assert not hub.requests("resolve/.*/data/")
        assert b"hf_writer" not in got(url, "config.json")
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "hf_writer" not in out + said


def test_the_same_page_is_written_as_a_static_space(two_episodes, tmp_path, capsys):
    assert main(["view", str(two_episodes), "hub.repo_id=user/data", f"to={tmp_path / 'space'}"]) == 0
    assert "user/data" in capsys.readouterr().out
    config = json.loads((tmp_path / "space/config.json").read_text())
    assert config["repo"] == "user/data"
    assert config["names"]["CartPole-v1"]["observation"][0] == "cart position"


def test_a_dataset_must_be_named_once(two_episodes, capsys):
    assert main(["view"]) == 2
    assert main(["view", str(two_episodes), "hub.repo_id=user/data"]) == 2
    assert main(["view", "out=nowhere", "browser=false"]) == 1
    assert main(["view", "hub.repo_id=x", "to=space"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert ["out=FOLDER" in errors[0], "two datasets" in errors[1], "no dataset" in errors[2]] == [True] * 3
    assert len(errors) == 4


def test_films_of_the_episodes_that_are_named_are_put_beside_a_static_page(two_episodes, tmp_path, capsys):
    pytest.importorskip("av")
    words = ["view", str(two_episodes), f"to={tmp_path / 'space'}"]
    assert main([*words, "episodes=[longest,1,longest]"]) == 0
    films = sorted(path.name for path in (tmp_path / "space/films").iterdir())
    assert "train-1.mp4" in films
    assert len(films) == len({1, max(range(2), key=lambda index: len(load(two_episodes)[index].actions))})
    assert main([*words, "episodes=[7]"]) == 2
    assert "there is no episode 7" in capsys.readouterr().err
