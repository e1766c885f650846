"""`infos` of other formats: our `info.*` columns there, and theirs here."""

import dataclasses

import h5py
import numpy as np
import pytest
import telling  # noqa: F401  (registers it)

from builder import build, load
from builder.exchange.contract import Trajectory
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_
from builder.exchange.infos import Seen, ToldInJson, extras_of, rows_from_reset, said_in
from builder.manifest.manifest import read_manifest
from builder.verify.tables import check_tables

KEYS = ["count", "mixed", "triple", "is_success", "sometimes", "length", "word"]
WHERE = {"d4rl": "infos", "minari": "episode_1/infos"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    out = tmp_path_factory.mktemp("told") / "x"
    config = {"expert": "random", "env.id": "Telling/All-v0", "episodes": 6, "out": str(out)}
    build(**config, **{"dataset.info": KEYS, "parallel": "threading", "parallel.n_jobs": 1})
    return out


@pytest.fixture
def exported(told, tmp_path):
    """`exported("d4rl")`: what an export ends with, and the file that holds the arrays."""

    def to(name):
        found = export(told, ExportRequest(name, tmp_path / ("x.hdf5" if name == "d4rl" else "root")))
        return found, found.path if found.path.is_file() else found.path / "data" / "main_data.hdf5"

    return to


def imported(name, path, out):
    import_(ImportRequest(name, path, replay=False), out)
    manifest = read_manifest(out)
    assert check_tables(out, manifest).passed
    return load(out)


@pytest.mark.parametrize("name", ["d4rl", "minari"])
def test_what_steps_said_comes_back_with_what_they_did_not_say(told, exported, tmp_path, name):
    found, _ = exported(name)
    ours, theirs = load(told).arrays(), imported(name, found.path, tmp_path / "y").arrays()
    keys = [key for key in ours if key.startswith("info.") and "word" not in key]
    assert len(keys) == 10
    for key in keys:
        assert theirs[key].dtype == ours[key].dtype
        np.testing.assert_array_equal(theirs[key], ours[key])
    assert not [key for key in theirs if "word" in key]


def test_minari_holds_what_reset_said_and_d4rl_names_it_as_lost(told, exported, tmp_path):
    minari, d4rl = exported("minari")[0], exported("d4rl")[0]
    lost = {name: {loss.what for loss in found.losses} for name, found in (("m", minari), ("d", d4rl))}
    assert {"info.word", "info.word of episodes"} <= lost["m"] & lost["d"]
    assert "info.length of episodes" in lost["d"] - lost["m"]
    came = imported("minari", minari.path, tmp_path / "y").episode_table["info.length"]
    assert list(came) == list(load(told).episode_table["info.length"])


@pytest.mark.parametrize("name", ["d4rl", "minari"])
def test_a_strangers_infos_are_columns_where_they_are_numbers_of_each_step(exported, tmp_path, name):
    found, file = exported(name)
    note = tmp_path / "x.hdf5.il_builder.json" if name == "d4rl" else found.path / "il_builder.json"
    for path in tmp_path.rglob("*il_builder*.json"):
        path.unlink()
    assert not note.exists()
    with h5py.File(file, "r+") as opened:
        group = opened[WHERE[name]]
        del group["_count"]
        group["odd name"] = np.zeros(len(group["count"]))
        group["texts"] = ["a"] * len(group["count"])
        group["short"] = np.zeros(1)
        group.create_group("nested")["x"] = np.zeros(len(group["count"]))
    theirs = imported(name, found.path, tmp_path / "y")
    assert "info.triple" in theirs.arrays()
    (said,) = [note for note in theirs.manifest.notes if "left out" in note]
    for key in ("nested", "odd name", "short", "texts"):
        assert key in said
        assert f"info.{key}" not in theirs.arrays()
    if name == "d4rl":  # of which there is one array for all episodes
        assert "info.count.valid" not in theirs.arrays()
        assert any("the rows of the source's infos" in note for note in theirs.manifest.notes)


def test_a_key_that_not_every_episode_has_is_null_there(exported, tmp_path):
    found, file = exported("minari")
    with h5py.File(file, "r+") as opened:
        for key in ("count", "_count"):
            del opened[f"episode_2/infos/{key}"]
    dataset = imported("minari", found.path, tmp_path / "y")
    assert [bool(episode.all()) for episode in valid_by_episode(dataset, "info.count.valid")] == [
        *(True, True, False, True, True, True)
    ]


def valid_by_episode(dataset, name):
    arrays = dataset.arrays()
    return [arrays[name][arrays["episode_index"] == index] for index in range(len(dataset))]


def test_a_key_whose_kind_changes_between_episodes_is_left_out(exported, tmp_path):
    found, file = exported("minari")
    with h5py.File(file, "r+") as opened:
        values = opened["episode_2/infos/count"][()]
        del opened["episode_2/infos/count"]
        opened["episode_2/infos/count"] = values.astype(np.float32)
    dataset = imported("minari", found.path, tmp_path / "y")
    assert "info.count" not in dataset.arrays()
    assert any("count" in note for note in dataset.manifest.notes)


def test_an_imported_dataset_has_a_card_and_a_success_rate(told, exported, tmp_path):
    found, _ = exported("d4rl")
    imported("d4rl", found.path, tmp_path / "y")
    card = (tmp_path / "y" / "README.md").read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("| success")]
    assert line in (told / "README.md").read_text()


def test_what_a_source_says_is_not_held_against_the_environment(exported, tmp_path):
    """D4RL's qpos is no `info` of any environment."""
    found, file = exported("d4rl")
    with h5py.File(file, "r+") as opened:
        opened["infos/count"][...] = 7
    import_(ImportRequest("d4rl", found.path), tmp_path / "y")
    assert any("are repeated bit for bit" in note for note in read_manifest(tmp_path / "y").notes)


EPISODE = Trajectory(
    observations=(np.zeros((2, 1)),),
    actions=(np.zeros((2, 1)),),
    final=None,
    rewards=None,
    terminated=None,
    truncated=None,
    extras={"info.x": np.array([1.0, 2.0])},
    attempt_extras={"info.x": np.float64(0.5), "info.n": np.int64(3)},
)


def test_what_reset_said_comes_before_the_steps():
    seen = Seen()
    seen.add({"x": (np.dtype("f8"), (3,)), "n": (np.dtype("i8"), (3,))}, 2)
    columns = {column.name: column for column in seen.columns(1) if column.table == "transitions"}
    keys = {name.removeprefix("info."): column for name, column in columns.items()}
    del keys["n"]
    assert [part.tolist() for part in rows_from_reset(EPISODE, "x", keys)] == [[0.5, 1, 2], [True] * 3]
    assert [part.tolist() for part in rows_from_reset(EPISODE, "n", keys)] == [
        [3, 0, 0],
        [True, False, False],
    ]
    other = dataclasses.replace(EPISODE, attempt_extras={"info.x": np.int64(1)})
    assert rows_from_reset(other, "x", keys)[1].tolist() == [False, True, True]


def test_a_mask_of_another_shape_is_none():
    seen = Seen()
    seen.add({"x": (np.dtype("f8"), (2,)), "_x": (np.dtype("?"), (1,))}, 2)
    (column,) = seen.columns(1)
    assert not column.nullable
    assert seen.others == {"_x"}
    found, _ = extras_of(
        [dataclasses.replace(column, nullable=True)], {"x": np.ones(2), "_x": np.zeros(1, bool)}, 2
    )
    assert found["info.x.valid"].tolist() == [True, True]


@pytest.mark.parametrize(
    "found",
    [(np.dtype("f8"), (5,)), (np.dtype("f8"), (2, 0)), (np.dtype("c16"), (2,)), (np.dtype("f8"), ()), None],
)
def test_what_is_no_number_of_each_step_is_no_column(found):
    seen = Seen()
    seen.add({"x": found}, 2)
    assert seen.columns(1) == ()
    (note,) = seen.notes()
    assert note.endswith("no values of one kind in each step: x")


def test_a_long_list_of_what_is_left_out_is_cut():
    seen = Seen()
    seen.add({f"k{number}": None for number in range(100)}, 2)
    (note,) = seen.notes()
    assert len(note) < 1000
    assert note.endswith("and 88 more")


def test_imitations_infos_go_out_and_come_back(told, tmp_path):
    found = export(told, ExportRequest("imitation", tmp_path / "x"))
    lost = {str(loss) for loss in found.losses}
    assert "info.triple dtype: float32; JSON has numbers alone, which it holds exactly" in lost
    assert any(loss.startswith("info.length of episodes") for loss in lost)
    ours, theirs = load(told).arrays(), imported("imitation", found.path, tmp_path / "y").arrays()
    keys = [key for key in ours if key.startswith("info.")]
    assert len(keys) == 12
    for key in keys:
        if "triple" not in key:
            assert theirs[key].dtype == ours[key].dtype
        np.testing.assert_array_equal(theirs[key], ours[key])


def test_jsons_infos_are_columns_where_they_are_typed():
    told = ToldInJson()
    infos = [
        {"a": 1, "b": [1, 2], "c": {"py/object": "x"}},
        {"a": 0.5, "b": [3, 4], "d e": 1},
        None,
        {"t": "x"},
    ]
    for info in infos:
        told.add(info)
    columns = told.columns()
    assert [column.name for column in columns] == ["info.a", "info.b", "info.t"]
    said = said_in(infos, columns)
    assert said["info.a"].tolist()[:2] == [1.0, 0.5]
    assert said["info.b.valid"].tolist() == [True, True, False, False]
    assert said["info.t"].tolist() == [None, None, None, "x"]
    left, unread = told.notes()
    assert left.endswith("c, d e")
    assert "nothing in them is unpickled" in unread
