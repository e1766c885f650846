"""The verb `relabel`."""

import pytest

from builder import build
from builder.cli.main import main
from builder.manifest.manifest import read_manifest


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    out = tmp_path_factory.mktemp("played") / "x"
    build("random", episodes=3, out=str(out), env={"id": "CartPole-v1", "max_episode_steps": 9})
    return out


def test_the_command_says_what_it_made_and_that_it_stands(played, tmp_path, capsys):
    words = ["relabel", str(played), "expert=cartpole", f"to={tmp_path / 'x'}"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"relabelled: {tmp_path / 'x'}\n  3 episodes, ")
    assert "steps, labelled by cartpole\n" in said
    assert read_manifest(tmp_path / "x").fingerprint in said
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"up to date: {tmp_path / 'x'}\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["to=x"], "expert"),
        (["expert=cartpole"], "to must be given"),
        (["expert=pendulum", "to=x"], "pendulum cannot label this dataset"),
    ],
    ids=["no expert", "no place", "another environment"],
)
def test_what_is_missing_or_does_not_fit_is_one_line(played, tmp_path, capsys, words, told):
    words = [word.replace("to=x", f"to={tmp_path / 'x'}") for word in words]
    assert main(["relabel", str(played), *words]) in (1, 2)
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_without_a_dataset_there_is_nothing_to_label(capsys):
    assert main(["relabel", "expert=cartpole", "to=x"]) == 2
    assert "relabel needs a dataset" in capsys.readouterr().err
