"""The table of `make baselines`: what it says is what was measured, and what is measured is kept."""

import json
import shutil

import gymnasium as gym
import numpy as np
import pytest
from places import ROOT

from benchmarks import baseline_tables
from benchmarks.baselines import FIGURES, TASKS, Figures, Task, measure
from benchmarks.peer_clones import check, network_of
from builder.episodes.spaces import Spaces

NAMES = [task.name for task in TASKS]
ABOUT = {"episodes": 2, "dataset": "d" * 64, "train": {}, "seed": 200_000}
POLE = {
    "about": ABOUT,
    "random": [10.0, 30.0],
    "expert": [500.0, 500.0],
    "clones": {"il-builder/5/0": 500.0, "il-builder/5/1": 260.0, "d3rlpy/25/0": 20.0},
    "versions": {"il-builder": {"torch": "2"}, "d3rlpy": {"d3rlpy": "3"}},
}
CAR = {
    **POLE,
    "random": [0.0, 0.0],
    "expert": [1.0, 3.0],
    "clones": {"il-builder/5/0": 2.0, "il-builder/5/1": 1.0},
    "versions": {"il-builder": {"torch": "2"}},
}
QUICK = {"demos": "1,2", "seeds": "2", "episodes": "3", "train.steps": "10", "peers": "nowhere"}
OBSERVED = gym.spaces.Box(-1, 1, (3,), np.float32)
NUMBERS = {
    "activation": np.array("ReLU"),
    "weight.0": np.eye(3),
    "bias.0": np.zeros(3),
    "weight.1": np.array([[1.0, 0, 0], [0, 2, 0]]),
    "bias.1": np.zeros(2),
    "squash": np.array(1),
}
SEEN = np.array([[0.5, 0.5, -1.0], [1.0, -1.0, 0.0]], np.float32)


def rows(table):
    """The cells of a table of Markdown, without its two first lines."""
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]


def test_the_committed_table_and_its_pictures_are_of_the_committed_figures():
    figures = baseline_tables.found_in(FIGURES, NAMES)
    assert sorted(figures) == sorted(path.stem for path in FIGURES.iterdir())
    assert baseline_tables.TARGET.read_text() == baseline_tables.text_of(figures), "make baselines"
    drawn = {path.stem for path in (ROOT / "docs/baselines").glob("*.png")}
    assert drawn == {name.lower() for name in figures}


def test_a_row_has_means_with_intervals_and_nothing_where_nothing_was_trained():
    first, second = rows(baseline_tables.returns({"CartPole": POLE, "Car": CAR}))
    assert first[:2] == ["CartPole", "2 × 2"]
    assert first[4:] == ["380.0 [260.0, 500.0]", "20.0 [20.0, 20.0]", "500"]
    assert second[2:] == ["0.0 [0.0, 0.0]", "2.0 [1.0, 3.0]", "1.5 [1.0, 2.0]", "", ""]


def test_scores_of_all_environments_are_counted_together():
    """100 and 50 of each environment: the middle half of 50, 50, 100, 100 has their mean."""
    ours, theirs = rows(baseline_tables.across({"Pole": POLE, "Car": CAR}))
    assert ours[0] == "il-builder, 5"
    assert ours[1].startswith("75.0 [")
    assert ours[2] == "4 in 2 environments"
    assert theirs == ["d3rlpy, 25", "0.0 [0.0, 0.0]", "1 in 1 environments"]


def test_versions_stand_once_with_all_that_was_measured_with_them():
    lines = baseline_tables.measured_with({"Pole": POLE, "Car": CAR}).splitlines()
    assert lines == ["* il-builder: torch 2 (Pole, Car)", "* d3rlpy: d3rlpy 3 (Pole)"]


def test_figures_of_something_else_are_begun_anew(tmp_path):
    path = tmp_path / "CartPole.json"
    path.write_text(json.dumps(POLE))
    assert Figures(path, ABOUT).found == POLE
    assert Figures(path, {**ABOUT, "episodes": 3}).found["clones"] == {}


def test_only_what_is_missing_is_measured_and_comes_out_the_same(short_cartpole, tmp_path, capsys):
    shutil.copytree(short_cartpole, tmp_path / "CartPole")
    task, options = Task("CartPole", expert="cartpole"), {**QUICK, "folder": str(tmp_path)}
    measure(task, options, tmp_path)
    path = tmp_path / "CartPole.json"
    whole = json.loads(path.read_text())
    assert sorted(whole["clones"]) == [f"il-builder/{demos}/{seed}" for demos in (1, 2) for seed in (0, 1)]
    assert (whole["expert"], len(whole["random"])) == ([20.0] * 3, 3)
    path.write_text(json.dumps({**whole, "clones": {"il-builder/1/0": whole["clones"]["il-builder/1/0"]}}))
    capsys.readouterr()
    measure(task, options, tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert json.loads(path.read_text()) == whole


@pytest.mark.parametrize(
    ("action_space", "did"),
    [
        pytest.param(gym.spaces.Discrete(2), np.array([1, 0]), id="choices"),
        pytest.param(
            gym.spaces.Box(-2, 2, (2,), np.float32),
            2 * np.tanh([[0.5, 1.0], [1.0, 0.0]]),
            id="numbers",
        ),
    ],
)
def test_the_layers_of_a_peer_act_as_they_do_there_or_are_refused(action_space, did):
    network = network_of(NUMBERS, Spaces(OBSERVED, action_space))
    check(network, SEEN, did)
    with pytest.raises(ValueError, match="does not act as the peer's policy does"):
        check(network, SEEN, did[::-1])
