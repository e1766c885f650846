"""Arrays in a record, and back."""

import zlib

import extras
import numpy as np
import pytest
from sweeps import case

from builder.errors import DatasetError
from builder.exchange.rlds.examples import Record, packed
from builder.exchange.rlds.features import Part

extras.rlds()
PLAIN = Part((2,), np.dtype(np.float32))


def record(values, part):
    return Record(packed({"x": (part, values)}, {"said": "hm"}), "here")


def of_texts(*texts):
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example()
    example.features.feature["x"].bytes_list.value.extend(texts)
    return Record(example.SerializeToString(), "here")


NUMBERS = {
    "bool": [True, False],
    "int8": [-128, 127],
    "uint8": [0, 255],
    "int64": [-(2**63), 2**63 - 1],
    "uint64": [0, 2**64 - 1],
    "float32": [np.float32(0.1), np.inf],
    "float64": [0.1, np.nan],
    "float16": [np.float16(0.1), -0.0],
}


def test_numbers_come_back_to_the_bit():
    for dtype, encoding in [(name, "none") for name in NUMBERS if name != "float64"] + [
        (name, "bytes") for name in NUMBERS
    ]:
        with case(dtype, encoding):
            values = np.array([NUMBERS[dtype]] * 3, dtype)
            part = Part((2,), np.dtype(dtype), encoding)
            found = record(values, part).array("x", part)
            assert found.dtype == values.dtype
            assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_come_back_to_the_bit(channels):
    values = np.random.default_rng(0).integers(0, 256, (3, 1, 5, channels)).astype(np.uint8)
    part = Part((1, 5, channels), np.dtype(np.uint8), "image")
    np.testing.assert_array_equal(record(values, part).array("x", part), values)


def test_a_text_is_there_or_empty():
    found = record(np.ones((1, 2), np.float32), PLAIN)
    assert (found.text("said"), found.text("other")) == ("hm", "")


def test_what_is_no_record_is_named():
    with pytest.raises(DatasetError, match="here is damaged"):
        Record(b"\xff" * 9, "here")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (Part((3,), np.dtype(np.float32)), "values of shape"),
        (Part((0,), np.dtype(np.float32)), "values of shape"),
        (Part((2,), np.dtype(np.int64)), "of another kind"),
        (Part((2,), np.dtype(np.float32), "bytes"), "of another kind"),
    ],
)
def test_numbers_of_another_shape_or_kind_are_refused(part, text):
    with pytest.raises(DatasetError, match=text):
        record(np.ones((2, 2), np.float32), PLAIN).array("x", part)


def test_whole_numbers_that_do_not_fit_are_refused():
    found = record(np.full((1, 2), 300), Part((2,), np.dtype(np.int64)))
    with pytest.raises(DatasetError, match="has no place for"):
        found.array("x", Part((2,), np.dtype(np.uint8)))


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (bytes(7), "bytes", "expected 8 bytes"),
        (zlib.compress(bytes(1 << 24)), "zlib", "expected 8 bytes.*got 9"),
        (b"junk", "zlib", "is damaged"),
        (b"junk", "image", "no PNG or JPEG"),
    ],
)
def test_bytes_of_another_size_are_refused_before_they_are_unpacked(content, encoding, text):
    shape, dtype = ((4, 4, 3), np.uint8) if encoding == "image" else ((2,), np.float32)
    with pytest.raises(DatasetError, match=text):
        of_texts(content).array("x", Part(shape, np.dtype(dtype), encoding))


def test_a_picture_of_another_size_is_refused():
    part = Part((4, 4, 3), np.dtype(np.uint8), "image")
    found = record(np.zeros((1, *part.shape), np.uint8), part)
    with pytest.raises(DatasetError, match="another shape"):
        found.array("x", Part((4, 5, 3), np.dtype(np.uint8), "image"))
