"""What lies below the root after an export."""

import json
import shutil

import h5py
import kinds
import numpy as np
from sweeps import sweep

from builder import load
from builder.card import keep_reference
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_
from builder.exchange.minari.reading import read
from builder.manifest.manifest import read_manifest
from builder.manifest.scores import ReferenceScores


@sweep("kind", kinds.KINDS, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, tmp_path):
    export(dataset_of(kind), ExportRequest("minari", tmp_path))
    incoming = read(tmp_path, {"id": None})
    came = list(incoming.trajectories())
    recorded = [load(dataset_of(kind), split=split) for split in ("train", "test")]
    assert incoming.spaces == recorded[0].manifest.spaces
    assert [one.split for one in came] == ["train"] * 6 + ["test"] * 2
    for back, episode in zip(came, [one for split in recorded for one in split], strict=True):
        observed, rewards, ends = kinds.restep(kind, back.seed, episode.actions)
        for array, leaf in zip(back.all_observations(), _columns(observed), strict=True):
            np.testing.assert_array_equal(array, leaf)
        np.testing.assert_array_equal(back.actions[0], episode.actions)
        np.testing.assert_array_equal(back.rewards, rewards)
        assert (back.terminated, back.truncated, back.seed) == (*ends, episode.seed)


def _columns(observed):
    """Per leaf, what was observed."""
    first = observed[0]
    if isinstance(first, dict):
        return [np.array([one[key] for one in observed]) for key in first]
    if isinstance(first, tuple):
        return [np.array([one[place] for one in observed]) for place in range(len(first))]
    return [np.array(observed)]


def test_the_same_dataset_gives_the_same_bytes(dataset_of, tmp_path):
    folders = [export(dataset_of("dict"), ExportRequest("minari", tmp_path / name)).path for name in "ab"]
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert first == second


def test_images_are_kept_as_they_are(dataset_of, tmp_path):
    folder = export(dataset_of("image"), ExportRequest("minari", tmp_path)).path
    assert json.loads((folder / "data" / "metadata.json").read_text())["jpeg_encoding"] is False
    with h5py.File(folder / "data" / "main_data.hdf5") as file:
        assert file["episode_0/observations"].shape[1:] == (36, 40, 3)


def test_the_metadata_say_what_it_is_and_who_played(dataset_of, tmp_path):
    folder = export(dataset_of("vector"), ExportRequest("minari", tmp_path)).path
    metadata = json.loads((folder / "data" / "metadata.json").read_text())
    manifest = load(dataset_of("vector")).manifest
    assert metadata["dataset_id"] == "il-builder/Kind-v0/random-v0"
    assert metadata["algorithm_name"] == "random"
    assert metadata["total_steps"] == sum(split.rows for split in manifest.splits.values())
    assert json.loads(metadata["env_spec"])["kwargs"] == {"kind": "vector"}
    assert manifest.fingerprint in metadata["description"]


def test_the_losses_name_the_split(dataset_of, tmp_path):
    done = export(dataset_of("vector"), ExportRequest("minari", tmp_path))
    assert [loss.what for loss in done.losses] == ["split"]


def test_reference_scores_are_in_minari_s_own_fields_and_come_back(dataset_of, tmp_path):
    shutil.copytree(dataset_of("vector"), tmp_path / "x")
    without = export(tmp_path / "x", ExportRequest("minari", tmp_path / "a")).path
    assert "ref_min_score" not in json.loads((without / "data" / "metadata.json").read_text())
    assert read(without, {"id": None}).reference is None
    keep_reference(tmp_path / "x", ReferenceScores(-1.5, 7.0, "a test"))
    path = export(tmp_path / "x", ExportRequest("minari", tmp_path / "b")).path
    metadata = json.loads((path / "data" / "metadata.json").read_text())
    assert (metadata["ref_min_score"], metadata["ref_max_score"]) == (-1.5, 7.0)
    name = metadata["dataset_id"]
    import_(ImportRequest("minari", path, replay=False), tmp_path / "back")
    assert read_manifest(tmp_path / "back").reference == ReferenceScores(
        -1.5, 7.0, f"ref_min_score and ref_max_score of Minari's {name}"
    )
