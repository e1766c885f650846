"""Recorded attempts and their file: bit for bit, or an error."""

import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import assert_same, recording, with_extras
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from sweeps import sweep

from builder.episodes.recording_file import (
    Header,
    _digest,
    read_header,
    read_recording,
    stored_bytes,
    write_recording,
)
from builder.errors import DatasetError, StorageError, storage_error

DTYPES = ["?", "i1", "i2", "<i4", ">i4", "i8", "u1", "u2", "u4", "u8", "f2", "<f4", "<f8", ">f8"]
HEADER = Header("f" * 64, 3, 6, "cartpole", ("b", "a"), ("",))


@st.composite
def recordings(draw):
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    rows = sum(lengths)

    def columns(dtypes, count):
        shapes = [draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)) for _ in dtypes]
        return [
            tuple(draw(hnp.arrays(dtype, (n, *shape))) for dtype, shape in zip(dtypes, shapes, strict=True))
            for n in count
        ]

    dtypes = st.lists(st.sampled_from(DTYPES), min_size=1, max_size=3)
    observations, finals = columns(draw(dtypes), (rows, len(lengths)))
    (actions,) = columns(draw(dtypes), (rows,))
    (extras,) = columns(draw(st.just([]) | dtypes), (rows,))
    return dataclasses.replace(
        recording(lengths, first=draw(st.integers(0, 10**6))),
        observations=observations,
        actions=actions,
        finals=finals,
        rewards=draw(hnp.arrays(np.float64, rows)),
        extras={f"info.{index}": array for index, array in enumerate(extras)},
    )


@given(recordings())
def test_a_recording_survives_its_file_bit_for_bit(original):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chunk.safetensors"
        write_recording(original, path, HEADER)
        found, header = read_recording(path)
    assert_same(original, found)
    assert dataclasses.replace(header, sha256="") == HEADER


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A recorded file: its path, its bytes, and what it holds."""
    path = tmp_path_factory.mktemp("written") / "chunk.safetensors"
    write_recording(recording([2, 1, 3], first=3), path, HEADER)
    return path, path.read_bytes(), read_recording(path)


@given(place=st.integers(0), change=st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(written, place, change):
    path, content, (original, header) = written
    damaged = bytearray(content)
    damaged[place % len(content)] ^= change
    path.write_bytes(damaged)
    try:
        found = read_recording(path)
    except DatasetError:
        return
    # What is left: white space in the file's JSON that became other white space.
    assert bytes(damaged).split() == content.split()
    assert_same(original, found[0])
    assert found[1] == header


@pytest.mark.parametrize(
    "field", ["identity", "start", "stop", "policy", "observation_names", "action_names"]
)
def test_a_changed_entry_of_the_header_is_noticed(written, field):
    path, content, (_, header) = written
    path.write_bytes(content)
    entries = dataclasses.asdict(header) | {"format": 1}
    changed = {"start": 4, "stop": 7}.get(field, "other" if isinstance(entries[field], str) else ["c", "d"])
    text = json.dumps(entries | {field: changed}, sort_keys=True)
    save_file(load_file(path), path, metadata={"recording": text})
    with pytest.raises(
        DatasetError, match=r"chunk\.safetensors is damaged; expected sha256 \w{64}; got \w{64}"
    ):
        read_recording(path)


def test_every_cut_of_a_file_is_noticed(written):
    path, content, _ = written
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(DatasetError, match="is not a recorded file, or is damaged"):
            read_recording(path)


def test_equal_recordings_give_equal_files(tmp_path):
    for name in ("one", "other"):
        write_recording(recording([2, 1]), tmp_path / name, HEADER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_recording_without_extras_gives_the_bytes_that_it_always_gave(tmp_path):
    write_recording(recording([2, 1, 3], first=3, leaves=("f4", "i8")), tmp_path / "chunk", HEADER)
    found = hashlib.sha256((tmp_path / "chunk").read_bytes()).hexdigest()
    assert found == "8dc255780caf55f2819e555a0b16df1f4c5b1b4a547deebdbe485eb08e047c14"


def test_extras_of_steps_and_of_attempts_come_back_under_their_names(tmp_path):
    write_recording(with_extras(recording([2, 1])), tmp_path / "chunk", HEADER)
    found, _ = read_recording(tmp_path / "chunk")
    assert found.extras["action_mask"].tolist() == [[True, False], [False, True], [False, False]]
    assert found.extras["info.x"].tolist() == [0.0, 0.5, 1.0]
    assert found.attempt_extras["info.x"].tolist() == [0.0, -1.0]


def drawn(lengths=(2, 1)):
    found = recording(list(lengths))
    pixels, finals = (np.arange(n * 600, dtype=np.uint8).reshape(n, 10, 20, 3) for n in (sum(lengths), 2))
    return dataclasses.replace(found, extras={"pixels": pixels}, attempt_extras={"final_pixels": finals})


def test_pictures_come_back_and_take_few_bytes(tmp_path):
    original = drawn((200, 100))
    write_recording(original, tmp_path / "chunk", HEADER)
    found, _ = read_recording(tmp_path / "chunk")
    assert_same(found, original)
    size = (tmp_path / "chunk").stat().st_size
    assert size < original.extras["pixels"].nbytes / 10
    assert stored_bytes(original) == pytest.approx(size, rel=0.8)


def test_what_steps_take_in_a_file_without_pictures_is_what_they_take_in_memory():
    original = recording([2, 1])
    steps = (*original.observations, *original.actions, original.rewards)
    assert stored_bytes(original) == sum(array.nbytes for array in steps)


@pytest.mark.parametrize(
    "shape", [[3, 10, 20, 4], [3, 10, 20, 2], [3, 10, 20], [-3, -10, 20, 3], [2**62, 10, 20, 3]]
)
def test_pictures_of_another_size_than_they_say_are_noticed(tmp_path, shape):
    path = tmp_path / "chunk"
    write_recording(drawn(), path, HEADER)
    tensors = load_file(path) | {"shape.extras.pixels": np.array(shape)}
    header = dataclasses.replace(HEADER, sha256="")
    content = {"format": 1, **dataclasses.asdict(header), "sha256": _digest(header, tensors)}
    save_file(tensors, path, metadata={"recording": json.dumps(content, sort_keys=True)})
    with pytest.raises(DatasetError, match="is damaged"):
        read_recording(path)


def test_a_changed_extra_is_noticed(tmp_path):
    path = tmp_path / "chunk"
    write_recording(with_extras(recording([2, 1])), path, HEADER)
    content = path.read_bytes()
    assert content.count(np.array([0.0, 0.5, 1.0]).tobytes()) == 1
    path.write_bytes(
        content.replace(np.array([0.0, 0.5, 1.0]).tobytes(), np.array([0.0, 0.5, 2.0]).tobytes())
    )
    with pytest.raises(DatasetError, match="is damaged"):
        read_recording(path)


def test_the_header_can_be_read_without_the_arrays(written):
    path, content, (_, header) = written
    path.write_bytes(content)
    assert read_header(path) == header


def test_a_file_that_is_missing_is_an_error_with_its_name(tmp_path):
    with pytest.raises(DatasetError, match=r"nothing is not a recorded file, or is damaged: "):
        read_recording(tmp_path / "nothing")


@pytest.mark.parametrize("text", [None, "", "[]", '"text"', "{}", '{"format": 1}', '{"format": 1, "x": 2}'])
def test_a_safetensors_file_of_another_kind_is_refused(tmp_path, text):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(3)}, path, metadata=None if text is None else {"recording": text})
    with pytest.raises(DatasetError, match="is not a recorded file, or is damaged"):
        read_header(path)


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "later.safetensors"
    save_file({"weight": np.zeros(3)}, path, metadata={"recording": '{"format": 2}'})
    with pytest.raises(DatasetError, match="was written by another version of il-builder"):
        read_header(path)


def test_saving_makes_the_folder_and_leaves_nothing_but_the_file(tmp_path):
    write_recording(recording([1]), tmp_path / "deep" / "down" / "chunk", HEADER)
    assert [path.name for path in (tmp_path / "deep" / "down").iterdir()] == ["chunk"]


def test_saving_again_replaces_the_file(tmp_path):
    path = tmp_path / "chunk"
    for lengths in ([1], [2, 2]):
        write_recording(recording(lengths), path, HEADER)
    assert read_recording(path)[0].lengths.tolist() == [2, 2]


@pytest.mark.parametrize("dtype", ["O", "U3", "c16", "M8[s]", np.longdouble])
def test_an_array_that_holds_no_numbers_of_ours_is_refused(tmp_path, dtype):
    broken = dataclasses.replace(recording([1]), actions=(np.zeros(1, dtype),))
    with pytest.raises(
        DatasetError, match=r"actions\.0 cannot be recorded; expected an array of numbers; got "
    ):
        write_recording(broken, tmp_path / "chunk", HEADER)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StorageError, match=r"cannot be written: .*; choose another `out` or mend its permissions"
    ):
        write_recording(recording([1]), tmp_path / "file" / "chunk", HEADER)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_storage_error_that_says_so(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught:
        Path("/dev/full").write_text("x")
    error = storage_error(caught.value, tmp_path / "chunk")
    assert type(error) is StorageError
    assert error.what == f"the disk of {tmp_path} is full"
    assert error.remedy == "free some space and run the same command again: it goes on where it was"


def test_a_full_disk_is_recognised_in_what_safetensors_says_of_it(tmp_path):
    error = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert storage_error(error, tmp_path / "chunk").what == f"the disk of {tmp_path} is full"


@pytest.mark.parametrize(
    "change",
    [
        {"start": "0"},
        {"start": 1.0},
        {"start": -1},
        {"stop": 10**12},
        {"stop": 0, "start": 1},
        {"policy": None},
        {"policy": ["x"]},
        {"identity": 3},
        {"observation_names": "abc"},
        {"action_names": [1]},
        {"unknown": 1},
        {"sha256": {}},
    ],
    ids=str,
)
def test_a_header_of_other_types_is_no_recording(tmp_path, change):
    path = tmp_path / "chunk"
    write_recording(recording([1]), path, HEADER)
    tensors = load_file(path)
    with safe_open(path, "np") as opened:
        content = json.loads(opened.metadata()["recording"])
    save_file(tensors, path, metadata={"recording": json.dumps(content | change)})
    with pytest.raises(DatasetError, match="is not a recorded file, or is damaged"):
        read_recording(path)


@sweep("name", ["attempts", "lengths", "rewards", "terminated", "seeds"], quick=2)
@pytest.mark.parametrize(
    "array", [np.zeros((), np.int64), np.zeros((1, 2), bool), np.zeros(1, np.uint8), None], ids=str
)
def test_other_arrays_than_those_of_a_recording_are_one_error(tmp_path, name, array):
    path = tmp_path / "chunk"
    write_recording(recording([1]), path, HEADER)
    tensors = load_file(path)
    tensors.pop(name)
    if array is not None:
        tensors[name] = array
    header = read_header(path)
    digest = _digest(header, tensors)
    content = {"format": 1, **dataclasses.asdict(dataclasses.replace(header, sha256=digest))}
    save_file(tensors, path, metadata={"recording": json.dumps(content)})
    with pytest.raises(DatasetError):
        read_recording(path)


def worded():
    words = np.array(["", "a", "\u00e4\u00f6", "a b"], object)
    return dataclasses.replace(recording([3, 1]), extras={"info.word": words})


def test_texts_come_back(tmp_path):
    write_recording(worded(), tmp_path / "chunk", HEADER)
    found = read_recording(tmp_path / "chunk")[0].extras["info.word"]
    assert (found.dtype, found.tolist()) == (object, worded().extras["info.word"].tolist())


@pytest.mark.parametrize("ends", [[1, 0, 2, 8], [0, 1, 2, 3], [0, 1, 5, 9], [[0, 1, 5, 8]]])
def test_texts_that_do_not_end_where_they_say_are_noticed(tmp_path, ends):
    path = tmp_path / "chunk"
    write_recording(worded(), path, HEADER)
    tensors = load_file(path) | {"ends.extras.info.word": np.array(ends)}
    header = dataclasses.replace(HEADER, sha256="")
    content = {"format": 1, **dataclasses.asdict(header), "sha256": _digest(header, tensors)}
    save_file(tensors, path, metadata={"recording": json.dumps(content)})
    with pytest.raises(DatasetError, match="is damaged: texts"):
        read_recording(path)
