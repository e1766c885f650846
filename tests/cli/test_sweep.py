"""Each job of a sweep is run, and what came of it is said at the end."""

import pytest
from folders import names

from builder.cli.main import main
from builder.cli.sweep import sweep
from builder.errors import ConfigError, RolloutError

JOBS = [["a=1", "seed=0"], ["a=1", "seed=1"], ["a=1", "seed=2"]]


def refuse(*errors):
    left = list(errors)

    def run(job):
        if error := left.pop(0):
            raise error

    return run


def test_a_job_that_fails_does_not_keep_the_others_from_being_run(capsys):
    first, second = RolloutError("too slow", remedy="go faster"), ConfigError("no such thing")
    assert sweep(JOBS, refuse(first, None, second)) == 1
    said = capsys.readouterr()
    assert said.out == "\nsweep of 3 jobs:\n  failed: seed=0\n  done: seed=1\n  failed: seed=2\n"
    assert said.err == "il-builder: seed=0: too slow; go faster\nil-builder: seed=2: no such thing\n"


def test_what_the_system_answers_is_explained(capsys):
    assert sweep(JOBS, refuse(None, PermissionError(13, "Permission denied", "x"), None)) == 1
    assert "il-builder: seed=1: x: Permission denied; mend" in capsys.readouterr().err


def test_jobs_that_an_interrupt_has_left_out_are_named(capsys):
    with pytest.raises(KeyboardInterrupt):
        sweep(JOBS, refuse(None, KeyboardInterrupt()))
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  done: seed=0",
        "  not run: seed=1",
        "  not run: seed=2",
    ]


def test_builds_are_summed_up_by_what_stands_where(capsys):
    words = ["-m", "expert=random", "env.id=CartPole-v1", "episodes=2", "verify_sample=0"]
    assert main(["expert=random", "env.id=CartPole-v1", "episodes=2", "seed=1", "out=d/1"]) == 0
    assert main(["expert=random", "env.id=CartPole-v1", "episodes=1", "seed=2", "out=d/2"]) == 0
    capsys.readouterr()
    assert main([*words, "seed=0,1,-7,2", "out=d/${seed}"]) == 2
    said = capsys.readouterr()
    assert said.out.splitlines()[-5:] == [
        "sweep of 4 jobs:",
        "  built: d/0",
        "  up to date: d/1",
        "  failed: seed=-7",
        "  grown from 1 to 2 episodes: d/2",
    ]
    (line,) = [line for line in said.err.splitlines() if line.startswith("il-builder: ")]
    assert line.startswith("il-builder: seed=-7: ")
    assert [name for name in names("d") if not name.startswith(".")] == ["0", "1", "2"]
