"""A pickle is read as a record of what it would do, and does nothing."""

import contextlib
import pickle
import time
import types

import pytest
from pickles import PROTOCOL, called, name
from sb3_models import tamper
from sweeps import case, sweep

from builder.errors import ArchiveError, ExpertError
from builder.experts.archive.agent import read_agent
from builder.experts.archive.inert_pickle import Call, Entries, Global, decode


def nested(depth):
    """A tuple of itself twice, and so on: hashing it takes 2**depth steps."""
    return b")" + b"".join(
        b"\x94h" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(depth)
    )


BOMBS = {
    "a tuple that takes for ever to hash": PROTOCOL + b"}" + nested(60) + b"K\x01s.",
    "a type hint that takes for ever to check": PROTOCOL
    + called(name("types", "GenericAlias"), name("builtins", "list"), nested(60))
    + b".",
    "a million numbers with one hash": b"\x80\x02}("
    + b"".join(b"\x8a\x0b" + (n * (2**61 - 1)).to_bytes(11, "little") + b"N" for n in range(1, 100_000))
    + b"u.",
    "a memo of numbers with one hash": b"\x80\x02N"
    + b"".join(b"p%d\n" % (n * (2**61 - 1)) for n in range(100_000))
    + b".",
    "lists without end": PROTOCOL + b"]" * 400_000 + b".",
    "a string that is not there": PROTOCOL + b"\x8d" + (1 << 40).to_bytes(8, "little") + b".",
    "a number of many digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "one list in a hundred thousand calls": PROTOCOL
    + b"]\x94("
    + b"K\x01" * 100_000
    + b"e"
    + b"".join([name("collections", "deque") + b"h\x00\x85R0"] * 20_000)
    + b".",
}


@sweep("bomb", BOMBS, quick=3)
def test_pickle_bomb_is_defused_at_once(archive, bomb):
    tamper(archive, "lr_schedule", BOMBS[bomb])
    began = time.process_time()
    with contextlib.suppress(ExpertError):
        read_agent(archive)
    assert time.process_time() - began < 5


def test_records_keep_what_the_pickle_says():
    content = pickle.dumps({"a": [1, 2.5, "x"], "b": (None, True, b"y")}, 4)
    record = decode(content, "x").value
    assert isinstance(record, Entries)
    assert dict(record.pairs) == {"a": [1, 2.5, "x"], "b": (None, True, b"y")}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_calls_are_recorded_and_not_made(protocol):
    class_name = f"{types.__name__}.SimpleNamespace"
    record = decode(pickle.dumps(types.SimpleNamespace(a=1), protocol), "x")
    assert isinstance(record.value, Call)
    assert record.value.path == class_name
    assert record.names == (Global("types", "SimpleNamespace"),)
    assert dict(record.value.state.pairs) == {"a": 1}


def test_damaged_pickle_is_named_so():
    for content in [b"", b".", b"\x80\x04", b"garbage", b"]a.", b"(.", b"h\x07.", b"K\x01K\x02."]:
        with case(content), pytest.raises(ArchiveError, match="x: the pickle"):
            decode(content, "x")


def test_pickle_of_too_many_op_codes_is_refused():
    with pytest.raises(ArchiveError, match="more than 300000 op-codes"):
        decode(b"\x80\x02" + b"N0" * 200_000 + b"N.", "x")


def test_op_codes_of_all_fields_are_counted_together(archive):
    for field in ("a", "b"):
        tamper(archive, field, b"\x80\x02" + b"N0" * 90_000 + b"N.")
    with pytest.raises(ArchiveError, match="op-codes"):
        read_agent(archive)
