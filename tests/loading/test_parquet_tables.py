"""What `load` opens is decided by the manifest: not by the card, nor by what stands in a file."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import sweep
from verification import rewrite

from builder import Controller, load
from builder.dataset.images import STORAGE
from builder.errors import DatasetError
from builder.loading.parquet_tables import image_paths
from builder.manifest.manifest import read_manifest, seal

STEPS = "data/train-00000-of-00001.parquet"
HEADER = "---\nconfigs:\n- config_name: transitions\n  data_files:\n  - split: train\n    path: {}\n---\n"


@pytest.fixture
def folder(two_episodes, tmp_path):
    return shutil.copytree(two_episodes, tmp_path / "x")


def other_rewards(folder, target):
    """A copy of the steps with other rewards."""
    table = pq.read_table(folder / STEPS)
    rewards = pa.array(np.full(table.num_rows, 9.0))
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.set_column(table.schema.get_field_index("reward"), "reward", rewards), target)
    return target


@sweep("place", ["other.parquet", "../other.parquet", "{absolute}", "http://127.0.0.1:9/x.parquet"])
def test_a_card_does_not_choose_what_is_loaded(folder, tmp_path, place):
    other_rewards(folder, folder / "other.parquet")
    other = other_rewards(folder, tmp_path / "other.parquet")
    (folder / "README.md").write_text(HEADER.format(place.format(absolute=other)))
    dataset = load(folder)
    assert dataset.arrays()["reward"].tolist() == [1.0] * len(dataset.arrays()["reward"])
    (batch,) = dataset.batches(10_000)
    assert set(batch["reward"].tolist()) == {1.0}
    assert set(dataset[0].rewards.tolist()) == {1.0}


def test_a_file_that_nobody_listed_is_not_loaded(folder):
    rows = len(load(folder).arrays()["reward"])
    other_rewards(folder, folder / "data/train-00001-of-00002.parquet")
    assert load(folder).arrays()["reward"].tolist() == [1.0] * rows
    assert sum(len(batch["reward"]) for batch in load(folder).batches(7)) == rows


def test_a_changed_file_is_not_loaded(folder):
    other_rewards(folder, folder / STEPS)
    for read in (lambda data: data.arrays(), lambda data: data[0], lambda data: list(data.batches(5))):
        with pytest.raises(DatasetError, match="is not what the manifest says"):
            read(load(folder))


def test_metadata_of_a_file_does_not_choose_its_types(folder):
    """`datasets` takes them from there; here the manifest's spaces say what a column is."""
    table = pq.read_table(folder / STEPS)
    theirs = {"info": {"features": {"reward": {"_type": "Image"}, "observation": {"_type": "Audio"}}}}
    changed = table.replace_schema_metadata({"huggingface": json.dumps(theirs)})
    pq.write_table(changed, folder / STEPS)
    seal(read_manifest(folder), folder)
    assert load(folder).arrays()["observation"].dtype == np.float32
    assert load(folder).transitions.features["reward"].dtype == "float64"


def test_columns_of_other_types_are_one_error(folder):
    rewrite(folder, STEPS, lambda columns: None)
    table = pq.read_table(folder / STEPS)
    texts = pa.array(["x"] * table.num_rows)
    at = table.schema.get_field_index("observation")
    pq.write_table(table.set_column(at, "observation", texts), folder / STEPS)
    seal(read_manifest(folder), folder)
    with pytest.raises(DatasetError, match="cannot be read"):
        load(folder).arrays()


def test_the_path_of_an_image_is_found_at_any_depth():
    images = pa.array([{"bytes": None, "path": "/etc/passwd"}], STORAGE)
    nested = pa.StructArray.from_arrays([images], ["screen"])
    found = list(image_paths(pa.table({"a": images, "b": nested, "c": [1]})))
    assert [column.to_pylist() for column in found] == [["/etc/passwd"]] * 2


def test_images_that_name_files_are_refused(tmp_path):
    words = ["expert=random", "env.id=CartPole-v1", "episodes=1", "env.max_episode_steps=3"]
    wrappers = "env.wrappers=[{path: AddRenderObservation, kwargs: {render_only: true}}]"
    out = tmp_path / "x"
    Controller().start([*words, wrappers, "env.kwargs={render_mode: rgb_array}", f"out={out}"])
    table = pq.read_table(out / STEPS)
    named = pa.array([{"bytes": None, "path": "/etc/passwd"}] * table.num_rows, STORAGE)
    pq.write_table(
        table.set_column(table.schema.get_field_index("observation"), "observation", named), out / STEPS
    )
    seal(read_manifest(out), out)
    with pytest.raises(DatasetError, match="names files in place of images"):
        _ = load(out).transitions


@pytest.mark.parametrize("name", ["a[b]c", "a*?", "a{b,c}", "é 'x'"])
def test_the_name_of_a_folder_is_no_pattern(folder, tmp_path, name):
    moved = folder.rename(tmp_path / name)
    assert len(load(moved).arrays()["reward"]) > 0


def test_load_shows_no_bar_of_datasets_and_leaves_its_users_own_as_they_were(folder):
    lines = (
        "import datasets, builder, sys",
        "builder.load(sys.argv[1]).transitions",
        "assert not datasets.utils.are_progress_bars_disabled()",
        "print('ours', file=sys.stderr)",
        "datasets.load_dataset('parquet', data_files=sys.argv[1] + '/data/train-*', cache_dir=sys.argv[2])",
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_DATASETS")}
    words = [sys.executable, "-c", "\n".join(lines), str(folder), str(folder.parent / "cache")]
    called = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    ours, _, theirs = called.stderr.partition("ours")
    assert (ours, "Generating train split" in theirs) == ("", True)
