"""Overrides before Hydra reads them: a sweep becomes its jobs."""

import pytest
from sweeps import case

from builder.composition import expand_sweep
from builder.errors import ConfigError

QUOTE = "expected key=value; quote a value that holds special characters: \"out='a=b'\""


SWEEPS = [
    (["episodes=2"], [["episodes=2"]]),
    ([], [[]]),
    (["seed=0,1", "episodes=2"], [["seed=0", "episodes=2"], ["seed=1", "episodes=2"]]),
    (["seed=range(0,3)"], [["seed=0"], ["seed=1"], ["seed=2"]]),
    (
        ["expert=cartpole,random", "seed=1,2"],
        [
            ["expert=cartpole", "seed=1"],
            ["expert=cartpole", "seed=2"],
            ["expert=random", "seed=1"],
            ["expert=random", "seed=2"],
        ],
    ),
    (["out='a,b'"], [["out='a,b'"]]),
    (["out=~/x", "seed=0,1"], [["out=~/x", "seed=0"], ["out=~/x", "seed=1"]]),
    (["env.kwargs.size=[1,2]"], [["env.kwargs.size=[1,2]"]]),
    (["env.kwargs.gravity=1,2"], [["env.kwargs.gravity=1"], ["env.kwargs.gravity=2"]]),
]


def test_a_sweep_is_every_combination_in_order():
    for overrides, jobs in SWEEPS:
        with case(overrides, jobs):
            assert list(expand_sweep(overrides)) == jobs


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=[1", f"'seed=[1' cannot be read; {QUOTE}"),
        (
            "seed=interval(0,1)",
            "'seed=interval(0,1)' cannot be swept: Can only enumerate CHOICE and RANGE sweeps",
        ),
        ("expert=glob(*)", "'expert=glob(*)' cannot be swept: "),
    ],
)
def test_a_sweep_that_cannot_be_expanded_is_refused(override, message):
    with pytest.raises(ConfigError) as caught:
        list(expand_sweep([override]))
    assert str(caught.value).startswith(message)
