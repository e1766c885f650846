"""The experts as a table."""

import io

import pytest
from rich.console import Console

from builder.cli.experts import _print_table
from builder.errors import ConfigError
from builder.experts.policy import configured
from builder.experts.table import best, rows


def test_the_table_shows_name_environment_algorithm_source_threshold_and_return():
    assert ("ant", "Ant-v3", "", "TD3", "sb3/td3-Ant-v3", "5822", "5813.3 ± 589.8") in rows()


@pytest.mark.parametrize("width", [80, 160])
def test_no_name_is_cut_however_narrow_the_terminal(width):
    console = Console(width=width, file=io.StringIO())
    _print_table(console)
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert {name for name in configured() if f"\n{name} " in console.file.getvalue()} == set(configured())
    assert ("sb3/ppo_lstm-CartPoleNoVel-v1" in console.file.getvalue()) == (width == 160)


def test_those_that_play_an_environment_are_listed_best_first_and_other_versions_after():
    found = [row[0] for row in rows("HalfCheetah-v5")]
    assert found[:6] == [
        "halfcheetah-v5",
        "tqc-halfcheetah-v5",
        "halfcheetah-v5-medium",
        "tqc-halfcheetah-v5-medium",
        "halfcheetah-v5-simple",
        "tqc-halfcheetah-v5-simple",
    ]
    assert found[6] == "tqc-halfcheetah"  # 12,090 on -v3
    assert {row[1] for row in rows("ALE/Breakout-v5")} == {"BreakoutNoFrameskip-v4"}


def test_an_environment_that_nobody_plays_is_an_error_with_a_near_one():
    with pytest.raises(ConfigError, match="did you mean 'HalfCheetah-v5'"):
        rows("HalfCheeta-v5")


@pytest.mark.parametrize(
    ("env_id", "name"),
    [("CartPole-v1", "cartpole"), ("HalfCheetah-v5", "halfcheetah-v5"), ("Acrobot-v1", "qrdqn-acrobot")],
)
def test_the_best_expert_of_an_environment_is_one_that_is_here_or_the_first_of_its_list(env_id, name):
    assert best(env_id) == name


def test_there_is_no_best_expert_of_a_version_that_none_was_trained_on():
    with pytest.raises(ConfigError, match=r"trained on HalfCheetah-v77.*expert="):
        best("HalfCheetah-v77")
