"""Folders of TensorFlow Datasets, ours and others', read back."""

import io
import json
import struct
import sys

import extras
import gymnasium as gym
import kinds
import numpy as np
import pytest
from PIL import Image
from sweeps import sweep

from builder.errors import DatasetError
from builder.exchange.contract import Source
from builder.exchange.export import ExportRequest, export
from builder.exchange.rlds import FORMAT
from builder.exchange.rlds.files import described, records, shards
from builder.exchange.rlds.reading import JPEG, LAST

tfds = extras.rlds()


def exported(folder, path):
    return export(folder, ExportRequest("rlds", path))


def same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


@pytest.fixture
def of_another(dataset_of, tmp_path):
    """A folder without our note."""
    path = exported(dataset_of("dict"), tmp_path / "x").path
    (path / "il_builder.json").unlink()
    return path


def changed(path, change):
    """Change a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def steps_of(features):
    return features["featuresDict"]["features"]["steps"]["sequence"]["feature"]["featuresDict"]["features"]


@sweep("kind", kinds.KINDS, quick=3)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, tmp_path):
    done = exported(dataset_of(kind), tmp_path / "x")
    back = FORMAT.read(done.path, {})
    assert (back.unsaid, back.ended, back.notes) == (frozenset(), False, ())
    assert (back.spaces, back.exported_from) == (done.source.spaces, done.source.manifest.fingerprint)
    sent = Source(dataset_of(kind), done.source.manifest, done.source.chosen)
    for ours, theirs in zip(sent.trajectories(), back.trajectories(), strict=True):
        same(ours.all_observations(), theirs.all_observations())
        same((*ours.actions, ours.rewards), (*theirs.actions, theirs.rewards))
        for name in ("terminated", "truncated", "seed", "policy", "split", "index"):
            assert getattr(ours, name) == getattr(theirs, name)


def test_a_folder_of_another_says_less(of_another):
    back = FORMAT.read(of_another, {})
    assert (back.unsaid, back.notes, back.policy) == ({"seed"}, (LAST,), "")
    assert isinstance(back.spaces.observation, gym.spaces.Dict)
    assert {name: (space.shape, space.dtype) for name, space in back.spaces.observation.items()} == {
        "count": ((), np.int64),
        "eye": ((32, 32, 1), np.uint8),
        "position": ((3,), np.float32),
    }
    assert [one.split for one in back.trajectories()] == ["train"] * 6 + ["test"] * 2
    assert {one.seed for one in back.trajectories()} == {None}
    assert all(one.terminated != one.truncated for one in back.trajectories())


def foreign(folder, features, episodes):
    """A folder as TensorFlow Datasets' own encoders write it."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    folder.mkdir()
    identity = tfds.core.DatasetIdentity(
        name="x", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name="theirs"
    )
    info = tfds.core.DatasetInfo(builder=identity, features=features, description="theirs", license="cc0")
    info.set_file_format("array_record")
    template = tfds.core.ShardedFileTemplate(
        dataset_name="x", data_dir=str(folder), split="run", filetype_suffix="array_record"
    )
    writer = ArrayRecordWriter(str(template.sharded_filepath(shard_index=0, num_shards=1)), "group_size:1")
    serializer = ExampleSerializer(features.get_serialized_info())
    for episode in episodes:
        writer.write(serializer.serialize_example(features.encode_example(episode)))
    writer.close()
    split = tfds.core.SplitInfo(
        name="run", shard_lengths=[len(episodes)], num_bytes=1, filename_template=template
    )
    info.set_splits(tfds.core.splits.SplitDict([split]))
    info.write_to_directory(str(folder))
    return folder


def test_what_its_own_encoders_write_is_read(tmp_path):
    kinds_of = tfds.features
    picture = io.BytesIO()
    Image.new("RGB", (9, 8), "red").save(picture, "JPEG")
    observed = {
        "state": kinds_of.Tensor(shape=(2,), dtype=np.float64, encoding=kinds_of.Encoding.ZLIB),
        "eye": kinds_of.Image(shape=(8, 9, 3), encoding_format="jpeg"),
        "deep": {"big": kinds_of.Scalar(dtype=np.uint64)},
        "said": kinds_of.Text(),
    }
    flags = {name: kinds_of.Scalar(dtype=np.bool_) for name in ("is_first", "is_last", "is_terminal")}
    step = {
        "observation": observed,
        "action": kinds_of.Tensor(shape=(2,), dtype=np.float32),
        "reward": kinds_of.Scalar(dtype=np.float32),
        **flags,
    }
    features = kinds_of.FeaturesDict(
        {"steps": kinds_of.Dataset(step), "seed": kinds_of.Scalar(dtype=np.int64)}
    )
    episode = [
        {
            "observation": {
                "state": [at, 1 / 3],
                "eye": picture.getvalue(),
                "deep": {"big": 2**63 + at},
                "said": "hm",
            },
            "action": np.full(2, at, np.float32),
            "reward": at,
            "is_first": at == 0,
            "is_last": at == 3,
            "is_terminal": at == 3,
        }
        for at in range(4)
    ]
    back = FORMAT.read(foreign(tmp_path / "x", features, [{"steps": episode, "seed": 3}]), {})
    assert (back.unsaid, back.about, back.license) == ({"seed"}, "theirs", "cc0")
    assert back.notes[:2] == (LAST, JPEG)
    assert "said" in back.notes[2]
    (one,) = back.trajectories()
    big, eye, state = one.all_observations()
    np.testing.assert_array_equal(big, np.arange(4, dtype=np.uint64) + np.uint64(2**63))
    np.testing.assert_array_equal(state, [[at, 1 / 3] for at in range(4)])
    assert eye.shape == (4, 8, 9, 3)
    assert one.actions[0].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert (one.rewards.tolist(), one.terminated, one.truncated, one.seed) == ([0, 1, 2], True, False, None)


def test_tfrecord_files_are_read_too(of_another):
    info = described(of_another / "dataset_info.json")
    before = list(FORMAT.read(of_another, {}).trajectories())
    for shard in shards(of_another, info):
        name = shard.path.name.replace("array_record", "tfrecord")
        content = [struct.pack("<QI", len(one), 0) + one + bytes(4) for one in records(shard)]
        (of_another / name).write_bytes(b"".join(content))
        shard.path.unlink()
    changed(of_another / "dataset_info.json", lambda found: found.update(fileFormat="tfrecord"))
    for ours, theirs in zip(before, FORMAT.read(of_another, {}).trajectories(), strict=True):
        same(ours.all_observations(), theirs.all_observations())
        same((*ours.actions, ours.rewards), (*theirs.actions, theirs.rewards))


@pytest.mark.parametrize(
    ("gone", "unsaid"),
    [
        ("reward", {"seed", "reward"}),
        ("is_terminal", {"seed", "terminated", "truncated"}),
        ("is_last", {"seed", "truncated", "final_observation"}),
    ],
)
def test_what_the_features_do_not_have_is_not_said(gone, unsaid, of_another):
    whole = list(FORMAT.read(of_another, {}).trajectories())
    changed(of_another / "features.json", lambda found: steps_of(found).pop(gone))
    back = FORMAT.read(of_another, {})
    assert back.unsaid == unsaid
    for before, after in zip(whole, back.trajectories(), strict=True):
        assert len(after) == len(before) + (gone == "is_last")
        assert (after.rewards is None, after.final is None) == (gone == "reward", gone == "is_last")
        assert (after.terminated is None) == (gone == "is_terminal")


def test_classes_that_features_name_are_not_imported(of_another):
    def forge(found):
        found["pythonClassName"] = "antigravity.Features"
        for feature in steps_of(found).values():
            feature["pythonClassName"] = "antigravity.Feature"

    changed(of_another / "features.json", forge)
    assert len(list(FORMAT.read(of_another, {}).trajectories())) == 8
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["observation", "action"])
def test_records_that_are_no_steps_are_refused(name, of_another):
    changed(of_another / "features.json", lambda found: steps_of(found).pop(name))
    with pytest.raises(DatasetError, match=f"is none of RLDS.*no {name}"):
        FORMAT.read(of_another, {})


def test_actions_that_are_no_arrays_are_refused(of_another):
    changed(of_another / "features.json", lambda found: steps_of(found).update(action={"text": {}}))
    with pytest.raises(DatasetError, match="the action holds 0 arrays"):
        FORMAT.read(of_another, {})


def test_an_array_that_a_record_does_not_have_is_named(of_another):
    shard = shards(of_another, described(of_another / "dataset_info.json"))[0]
    rewritten(shard, lambda one: one.replace(b"steps/is_terminal", b"steps/is_terminus"))
    with pytest.raises(DatasetError, match="episode 0 has no steps/is_terminal"):
        list(FORMAT.read(of_another, {}).trajectories())


def test_an_episode_that_goes_on_after_its_end_is_refused(of_another):
    shard = shards(of_another, described(of_another / "dataset_info.json"))[0]
    rewritten(shard, flagged)
    with pytest.raises(DatasetError, match="goes on after it has ended"):
        list(FORMAT.read(of_another, {}).trajectories())


def flagged(content):
    """A record whose every step is the last."""
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example.FromString(content)
    flags = example.features.feature["steps/is_last"].int64_list.value
    flags[:] = [1] * len(flags)
    return example.SerializeToString()


def rewritten(shard, change):
    """Write the records of a file again, changed."""
    from array_record.python.array_record_module import ArrayRecordWriter

    content = [change(one) for one in records(shard)]
    writer = ArrayRecordWriter(str(shard.path), "group_size:1")
    for one in content:
        writer.write(one)
    writer.close()
