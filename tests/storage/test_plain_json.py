"""JSON of a stranger's is bounded before it is read, and means one thing."""

import os
import threading

import pytest
from sweeps import case

from builder.storage.limits import JSON_DEPTH, JSON_VALUES, TENSOR_HEADER_BYTES
from builder.storage.plain_json import check_tensor_file, parse_json, read_bounded, read_json


def test_what_json_holds_is_read_as_it_is():
    assert parse_json(b'{"a": [1, -2.5, null, true, "\\u00e9"], "b": {}}') == {
        "a": [1, -2.5, None, True, "é"],
        "b": {},
    }


REFUSED = [
    (b"", "Expecting value"),
    (b"\xff", "can't decode"),
    (b"NaN", "NaN is no number"),
    (b"[-Infinity]", "-Infinity is no number"),
    (b"1e999", "a number beyond all"),
    (b"1" * 41, "a number of 41 digits"),
    (b"1" * 5000, "a number of 5000 digits"),
    (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
    (b'"\\ud800"', "half of a character"),
    (b'{"\\udfff": 1}', "half of a character"),
    (b"[" * (JSON_DEPTH + 1) + b"]" * (JSON_DEPTH + 1), "nested more than 64 deep"),
    (b"[" * 200_000, "nested more than 64 deep"),
    (b"[" + b"1," * JSON_VALUES + b"1]", f"more than {JSON_VALUES} values"),
]


def test_what_another_reader_may_read_otherwise_or_no_memory_holds_is_refused():
    for content, message in REFUSED:
        with case(content, message), pytest.raises(ValueError, match=message):
            parse_json(content)


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[1]")
    assert read_json(path, 3) == [1]
    with pytest.raises(ValueError, match="more than 2 bytes"):
        read_bounded(path, 2)
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # no memory holds it
    with pytest.raises(ValueError, match="more than 100 bytes"):
        read_json(path, 100)


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "link"):
        assert refusal(read_bounded, path, 10) == "not a regular file"
        assert refusal(check_tensor_file, path) == "not a regular file"


def refusal(read, *arguments):
    """What a reader says; nothing where it waits."""
    found = []

    def look():
        try:
            read(*arguments)
        except ValueError as error:
            found.append(str(error))

    reader = threading.Thread(target=look, daemon=True)
    reader.start()
    reader.join(5)
    return found[0] if found else None


def test_a_header_of_tensors_larger_than_any_of_ours_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes((TENSOR_HEADER_BYTES + 1).to_bytes(8, "little"))
    with pytest.raises(ValueError, match=f"a header of {TENSOR_HEADER_BYTES + 1} bytes"):
        check_tensor_file(path)
    path.write_bytes(TENSOR_HEADER_BYTES.to_bytes(8, "little"))
    check_tensor_file(path)
