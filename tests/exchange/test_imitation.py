"""imitation's folder, and back."""

import json

import kinds
import numpy as np
import pyarrow as pa
import pytest
from sweeps import sweep

from builder import load
from builder.errors import ConfigError, DatasetError
from builder.exchange.export import ExportRequest, export
from builder.exchange.imitation import FORMAT, ROWS

HELD = [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")]


@pytest.fixture
def exported(dataset_of, tmp_path):
    return lambda kind: export(dataset_of(kind), ExportRequest("imitation", tmp_path / "x")).path


def rewritten(path, **columns):
    """The folder, with columns of its own in the place of some."""
    (path / "il_builder.json").unlink()
    table = pa.ipc.open_stream((path / ROWS).read_bytes()).read_all()
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.remove_column(place)
        if values is not None:
            table = table.add_column(place, name, [pa.array(values)])
    with pa.ipc.new_stream(str(path / ROWS), table.schema) as stream:
        stream.write_table(table)
    return path


@sweep("kind", HELD, quick=2)
def test_what_is_read_back_is_what_was_recorded(kind, dataset_of, exported):
    came = list(FORMAT.read(exported(kind), {}).trajectories())
    for split in ("train", "test"):
        episodes = [one for one in came if one.split == split]
        for episode, back in zip(load(dataset_of(kind), split=split), episodes, strict=True):
            (observations,) = back.all_observations()
            assert observations.dtype == episode.observations.dtype
            np.testing.assert_array_equal(observations, episode.observations)
            np.testing.assert_array_equal(back.actions[0], episode.actions)
            np.testing.assert_array_equal(back.rewards, episode.rewards)
            assert (back.terminated, back.truncated) == (episode.terminations[-1], episode.truncations[-1])


def test_datasets_opens_it(dataset_of, exported):
    import datasets

    opened = datasets.load_from_disk(str(exported("vector")))
    first = load(dataset_of("vector"))[0]
    assert opened[0]["obs"] == first.observations.tolist()
    assert opened[0]["infos"][:-1] == ["{}"] * (len(first) - 1)
    assert opened[0]["terminal"] is True


def test_the_same_dataset_gives_the_same_bytes(dataset_of, tmp_path):
    one, other = (
        export(dataset_of("image"), ExportRequest("imitation", tmp_path / name)).path for name in "ab"
    )
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


def test_lists_are_described_as_every_release_of_datasets_reads_them(exported):
    text = (exported("image") / "dataset_info.json").read_text()
    assert '"Sequence"' in text
    assert '"List"' not in text


def test_a_terminal_says_that_an_episode_ended_and_not_how(exported):
    path = exported("vector")
    infos = [["{}"]] * 8
    came = FORMAT.read(rewritten(path, infos=infos), {})
    assert came.ended
    assert came.unsaid == {"terminated", "truncated", "seed"}
    assert {(one.ended, one.terminated) for one in came.trajectories()} == {(True, None)}


def test_an_info_of_stable_baselines3_says_how(exported):
    infos = [['{"TimeLimit.truncated": true}']] * 4 + [['{"TimeLimit.truncated": false}']] * 4
    came = FORMAT.read(rewritten(exported("vector"), infos=infos), {})
    assert came.unsaid == {"seed"}
    found = [(one.terminated, one.truncated) for one in came.trajectories()]
    assert found == [(False, True)] * 4 + [(True, False)] * 4


def test_what_jsonpickle_has_put_into_an_info_stays_a_text(exported, tmp_path):
    mark = tmp_path / "opened"
    call = {"py/reduce": [{"py/function": "pathlib.Path.touch"}, {"py/tuple": [str(mark)]}]}
    infos = [[json.dumps({"TimeLimit.truncated": True, "terminal_observation": call})]] * 8
    came = FORMAT.read(rewritten(exported("vector"), infos=infos), {})
    assert {one.truncated for one in came.trajectories()} == {True}
    assert not mark.exists()


def test_trajectories_without_rewards_are_read_without(exported):
    came = FORMAT.read(rewritten(exported("vector"), rews=None), {})
    assert "reward" in came.unsaid
    assert next(came.trajectories()).rewards is None


@pytest.mark.parametrize(
    "columns",
    [{"obs": None}, {"terminal": [None] * 8}, {"acts": [[]] * 8}, {"rews": [[1.0]] * 8}, {"obs": [1.0] * 8}],
    ids=str,
)
def test_columns_that_do_not_fit_are_refused(columns, exported):
    path = rewritten(exported("vector"), **columns)
    with pytest.raises(DatasetError):
        list(FORMAT.read(path, {}).trajectories())


@pytest.mark.parametrize("name", ["../x.arrow", "/etc/passwd", "none.arrow", 3])
def test_a_file_that_lies_elsewhere_is_refused(name, exported):
    path = exported("vector")
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    (path.parent / "x.arrow").write_bytes((path / ROWS).read_bytes())
    with pytest.raises(DatasetError):
        FORMAT.read(path, {})


def test_nested_observations_are_refused(exported):
    with pytest.raises(ConfigError, match="one array"):
        exported("dict")
