"""What a user sees while a build runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from builder.pipeline.progress import Reporter
from builder.rollout.summary import ChunkSummary


def chunk(first, count):
    return ChunkSummary(
        start=first,
        stop=first + count,
        path=Path("chunk"),
        returns=np.full(count, 500.0),
        lengths=np.full(count, 500),
        digests=(),
        row_bytes=25.0,
        accepted=np.ones(count, bool),
        failed=np.zeros(count, bool),
        seconds=1.0,
    )


def reporter(console, clock):
    return Reporter(
        "cartpole",
        "CartPole-v1",
        wanted=1000,
        console=console,
        clock=clock,
    )


def test_a_terminal_of_80_columns_shows_all_figures_in_one_line():
    console = Console(force_terminal=True, width=80, color_system=None)
    seconds = iter([0, 0])  # ten of them pass after the beginning
    with console.capture() as shown, reporter(console, lambda: next(seconds, 10)) as bar:
        bar.add(chunk(0, 1000))
    last = [line for line in shown.get().splitlines() if "cartpole" in line][-1]
    assert "1000/1000" in last
    assert "1,000 attempts · 50,000 steps/s · mean return 500.0" in last
    assert last.rstrip().endswith("00:00")


def test_a_log_line_says_who_plays_what_and_how_far_it_is(caplog):
    caplog.set_level("INFO", logger="builder")
    with reporter(Console(force_terminal=False), lambda: 0.0) as lines:
        lines.add(chunk(0, 10))
        assert not caplog.messages  # seconds apart
        lines.add(chunk(10, 990))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        "cartpole: 1000 of 1000 episodes of CartPole-v1 accepted · 1,000 attempts"
    )


def test_a_mean_over_rejected_attempts_too_says_so(caplog):
    caplog.set_level("INFO", logger="builder")
    with reporter(Console(force_terminal=False), lambda: 0.0) as lines:
        lines.add(replace(chunk(0, 2000), accepted=np.arange(2000) % 2 == 0))
    assert caplog.messages[0].endswith("mean return of all 500.0")


def test_no_speed_is_shown_where_nothing_was_played_now(caplog):
    caplog.set_level("INFO", logger="builder")
    with reporter(Console(force_terminal=False), lambda: 0.0) as lines:
        lines.add(replace(chunk(0, 1000), seconds=0.0))
    assert "1,000 attempts · mean return 500.0" in caplog.text


def test_the_seconds_end_with_the_last_chunk_whatever_is_written_after_it():
    now = [0.0]
    with reporter(Console(force_terminal=False), lambda: now[0]) as lines:
        now[0] = 4.0
        lines.add(chunk(0, 10))
        now[0] = 9.0
    assert (lines.seconds, lines.steps_per_second) == (4.0, 1250.0)


def test_a_play_that_is_a_part_of_something_else_says_only_how_far_it_is(caplog):
    caplog.set_level("INFO", logger="builder")
    now = iter([0.0, 0.0, 6.0, 6.0, 6.0])
    shown = {"console": Console(force_terminal=False), "clock": lambda: next(now, 7.0)}
    with Reporter("cartpole", "CartPole-v1", wanted=1000, aside=True, **shown) as lines:
        lines.add(chunk(0, 500))
        lines.add(chunk(500, 500))
    assert len(caplog.messages) == 1
    assert "cartpole: 500 of 1000" in caplog.messages[0]
