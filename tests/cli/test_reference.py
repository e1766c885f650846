"""The verb `reference`."""

import pytest

from builder.cli.main import main
from builder.manifest.reference import VARIABLE


def test_it_prints_the_scores_their_source_and_the_formula(capsys):
    assert main(["reference", "env.id=hopper-medium-v2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "known: hopper-medium-v2: random -20.3, expert 3,234.3",
        "  d4rl/infos.py of Farama-Foundation/D4RL at 89141a6",
        "",
        "normalised: 100 * (R + 20.2723) / (3234.3 + 20.2723), of 100",
        "rollout.target and dataset.normalized_returns are a hundredth of it (0 random, 1 expert)",
    ]


def test_it_says_what_it_measured_and_where_that_is_kept(short_cartpole, tmp_path, monkeypatch, capsys):
    import shutil

    monkeypatch.setenv(VARIABLE, str(tmp_path / "references.json"))
    shutil.copytree(short_cartpole, tmp_path / "x")
    words = ["expert=cartpole", "expert.check=off", "env.max_episode_steps=60", "episodes=2"]
    assert main(["reference", *words]) == 0
    said = capsys.readouterr().out
    assert said.startswith("measured: CartPole-v1: random ")
    assert "expert 60.0 ± 0.0" in said
    assert f"kept in {tmp_path / 'references.json'}" in said


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ([], 2, "reference needs an environment"),
        (["env.id=CartPole-v9"], 2, "CartPole-v9"),
        (["nowhere"], 1, "there is no dataset at nowhere"),
        (["expert=cartpole", "episodes=0"], 2, "episodes is out of range"),
    ],
    ids=["nothing", "version", "folder", "episodes"],
)
def test_what_cannot_be_measured_is_one_line(words, code, line, capsys):
    assert main(["reference", *words]) == code
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
