"""A bar on a terminal; elsewhere a log line every few seconds, and one at the end."""

import io
import itertools

from rich.console import Console
from sweeps import case

from builder.display import PLAIN_SECONDS, Display, shown_size


def shown_on(console, total, *lines, clock=lambda: 0.0):
    with Display("count", total, console=console, clock=clock) as display:
        for completed, last in lines:
            display.show(completed, f"{completed} of {total}", last=last)


def test_a_terminal_gets_a_bar_and_no_line(caplog):
    caplog.set_level("INFO", "builder")
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    shown_on(console, 4, (1, False), (4, True))
    assert "count" in console.file.getvalue()
    assert "━" in console.file.getvalue()
    assert caplog.messages == []


def test_colours_that_are_asked_for_draw_no_bar_into_a_pipe(monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Display("count", 4) as display:
        display.show(2, "2 of 4")
    assert capfd.readouterr().err == ""


def test_a_notebook_without_widgets_gets_lines_and_no_warning(caplog, recwarn):
    caplog.set_level("INFO", "builder")
    shown_on(Console(file=io.StringIO(), force_jupyter=True), 2, (2, True))
    assert caplog.messages == ["count: 2 of 2"]
    assert not recwarn.list


def test_nothing_to_do_has_no_bar(caplog):
    caplog.set_level("INFO", "builder")
    console = Console(file=io.StringIO(), force_terminal=True)
    shown_on(console, 0, (0, True))
    assert console.file.getvalue() == ""
    assert caplog.messages == ["count: 0 of 0"]


def test_lines_are_some_seconds_apart_and_the_last_is_always_there(caplog):
    caplog.set_level("INFO", "builder")
    clock = itertools.count(step=PLAIN_SECONDS / 4).__next__
    shown_on(Console(file=io.StringIO()), 9, *((done, done == 9) for done in range(1, 10)), clock=clock)
    assert caplog.messages == ["count: 4 of 9", "count: 8 of 9", "count: 9 of 9"]


def test_a_size_is_shown_in_the_unit_that_says_something():
    for size, text in [
        (0, "0 B"),
        (999, "999 B"),
        (12_345, "12.3 kB"),
        (4_000_000, "4.0 MB"),
        (5e9, "5,000.0 MB"),
    ]:
        with case(size, text):
            assert shown_size(size) == text
