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
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from builder.episodes.recording import Recording, episode_returns, flat, joined, pieces
from builder.episodes.recording_file import Header, read_header, read_recording, write_recording
from builder.errors import DatasetError, StorageError, storage_error

DTYPES = ["?", "i1", "i2", "<i4", ">i4", "i8", "u1", "u2", "u4", "u8", "f2", "<f4", "<f8", ">f8"]
HEADER = Header("f" * 64, 3, 6, "cartpole", ("b", "a"), ("",))


def recording(lengths, *, first=0, leaves=("f4",), shape=(2,)):
    """Attempts whose numbers tell their row and column."""
    lengths = np.array(lengths, np.int64)
    attempts, rows = len(lengths), int(lengths.sum())
    rewards = np.arange(rows, dtype=np.float64)

    def numbers(count, leaf):
        size = count * int(np.prod(shape))
        return (np.arange(size).reshape(count, *shape) + 100 * leaf).astype(leaves[leaf])

    return Recording(
        attempts=np.arange(first, first + attempts),
        seeds=np.arange(attempts) + 1000,
        lengths=lengths,
        returns=episode_returns(rewards, lengths),
        terminated=np.arange(attempts) % 2 == 0,
        truncated=np.arange(attempts) % 2 == 1,
        observations=tuple(numbers(rows, leaf) for leaf in range(len(leaves))),
        actions=(np.arange(rows) % 2,),
        rewards=rewards,
        finals=tuple(numbers(attempts, leaf) for leaf in range(len(leaves))),
    )


def with_extras(of):
    """The same with what else may be recorded: masks of each step, a number of each attempt."""
    rows, count = len(of.rewards), len(of.attempts)
    extras = {"action_mask": np.arange(2 * rows).reshape(rows, 2) % 3 == 0, "info.x": np.arange(rows) / 2}
    return dataclasses.replace(of, extras=extras, attempt_extras={"info.x": -np.arange(count, dtype=float)})


def assert_same(left, right):
    arrays = flat(left), flat(right)
    assert sorted(arrays[0]) == sorted(arrays[1])
    for one, other in ((arrays[0][name], arrays[1][name]) for name in arrays[0]):
        assert one.shape == other.shape
        assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
        assert one.astype(one.dtype.newbyteorder("<")).tobytes() == other.tobytes()


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


def test_attempts_start_where_the_one_before_ends():
    assert recording([2, 1, 3]).starts.tolist() == [0, 2, 3]


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=8))
def test_a_selection_holds_the_chosen_attempts_whole_and_in_order(plan):
    lengths, keep = [length for length, _ in plan], np.array([kept for _, kept in plan])
    whole = with_extras(recording(lengths, leaves=("f4", "i8")))
    part = whole.select(keep)
    rows = [
        row
        for index in np.flatnonzero(keep)
        for row in range(whole.starts[index], whole.starts[index] + lengths[index])
    ]
    for name in ("attempts", "seeds", "lengths", "returns", "terminated", "truncated"):
        assert getattr(part, name).tolist() == getattr(whole, name)[keep].tolist()
    assert part.rewards.tolist() == [float(row) for row in rows]
    assert part.extras["info.x"].tolist() == [row / 2 for row in rows]
    assert part.attempt_extras["info.x"].tolist() == [-float(index) for index in np.flatnonzero(keep)]
    for leaf in range(2):
        assert part.observations[leaf].tolist() == whole.observations[leaf][rows].tolist()
        assert part.finals[leaf].tolist() == whole.finals[leaf][keep].tolist()
    assert part.actions[0].tolist() == whole.actions[0][rows].tolist()


def test_a_selection_of_all_copies_nothing():
    whole = recording([2, 1])
    assert whole.select(np.array([True, True])) is whole


@pytest.mark.parametrize("name", ["seeds", "returns", "terminated", "truncated", "rewards"])
def test_arrays_that_differ_in_length_are_refused(name):
    whole = recording([2, 1])
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: getattr(whole, name)[:-1]})


@pytest.mark.parametrize("name", ["observations", "actions", "finals"])
def test_leaves_that_differ_in_length_are_refused(name):
    whole = recording([2, 1])
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: (getattr(whole, name)[0][:-1],)})


@pytest.mark.parametrize("name", ["extras", "attempt_extras"])
def test_extras_that_differ_in_length_are_refused(name):
    whole = with_extras(recording([2, 1]))
    with pytest.raises(DatasetError, match="the arrays of a recording differ in length"):
        dataclasses.replace(whole, **{name: {"info.x": whole.seeds[:1]}})


def test_neighbours_are_joined_with_their_extras():
    whole = with_extras(recording([2, 1, 3]))
    assert_same(joined(list(pieces(whole, 1))), whole)


def test_neighbours_of_which_one_alone_holds_extras_are_not_joined():
    with pytest.raises(
        DatasetError, match=r"the same arrays; got attempt_extras\.info\.x, extras\.action_mask"
    ):
        joined([recording([1]), with_extras(recording([2], first=1))])


@pytest.mark.parametrize("lengths", [[2, 2], [3, 0], [4, -1]])
def test_lengths_that_do_not_add_up_are_refused(lengths):
    with pytest.raises(DatasetError, match="do not add up to its steps; expected 3"):
        dataclasses.replace(recording([2, 1]), lengths=np.array(lengths))


def test_a_return_is_the_sum_of_the_rewards_in_their_order():
    """A pairwise sum of these gives another number."""
    rewards = np.full(1000, 0.1)
    in_order = 0.0
    for reward in rewards:
        in_order += reward
    assert float(rewards.sum()) != in_order
    assert episode_returns(np.concatenate([rewards, [3.0]]), np.array([1000, 1])).tolist() == [in_order, 3.0]


@given(hnp.arrays(np.float64, 7, elements=st.floats(-1e6, 1e6)))
def test_an_attempts_return_does_not_depend_on_the_attempts_before_it(rewards):
    alone = episode_returns(rewards[4:], np.array([3]))
    assert episode_returns(rewards, np.array([4, 3]))[1] == alone[0]


@pytest.mark.parametrize(("rows", "counts"), [(1, [1, 1, 1, 1]), (5, [2, 1, 1]), (6, [3, 1]), (100, [4])])
def test_pieces_are_whole_attempts_of_at_most_so_many_steps(rows, counts):
    lengths = np.array([2, 3, 1, 7])
    steps = int(lengths.sum())
    whole = Recording(
        attempts=np.arange(5, 9),
        seeds=np.arange(4),
        lengths=lengths,
        returns=np.arange(4.0),
        terminated=np.array([True, False, True, False]),
        truncated=np.zeros(4, bool),
        observations=(np.arange(2 * steps).reshape(steps, 2),),
        actions=(np.arange(steps),),
        rewards=np.arange(float(steps)),
        finals=(np.arange(8).reshape(4, 2),),
    )
    whole = with_extras(whole)
    parts = list(pieces(whole, rows))
    assert [len(part.attempts) for part in parts] == counts
    for name in ("attempts", "seeds", "lengths", "returns", "terminated", "truncated", "rewards"):
        together = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name))
    for name in ("observations", "actions", "finals"):
        together = np.concatenate([getattr(part, name)[0] for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name)[0])
    for name in ("extras", "attempt_extras"):
        together = np.concatenate([getattr(part, name)["info.x"] for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, name)["info.x"])
