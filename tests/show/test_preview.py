import json
import shutil

import numpy as np
import pytest
from film_frames import frames_of, shown_for

from builder.errors import EnvironmentError_
from builder.manifest.manifest import PREVIEW, read_manifest
from builder.manifest.provenance import is_own_sha256
from builder.replay import recorded_environment
from builder.show.choice import Place
from builder.show.preview import chosen_places, draws_unasked, moments, write_preview
from builder.storage.digest import file_sha256


@pytest.fixture
def folder(short_cartpole, tmp_path):
    shutil.copytree(short_cartpole, tmp_path / "cartpole")
    return tmp_path / "cartpole"


def places(*returns):
    return [Place("train", number, number, 5 + number, total) for number, total in enumerate(returns)]


def test_a_preview_is_a_film_a_strip_and_a_note_with_their_checksums(folder):
    assert write_preview(folder, None)
    film, strip, note = (folder / name for name in PREVIEW)
    assert frames_of(film).shape[1:] == (240, 360, 3)  # all episodes return 20: one is shown
    assert frames_of(strip).shape == (1, 80, 3 * 120 + 2 * 2, 3)
    content = json.loads(note.read_text())
    assert content["episodes"] == [{"episode": 0, "is": "every episode"}]
    assert content["files"] == {name: file_sha256(folder / name) for name in PREVIEW[:2]}
    assert {"gymnasium", "pillow"} < {*content["drawn_by"]}
    assert is_own_sha256(note.read_text())
    assert sum(path.stat().st_size for path in (film, strip)) < 2_000_000


def test_the_same_machine_draws_the_same_bytes(folder):
    write_preview(folder, None)
    first = [(folder / name).read_bytes() for name in PREVIEW]
    write_preview(folder, recorded_environment(read_manifest(folder)))
    assert [(folder / name).read_bytes() for name in PREVIEW] == first


def test_a_dataset_of_images_shows_them_three_side_by_side(dataset_of, tmp_path):
    shutil.copytree(dataset_of("image"), tmp_path / "images")
    assert write_preview(tmp_path / "images", None, asked=False)
    assert frames_of(tmp_path / "images" / PREVIEW[0]).shape[2] == 3 * 237 + 2 * 4


def test_what_cannot_be_drawn_is_an_error_only_where_it_was_asked_for(dataset_of, tmp_path):
    folder = tmp_path / "kind"
    shutil.copytree(dataset_of("vector"), folder)
    assert not write_preview(folder, None, asked=False)
    with pytest.raises(EnvironmentError_, match="cannot be drawn"):
        write_preview(folder, None)
    assert not any((folder / name).exists() for name in PREVIEW)


def test_best_median_and_worst_are_named_and_one_that_is_two_of_them_once():
    three = places(1.0, 9.0, 5.0)
    assert chosen_places(three) == {three[1]: "best", three[2]: "median", three[0]: "worst"}
    two = places(0.0, 3.0)
    assert chosen_places(two) == {two[1]: "best", two[0]: "median and worst"}
    alike = places(7.0, 7.0, 7.0)
    assert chosen_places(alike) == {alike[0]: "every episode"}
    one = places(7.0)
    assert chosen_places(one) == {one[0]: "the episode"}
    unrated = places(float("nan"), float("nan"))
    assert chosen_places(unrated) == {unrated[1]: "longest"}


@pytest.mark.parametrize(
    ("steps", "fps"), [(5, 50), (500, 50), (999, 50), (1000, 20), (1000, 50), (0, 30), (27000, 15)]
)
def test_an_episode_plays_for_a_few_seconds_and_is_seen_to_its_end(steps, fps):
    found = moments(steps, fps)
    assert len(found) <= 21
    assert found[0] >= 0
    assert steps - found[-1] < found.step
    if steps <= 10 * fps:
        assert found[0] == 0  # whole


@pytest.mark.parametrize(
    ("env_id", "unasked"), [("Pendulum-v1", True), ("LunarLander-v3", True), ("HalfCheetah-v5", False)]
)
def test_only_what_software_draws_at_once_is_drawn_unasked(short_cartpole, env_id, unasked):
    from builder.environments.environment import resolve

    spec = resolve(env_id, {}, max_episode_steps=None, max_steps=None)
    assert draws_unasked(read_manifest(short_cartpole), spec) is unasked


def test_the_film_stands_still_for_those_that_have_ended(dataset_of, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(dataset_of("image"), folder)
    write_preview(folder, None)
    frames = frames_of(folder / PREVIEW[0])
    lengths = [len(moments(row["length"], 30)) for row in _shown_rows(folder)]
    assert shown_for(folder / PREVIEW[0]) == max(lengths) * 143
    shortest = int(np.argmin(lengths))
    left = shortest * (237 + 4)
    panel = frames[:, 20:, left : left + 237].astype(int)
    assert np.abs(panel[-1] - panel[lengths[shortest] - 1]).mean() < 4


def _shown_rows(folder):
    import pyarrow.parquet as pq

    rows = [
        row for path in sorted((folder / "episodes").iterdir()) for row in pq.read_table(path).to_pylist()
    ]
    shown = json.loads((folder / PREVIEW[2]).read_text())["episodes"]
    by_index = {row["episode_index"]: row for row in rows}
    return [by_index[entry["episode"]] for entry in shown]
