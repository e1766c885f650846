"""LeRobot's folders come back: ours wholly, another's with what it says."""

import json

import kinds
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import sweep

from builder.errors import ConfigError, DatasetError
from builder.exchange.contract import Source


def edited(path, **changes):
    """`info.json` with other values, and no note of ours."""
    (path / "il_builder.json").unlink(missing_ok=True)
    place = path / "meta/info.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))


def same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine.reshape(other.shape), other)


@sweep("kind", kinds.KINDS, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, exported, opened, dataset_of):
    done = exported(kind)
    back = opened(done.path)
    assert (back.unsaid, back.ended, back.spaces) == (frozenset(), False, done.source.spaces)
    sent = Source(dataset_of(kind), done.source.manifest, done.source.chosen)
    for ours, theirs in zip(sent.trajectories(), back.trajectories(), strict=True):
        same(ours.all_observations(), theirs.all_observations())
        same((*ours.actions, ours.rewards), (*theirs.actions, theirs.rewards))
        for name in ("terminated", "truncated", "seed", "policy", "split"):
            assert getattr(ours, name) == getattr(theirs, name)


def test_a_folder_without_our_note_declares_its_own_spaces(exported, opened, dataset_of):
    done = exported("dict")
    edited(done.path)
    back = opened(done.path)
    assert [*back.spaces.observation.spaces] == ["count", "images.eye", "position"]
    assert back.spaces.observation["images.eye"].shape == (32, 32)
    assert back.spaces.action.shape == (1,)
    assert back.notes == ("30 frames a second",)
    sent = Source(dataset_of("dict"), done.source.manifest, done.source.chosen)
    for ours, theirs in zip(sent.trajectories(), back.trajectories(), strict=True):
        same(ours.observations, theirs.observations)


def test_what_another_does_not_say_is_not_guessed(exported, opened):
    path = exported("vector").path
    features = json.loads((path / "meta/info.json").read_text())["features"]
    keep = {name: one for name, one in features.items() if name not in ("next.truncated", "next.terminated")}
    edited(path, features=keep)
    back = opened(path)
    assert (back.unsaid, back.ended) == ({"terminated", "truncated"}, True)
    assert {(one.terminated, one.truncated, one.ended) for one in back.trajectories()} == {(None, None, True)}
    edited(path, features={name: one for name, one in keep.items() if not name.startswith("next.")})
    back = opened(path)
    assert (back.unsaid, back.ended) == ({"terminated", "truncated", "reward"}, False)
    assert {one.rewards for one in back.trajectories()} == {None}


@pytest.mark.slow
def test_version_2_has_a_file_for_each_episode(exported, opened, tmp_path):
    source = exported("plane").path
    table = pq.read_table(source / "data")
    info = json.loads((source / "meta/info.json").read_text())
    old = tmp_path / "old"
    (old / "meta").mkdir(parents=True)
    (old / "data/chunk-000").mkdir(parents=True)
    lines = []
    for line in pq.read_table(source / "meta/episodes").to_pylist():
        number, rows = line["episode_index"], slice(line["dataset_from_index"], line["dataset_to_index"])
        part = table.slice(rows.start, line["length"])
        pq.write_table(part, old / f"data/chunk-000/episode_{number:06d}.parquet")
        lines.append({"episode_index": number, "tasks": ["Walk."], "length": line["length"]})
    (old / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (old / "meta/tasks.jsonl").write_text('{"task_index": 0, "task": "Walk."}\n')
    path = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    changed = {"codebase_version": "v2.1", "data_path": path, "splits": {"train": "0:8"}}
    (old / "meta/info.json").write_text(json.dumps(info | changed))
    back = opened(old)
    assert (back.about, back.unsaid) == ("Walk.", {"final_observation", "seed"})
    whole = opened(source)
    for one, two in zip(whole.trajectories(), back.trajectories(), strict=True):
        same((*one.observations, *one.actions, one.rewards), (*two.observations, *two.actions, two.rewards))
    assert {one.split for one in back.trajectories()} == {"train"}


def test_a_video_is_refused_or_left_out_and_named(exported, opened):
    path = exported("dict").path
    features = json.loads((path / "meta/info.json").read_text())["features"]
    features["observation.images.eye"]["dtype"] = "video"
    edited(path, features=features)
    with pytest.raises(ConfigError, match="is a video"):
        opened(path)
    back = opened(path, leave_out_videos=True)
    assert [*back.spaces.observation.spaces] == ["count", "position"]
    assert "observation.images.eye (video) is left out" in back.notes


def test_data_that_are_not_what_meta_says_are_named(exported, opened):
    path = exported("vector").path
    place = path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(place)
    damaged = {
        "fewer rows": table.slice(0, 3),
        "does not hold episode 0": table.slice(1),
        "no column action": table.drop_columns(["action"]),
        "the column action": table.set_column(
            table.schema.get_field_index("action"), "action", table["action"].cast(pa.float64())
        ),
    }
    for text, other in damaged.items():
        pq.write_table(other, place)
        with pytest.raises(DatasetError, match=text):
            list(opened(path).trajectories())
