"""Values that flax wrote are read, and nothing else is."""

import contextlib
import os
import time

import pytest
from damaged import NAMED, SECONDS, Mutator
from places import ROOT
from sweeps import case

from builder.errors import ArchiveError, UnsupportedExpertError
from builder.experts.archive.cleanrl import read_cleanrl
from builder.experts.archive.flax_msgpack import read_msgpack
from builder.storage.limits import FLAX_DEPTH, FLAX_VALUES

FILES = ROOT / "tests" / "flax_files"


def array(shape=b"\x91\x02", name=b"\xa7float32", numbers=b"\xc4\x08" + bytes(8), kind=1):
    """An array as flax describes it; each part may be another."""
    content = b"\x93" + shape + name + numbers
    return b"\xc7" + bytes([len(content), kind]) + content


def test_arrays_and_values_of_every_kind_are_read():
    values = read_msgpack(
        b"\x87\xa1a\x07\xa1b\xff\xa1c\xcb?\xf8" + bytes(6) + b"\xa1d\xc0\xa1e\xc3\xa1f\x92\x01\xa1x"
        b"\xa1g" + array(),
        "x",
    )
    assert values.pop("g").tolist() == [0, 0]
    assert values == {"a": 7, "b": -1, "c": 1.5, "d": None, "e": True, "f": [1, "x"]}


def test_what_flax_wrote_has_its_layers():
    value = read_msgpack((FILES / "dqn_jax.cleanrl_model").read_bytes(), "x")
    shapes = {name: layer["kernel"].shape for name, layer in value["params"].items()}
    assert shapes == {"Dense_0": (4, 120), "Dense_1": (120, 84), "Dense_2": (84, 4)}


NO_SUCH_FILES = [
    (b"", ArchiveError, "cut short"),
    (b"\x07\x07", ArchiveError, "1 bytes follow its end"),
    (b"\xc1", ArchiveError, "type 0xc1"),
    (b"\xdf\xff\xff\xff\xff", ArchiveError, "cut short"),
    (b"\xdd\xff\xff\xff\xff" + b"\x07" * (FLAX_VALUES + 9), ArchiveError, "too many values"),
    (b"\x91" * (FLAX_DEPTH + 2) + b"\x07", ArchiveError, "nested too deep"),
    (b"\xdb\x7f\xff\xff\xff", ArchiveError, "a text of 2147483647 bytes"),
    (b"\xc6\x7f\xff\xff\xff", UnsupportedExpertError, "bytes that are no array"),
    (b"\xc9\x7f\xff\xff\xff\x01", ArchiveError, "cut short"),
    (b"\x81\x07\x07", ArchiveError, "a name that is none"),
    (b"\x82\xa1a\x07\xa1a\x07", ArchiveError, "twice"),
    (b"\xa1\xff", ArchiveError, "UnicodeDecodeError"),
    (array(kind=2), UnsupportedExpertError, "a value of kind 2"),
    (array(shape=b"\x91\x03"), ArchiveError, "expected 12 bytes; got 8"),
    (array(shape=b"\x91\xff"), ArchiveError, r"shape \[-1\]"),
    (array(shape=b"\x93" + b"\xce\x7f\xff\xff\xff" * 3), ArchiveError, "an array of shape"),
    (array(shape=b"\x02"), ArchiveError, "without shape"),
    (array(name=b"\xa6object"), UnsupportedExpertError, "'object'"),
    (array(name=b"\xa8bfloat16"), UnsupportedExpertError, "'bfloat16'"),
    (array(numbers=b"\xc4\x08" + b"\xff" * 8), ArchiveError, "NaN or infinite"),
    (array(numbers=array()), UnsupportedExpertError, "a value of kind 1"),
]


def test_what_is_no_such_file_is_named():
    for content, error, said in NO_SUCH_FILES:
        with case(content, error, said), pytest.raises(error, match=said):
            read_msgpack(content, "x")


@pytest.mark.slow
def test_mutated_files_give_named_errors_only():
    contents = [path.read_bytes() for path in sorted(FILES.glob("*.cleanrl_model"))]
    outcomes = {True: 0, False: 0}
    for seed in range(int(os.environ.get("MUTANTS", "300"))):
        content = contents[seed % len(contents)]
        mutator = Mutator(seed)
        head = mutator.random.choice([64, 400, len(content)])  # where names and sizes stand, or anywhere
        spoilt = mutator.bytes(content[:head]) + content[head:]
        began, refused = time.process_time(), True
        with contextlib.suppress(*NAMED):
            read_cleanrl(spoilt, "x")
            refused = False
        assert time.process_time() - began < SECONDS
        outcomes[refused] += 1
    assert min(outcomes.values()) > 0, outcomes
