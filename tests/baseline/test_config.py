"""What a baseline may be asked for."""

import pytest

from builder.baseline.config import BaselineConfig, TrainConfig
from builder.composition import compose
from builder.errors import ConfigError


def asked(*words):
    return compose(BaselineConfig, "baseline", ["out=x", *words])


def test_what_is_usual_is_the_same_in_the_file_and_in_the_code():
    assert asked().train == TrainConfig()
    assert (asked().demos, asked().seeds, asked().episodes) == ([1, 5, 25, 100], 5, 100)


@pytest.mark.parametrize("word", ["demos=5", "demos=[5]", "demos=1,5", "demos=[1,5]"])
def test_numbers_of_demonstrations_may_come_without_brackets(word):
    assert asked(word).demos in ([5], [1, 5])


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("algo=gail", "algo"),
        ("seeds=0", "seeds is out of range; expected at least 1"),
        ("demos=0", "demos is out of range"),
        ("demos=[]", "demos names no number"),
        ("seeds=1000", "too many clones"),
        ("episodes=0", "episodes is out of range"),
        ("train.steps=0", "train.steps is out of range"),
        ("train.batch_size=0", "train.batch_size is out of range"),
        ("train.learning_rate=0", "train.learning_rate is out of range"),
        ("train.hidden=[0]", "train.hidden is out of range"),
        ("train.hidden=[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "too many layers"),
        ("parallel.backend=none", "parallel.backend"),
    ],
)
def test_what_cannot_be_trained_is_one_line(word, told):
    with pytest.raises(ConfigError, match=told):
        asked(word)
