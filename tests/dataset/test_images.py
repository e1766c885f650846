import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.dataset import images
from builder.errors import DatasetError

sizes = st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (3,)]))
pictures = sizes.flatmap(lambda size: hnp.arrays(np.uint8, (*size[:3], *size[3])))


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@given(pictures)
@settings(max_examples=25)
def test_pixels_come_back_exactly(pixels):
    decoded = images.decode(images.encode(pixels), pixels.shape[1:])
    assert (decoded.dtype, decoded.shape) == (np.uint8, pixels.shape)
    assert np.array_equal(decoded, pixels)


def test_an_image_that_is_not_contiguous_is_encoded_as_it_looks():
    pixels = noise(2, 6, 8, 3)
    turned = pixels.transpose(0, 2, 1, 3)
    assert np.array_equal(images.decode(images.encode(turned), (8, 6, 3)), turned)


def test_the_bytes_of_an_image_do_not_depend_on_what_was_encoded_before():
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    pixels[:, 10:20, 5:50] = (200, 10, 99)
    first = images.encode(pixels)
    images.encode(noise(20, 64, 64, 3))
    assert images.encode(pixels).equals(first)
    assert images.encode(np.concatenate([noise(3, 64, 64, 3), pixels]))[3:].equals(first)


def test_images_are_stored_as_png_without_a_path():
    (stored,) = images.encode(noise(1, 4, 5)).to_pylist()
    assert stored["bytes"].startswith(b"\x89PNG\r\n\x1a\n")
    assert stored["path"] is None
    assert images.encode(noise(1, 4, 5)).type == images.STORAGE


@pytest.mark.parametrize("shape", [(5, 4), (4, 5, 3), (4, 6)])
def test_an_image_of_another_shape_is_refused(shape):
    with pytest.raises(DatasetError, match="another shape"):
        images.decode(images.encode(noise(1, 4, 5)), shape)


def png():
    return images.encode(noise(1, 40, 50)).field("bytes")[0].as_py()


@pytest.mark.parametrize(
    "damaged",
    [None, b"", b"GIF89a", png()[:500], png()[:30], png()[:200] + b"\x00" * 40 + png()[240:]],
)
def test_a_damaged_image_is_an_error_of_the_dataset(damaged):
    column = pa.array([{"bytes": damaged, "path": None}], images.STORAGE)
    with pytest.raises(DatasetError, match="damaged"):
        images.decode(column, (40, 50))


def test_a_damaged_chunk_within_an_image_is_an_error_of_the_dataset():
    parts = images.encode(noise(1, 500, 500)).field("bytes")[0].as_py().split(b"IDAT")
    assert len(parts) > 2
    damaged = b"IDAT".join(parts[:2]) + b"\0\0\0\0" + b"IDAT".join(parts[2:])
    column = pa.array([{"bytes": damaged, "path": None}], images.STORAGE)
    with pytest.raises(DatasetError, match="damaged"):
        images.decode(column, (500, 500))
