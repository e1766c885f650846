"""How many bytes have gone over: a bar on a terminal, plain lines elsewhere."""

import io
import itertools

from rich.console import Console

from builder.hub.byte_bar import ByteBar


def test_a_terminal_gets_a_bar_in_bytes():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with ByteBar("push user/name", 4_000_000, console) as bar:
        bar.reach("a", 1_000_000)
        bar.reach("b", 2_000_000)
        bar.reach("b", 1_000_000)
    shown = console.file.getvalue()
    assert "push user/name" in shown
    assert "3.0/4.0 MB" in shown


def test_a_pipe_gets_plain_lines_now_and_then(caplog):
    console = Console(file=io.StringIO())
    clock = itertools.count(step=3).__next__  # seconds; a line every five
    with caplog.at_level("INFO", "builder"), ByteBar("pull it", 4_000_000, console, clock=clock) as bar:
        bar.reach("a", 1_000_000)
        bar.reach("a", 2_000_000)
    assert [record.message for record in caplog.records] == ["pull it: 2.0 of 4.0 MB"]
    assert console.file.getvalue() == ""
