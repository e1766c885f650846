"""The examples do what they say, and what docs/examples.md says of them."""

import pytest
from example_runs import EXAMPLES, agreed, figures, lines_of_code, page

ALL = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize(("example", "least"), [("behaviour_cloning", 475), ("visual_cloning", 400)])
def test_a_clone_in_plain_torch_balances_on_cartpole(tmp_path, example, least):
    assert agreed(example, tmp_path)["mean return of the clone"] >= least


@pytest.mark.slow
def test_dagger_swings_up_where_cloning_as_many_labels_does_not(tmp_path):
    found = agreed("dagger", tmp_path)
    assert found["mean return of DAgger"] > -300
    assert found["mean return of DAgger"] > found["mean return of cloning"] + 100


@pytest.mark.slow
def test_states_without_actions_are_enough_for_a_clone(tmp_path):
    found = agreed("from_observation", tmp_path)
    assert found["the expert's actions that were guessed, in percent"] > 99
    assert found["mean return of the clone"] >= 475


@pytest.mark.slow
def test_a_transformer_gives_the_return_that_it_is_asked_for(tmp_path):
    found = agreed("decision_transformer", tmp_path)
    few, some, many = (found[f"mean return where {asked} is asked for"] for asked in (25, 100, 400))
    assert few < 50 < some < 150 < found["mean return of the dataset"] + 100 < many


@pytest.mark.slow
def test_ppo_that_begins_as_a_clone_is_where_ppo_from_nothing_is_not(tmp_path):
    found = agreed("fine_tuning", tmp_path)
    assert found["mean return of PPO from nothing after 16384 steps"] < -400
    assert found["mean return of the clone after 16384 steps"] > -100


def test_the_page_tells_of_every_example():
    assert sorted(page()) == ALL


def test_a_line_without_a_figure_is_no_figure():
    assert figures("return: -1.5\nof 3: 2\nnothing: x\n") == {"return": -1.5}


@pytest.mark.parametrize("example", ALL)
def test_an_example_is_under_60_lines_of_code(example):
    assert lines_of_code(EXAMPLES / f"{example}.py") < 60


def test_the_loop_of_dagger_is_under_30_lines():
    code = (EXAMPLES / "dagger.py").read_text()
    loop = code[code.index("\ndef played(") : code.index("\nshown =")]
    assert len([line for line in loop.splitlines() if line.strip()]) < 30


def test_the_cloning_itself_is_under_20_lines():
    code = (EXAMPLES / "behaviour_cloning.py").read_text().split("\n\n")
    assert len([line for line in code[2].splitlines() if line.strip()]) < 20
