"""Minari's datasets, of whoever's: read as data, or refused."""

import json
import shutil

import h5py
import numpy as np
import pytest

from builder.errors import DatasetError
from builder.exchange.export import ExportRequest, export
from builder.exchange.minari.reading import read


@pytest.fixture(scope="module")
def made(dataset_of, tmp_path_factory):
    root = tmp_path_factory.mktemp("minari")
    return export(dataset_of("vector"), ExportRequest("minari", root, options={"id": "x-v0"})).path


@pytest.fixture
def folder(made, tmp_path):
    """A dataset without our note, as a stranger's is."""
    return shutil.copytree(made, tmp_path / "x-v0", ignore=shutil.ignore_patterns("il_builder.json"))


def restate(folder, **changes):
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in metadata.items() if value is not None}))


def opened(folder):
    return h5py.File(folder / "data" / "main_data.hdf5", "r+")


def refused(folder, match):
    with pytest.raises(DatasetError, match=match):
        list(read(folder, {"id": None}).trajectories())


def test_what_a_stranger_says_is_carried(folder):
    restate(folder, author=["B", "A"], algorithm_name="SAC", description="what it is")
    found = read(folder, {"id": None})
    assert found.authors == ("A", "B")
    assert (found.policy, found.about) == ("SAC", "what it is")
    assert found.environment == {"id": "Kind-v0", "kwargs": {"kind": "vector"}, "max_episode_steps": 50}
    assert found.unsaid == frozenset()
    assert found.notes == ()


def test_a_seed_of_64_bits_is_kept(folder):
    with opened(folder) as file:
        file["episode_0"].attrs["seed"] = np.uint64(2**64 - 1)
    assert next(read(folder, {"id": None}).trajectories()).seed == 2**64 - 1


def test_seeds_that_not_every_episode_has_are_unsaid(folder):
    with opened(folder) as file:
        del file["episode_3"].attrs["seed"]
    assert read(folder, {"id": None}).unsaid == {"seed"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"data_format": "zarr"}, "keeps its data as zarr"),
        ({"observation_space": None}, "says no observation_space"),
        ({"action_space": "{}"}, "action_space is no space"),
        ({"env_spec": "{"}, "env_spec is no environment"),
        ({"total_episodes": 9}, "expected 9; got 8"),
        ({"observation_space": '{"type": "Discrete", "n": 3}'}, "does not fit its space"),
    ],
    ids=["format", "no-space", "bad-space", "bad-spec", "count", "other-space"],
)
def test_metadata_that_do_not_fit_are_refused(folder, changes, match):
    restate(folder, **changes)
    refused(folder, match)


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("actions", np.zeros((3, 1), "f4"), "different lengths"),
        ("rewards", np.zeros(0), "different lengths"),
        ("observations", np.zeros((0, 3), "f4"), "different lengths"),
        ("rewards", None, "has no episode_0/rewards"),
        ("observations", h5py.SoftLink("/episode_1/observations"), "is a link"),
        ("observations", h5py.ExternalLink("/etc/passwd", "/x"), "is a link"),
    ],
    ids=["length", "none", "empty", "missing", "soft", "external"],
)
def test_episodes_that_do_not_fit_are_refused(folder, name, values, match):
    with opened(folder) as file:
        del file[f"episode_0/{name}"]
        if values is not None:
            file[f"episode_0/{name}"] = values
    refused(folder, match)


def test_an_episode_that_goes_on_after_its_end_is_refused(folder):
    with opened(folder) as file:
        number = next(name for name in file if len(file[name]["rewards"]) > 1)
        file[number]["terminations"][0] = True
    refused(folder, "goes on after it has ended")


@pytest.mark.parametrize("name", ["metadata.json", "main_data.hdf5"])
def test_a_link_is_refused(folder, name, tmp_path):
    path = folder / "data" / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    refused(folder, "is a link")


def test_the_cache_of_the_hubs_client_may_link_to_its_own_content(folder, tmp_path):
    snapshot = tmp_path / "repository" / "snapshots" / "0123"
    (tmp_path / "repository" / "blobs").mkdir(parents=True)
    shutil.copytree(folder, snapshot / "x-v0")
    for path in [path for path in snapshot.rglob("*") if path.is_file()]:
        blob = tmp_path / "repository" / "blobs" / path.name
        path.rename(blob)
        path.symlink_to(blob)
    assert len(list(read(snapshot, {"id": None}).trajectories())) == 8


def test_images_in_jpeg_are_near_and_said_to_be(dataset_of, tmp_path):
    from io import BytesIO

    from PIL import Image

    folder = export(dataset_of("image"), ExportRequest("minari", tmp_path)).path
    (folder / "il_builder.json").unlink()
    restate(folder, jpeg_encoding=None)
    with opened(folder) as file:
        for name in file:
            images = file[name]["observations"][()] // 64 * 64
            packed = []
            for image in images:
                Image.fromarray(image).save(content := BytesIO(), format="JPEG", quality=95)
                packed.append(np.frombuffer(content.getvalue(), np.uint8))
            del file[name]["observations"]
            file[name].create_dataset("observations", (len(packed),), h5py.vlen_dtype(np.uint8))
            for number, content in enumerate(packed):
                file[name]["observations"][number] = content
    found = read(tmp_path, {"id": None})
    first = next(found.trajectories())
    assert first.observations[0].shape[1:] == (36, 40, 3)
    assert "JPEG" in found.notes[0]
