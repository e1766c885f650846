"""Each format of an expert's file: two directories, holes, nesting without end; refused in little memory."""

import contextlib
import io
import pickle
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from configured import loaded
from damaged import NAMED, SECONDS, members_of, zipped
from fuzz.readers import CORPUS, READERS

from builder.errors import ArchiveError, BuilderError

TORCH = ("weights", "cleanrl", "factory")
"""Readers of what `torch.save` wrote: a zip file with a pickle in it."""
MEGABYTES = 100


@contextlib.contextmanager
def in_little_memory():
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES << 20
        assert time.process_time() - began < SECONDS
    finally:
        tracemalloc.stop()


def honest(reader):
    return (CORPUS / reader / "honest").read_bytes()


def tensors_of(content):
    return [name for name in members_of(content) if "/data/" in name]


@pytest.mark.parametrize("reader", TORCH)
def test_a_second_directory_does_not_make_a_small_file_large(reader):
    members = members_of(honest(reader))
    bomb = {**members, tensors_of(honest(reader))[0]: bytes(170 << 20)}
    large = zipped(bomb, zipfile.ZIP_DEFLATED)
    with in_little_memory():
        READERS[reader](large + zipped(members))  # the directory at the end is the one that counts
        with pytest.raises(ArchiveError, match=r"unpacks to|compressed|bytes"):
            READERS[reader](zipped(members) + large)


@pytest.mark.parametrize("reader", TORCH)
def test_a_pickle_nested_without_end_is_refused(reader):
    members = members_of(honest(reader))
    name = next(name for name in members if name.endswith("data.pkl"))
    for nest in (b"\x80\x02" + b"(" * 20_000 + b".", b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b"."):
        with in_little_memory(), pytest.raises(NAMED):
            READERS[reader](zipped({**members, name: nest}))


@pytest.mark.parametrize("reader", TORCH)
def test_one_storage_that_is_named_again_and_again_is_counted_each_time(reader):
    """A megabyte that a thousand tensors share would be a gigabyte of them."""
    members = members_of(honest(reader))
    name = next(name for name in members if name.endswith("data.pkl"))
    root = name.removesuffix("data.pkl")
    many = _shared(2_000, 1 << 18)
    wide = {**members, name: many, f"{root}data/0": bytes(1 << 20)}
    with in_little_memory(), pytest.raises(NAMED):
        READERS[reader](zipped(wide))


def _shared(tensors, numbers):
    """A pickle as torch writes it, whose tensors are all of one storage."""

    class Storage:
        pass

    class Tensor:
        def __init__(self, storage):
            self.storage = storage

        def __reduce__(self):
            return _rebuild, (self.storage, 0, (numbers,), (1,), False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ("storage", _FloatStorage, "0", "cpu", numbers) if isinstance(obj, Storage) else None

    out = io.BytesIO()
    Pickler(out, 2).dump({f"network.{i}.weight": Tensor(Storage()) for i in range(tensors)})
    named = out.getvalue()
    names = {_rebuild: b"ctorch._utils\n_rebuild_tensor_v2\n", _FloatStorage: b"ctorch\nFloatStorage\n"}
    for ours, theirs in names.items():
        named = named.replace(f"c{ours.__module__}\n{ours.__name__}\n".encode(), theirs)
    return named


def _rebuild(*_):
    raise AssertionError("nothing is run")


class _FloatStorage:
    pass


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("cleanrl", "dqn.cleanrl_model"),
        ("sample-factory", "checkpoint_p0/checkpoint_000000001_1.pth"),
        ("sample-factory", "config.json"),
        ("onnx", "model.onnx"),
        ("local", "agent.zip"),
        ("weights", "weights.safetensors"),
        ("weights", "expert.json"),
    ],
)
def test_a_file_of_holes_is_refused_by_its_size(source, name, tmp_path):
    files = {
        "cleanrl": {"dqn.cleanrl_model": honest("cleanrl")},
        "sample-factory": {
            "config.json": b"{}",
            "checkpoint_p0/checkpoint_000000001_1.pth": honest("factory"),
        },
        "onnx": {"model.onnx": honest("onnx")},
        "local": {"agent.zip": honest("archive")},
        "weights": {"expert.json": honest("description"), "weights.safetensors": honest("tensors")},
    }[source]
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    where = {"weights": tmp_path, "sample-factory": tmp_path}.get(source, tmp_path / name)
    with contextlib.suppress(BuilderError):
        loaded(source, path=str(where))  # which imports what that takes
    with (tmp_path / name).open("r+b") as file:
        file.truncate(12 << 30)
    with in_little_memory(), pytest.raises(BuilderError, match=r"more than .* bytes"):
        loaded(source, path=str(where))


def test_a_model_of_flax_that_is_many_names_of_little_is_refused():
    pair = b"\xa1a\x80"
    with in_little_memory(), pytest.raises(ArchiveError, match=r"too many values|is there twice"):
        READERS["flax"](b"\xdf\x00\xff\xff\xff" + b"".join(b"\xa8%08d\x80" % i for i in range(10**5)) + pair)
    shape = b"\x92\xce\x7f\xff\xff\xff\xce\x7f\xff\xff\xff"
    array = b"\x93" + shape + b"\xa7float32" + b"\xc4\x04" + np.float32(1).tobytes()
    with in_little_memory(), pytest.raises(ArchiveError, match="an array of shape"):
        READERS["flax"](b"\x81\xa6params" + b"\xc7" + bytes([len(array)]) + b"\x01" + array)
