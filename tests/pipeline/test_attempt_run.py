"""Attempts of a user's own `enjoy`: each called once, resumed from the journal, or an error."""

import json

import pytest
from corridor import CORRIDOR, Always, record
from folders import files

from builder import Controller, Experts, Policy, load
from builder.errors import RolloutError
from builder.storage.layout import Layout

THREADS = {"parallel": "threading", "parallel.n_jobs": 2}


def test_an_own_enjoy_is_called_once_per_attempt_and_a_rejected_one_is_replaced(tmp_path, caplog):
    caplog.set_level("INFO")

    def enjoy(path, context, expert):
        return record(path, context, expert, refuse=lambda index: index % 2 == 0)

    Controller(enjoy).start({**CORRIDOR, "episodes": 4, "out": str(tmp_path / "x"), **THREADS})
    assert load(tmp_path / "x").episode_table["attempt_index"][:] == [1, 3, 5, 7]
    assert "attempt 1: " in caplog.text


@pytest.mark.slow
def test_an_own_enjoy_resumes_over_a_half_written_line_and_plays_a_damaged_file_again(tmp_path, caplog):
    def enjoy(path, context, expert):
        played.append(context.index)
        return record(path, context, expert)

    played = []
    Experts.register("right", Policy(name="Corridor-v0", policy=Always(), version="1"))
    config = {"expert": "right", "episodes": 4, "rollout.lanes": 1}
    Controller(enjoy).start({**config, "mode": "play", "out": str(tmp_path / "x")})
    (journal,) = Layout.of(tmp_path / "x").chunks.glob("*/attempts.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    theirs = [{"attempt": 1}, [], {"attempt": "1", "accepted": True, "file": "../x"}, {"accepted": []}]
    strange = [*map(json.dumps, theirs), "[" * 100_000, "1" * 5_000]
    journal.write_text("".join([*lines[:3], *(f"{line}\n" for line in strange), lines[3][:20]]))
    (damaged,) = journal.parent.glob("attempt-00000001*")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    played.clear()
    with caplog.at_level("WARNING", "builder"):
        Controller(enjoy).start({**config, "out": str(tmp_path / "x")})
    assert sorted(played) == [1, 3]
    assert "is damaged; its attempt is played again" in caplog.text
    Controller(enjoy).start({**config, "out": str(tmp_path / "y")})
    assert files(tmp_path / "x") == files(tmp_path / "y")


def test_an_own_enjoy_that_raises_stops_the_build_with_its_cause(tmp_path):
    def enjoy(path, context, expert):
        raise KeyError("no such joint")

    with pytest.raises(RolloutError, match="enjoy raised in attempt 0") as caught:
        Controller(enjoy).start({**CORRIDOR, "out": str(tmp_path / "x")})
    assert isinstance(caught.value.__cause__, KeyError)
    assert not (tmp_path / "x").exists()


def test_an_own_enjoy_that_records_nothing_is_an_error(tmp_path):
    with pytest.raises(RolloutError, match="accepted attempt 0 without recording it"):
        Controller(lambda path, context, expert: True).start({**CORRIDOR, "out": str(tmp_path / "x")})
