"""Imports: what files say becomes a dataset, and nothing else does."""

import json

import h5py
import kinds
import numpy as np
import pytest
from sweeps import sweep

from builder import Controller, load
from builder.cli.main import main
from builder.composition import compose
from builder.errors import BuilderError, ConfigError, DatasetError, ExistsError
from builder.exchange.export import ExportRequest, export
from builder.exchange.importing import ImportRequest, import_
from builder.verify import verify
from builder.verify.config import VerifyConfig

FLAT = [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")]


@pytest.fixture
def exported(dataset_of, tmp_path):
    return lambda kind: export(dataset_of(kind), ExportRequest("d4rl", tmp_path / f"{kind}.hdf5")).path


@pytest.fixture
def foreign(tmp_path):
    """A file of D4RL's layout that none of ours wrote: seven steps, two episodes; it says what is wanted."""

    def written(*without, **more):
        rng = np.random.default_rng(0)
        following = rng.normal(size=(7, 3)).astype("f4")
        starts = [0, 3]
        observed = np.roll(following, 1, axis=0)
        observed[starts] = 9
        arrays = {
            "observations": observed,
            "actions": rng.normal(size=(7, 1)).astype("f4"),
            "rewards": rng.normal(size=7).astype("f4"),
            "next_observations": following,
            "terminals": np.array([0, 0, 1, 0, 0, 0, 0], bool),
            "timeouts": np.array([0, 0, 0, 0, 0, 0, 1], bool),
        }
        path = tmp_path / "foreign.hdf5"
        with h5py.File(path, "w") as file:
            for name, array in (arrays | more).items():
                if name not in without:
                    file[name] = array
        return path

    return written


def imported(path, out, **wanted):
    return import_(ImportRequest("d4rl", path, **wanted), out)


def checks(out, level):
    return verify(compose(VerifyConfig, "verify", [f"out={out}", f"level={level}"]))


@sweep("kind", FLAT)
def test_exported_and_imported_a_dataset_is_what_it_was(kind, dataset_of, exported, tmp_path):
    out = imported(exported(kind), tmp_path / "back").out
    for split in ("train", "test"):
        before, after = (load(folder, split=split).arrays() for folder in (dataset_of(kind), out))
        assert before.keys() == after.keys()
        for name in before.keys() - {"episode_index"}:  # train comes first in a file of one table
            assert before[name].dtype == after[name].dtype
            np.testing.assert_array_equal(before[name], after[name])


def test_what_is_imported_is_verified_at_every_level_that_can_be(exported, tmp_path):
    out = imported(exported("vector"), tmp_path / "back").out
    assert all(check.passed for check in checks(out, "replay").checks)
    assert "importing them again" in str(checks(out, "files").claims)


@pytest.mark.slow
def test_a_flipped_bit_of_what_is_imported_is_found_by_replay(exported, tmp_path):
    path = exported("vector")
    with h5py.File(path, "a") as file:
        file["rewards"][3] += 1
    out = imported(path, tmp_path / "back").out
    assert "7 of the 8 episodes" in load(out).manifest.notes[0]
    assert not all(check.passed for check in checks(out, "replay").checks)
    assert all(check.passed for check in checks(out, "files").checks)


def test_what_a_source_does_not_say_is_no_column(foreign, tmp_path):
    path = foreign("timeouts", "next_observations", "rewards")
    out = imported(path, tmp_path / "x").out
    dataset = load(out)
    assert {"reward", "truncated", "next_observation"}.isdisjoint(dataset.arrays())
    assert {"final_observation", "seed", "episode_return"}.isdisjoint(dataset.episode_table.column_names)
    assert np.isnan(dataset[0].rewards).all()
    assert np.isnan(dataset[0].observations[-1]).all()
    assert all(check.passed for check in checks(out, "files").checks)
    card = (out / "README.md").read_text()
    assert "not known" in card
    assert "does not say `final_observation`, `reward`, `seed`, `truncated`" in card


def test_what_a_source_says_is_there(foreign, tmp_path):
    dataset = load(imported(foreign(), tmp_path / "x").out)
    assert [len(episode) for episode in dataset] == [3, 4]
    assert [(e.terminations[-1], e.truncations[-1]) for e in dataset] == [(True, False), (False, True)]


def test_an_environment_that_is_named_gives_its_spaces(foreign, tmp_path):
    environment = {"id": "Kind-v0", "kwargs": {"kind": "vector"}}
    dataset = load(imported(foreign(), tmp_path / "x", environment=environment).out)
    assert dataset.manifest.spaces.observation == kinds.OBSERVED["vector"]
    assert dataset.manifest.inputs["environment"]["id"] == "Kind-v0"
    with pytest.raises(DatasetError, match="another observation space"):
        imported(foreign(), tmp_path / "y", environment={"id": "CartPole-v1"})


def test_the_same_import_again_is_up_to_date_and_another_needs_overwrite(foreign, tmp_path):
    out = tmp_path / "x"
    assert imported(foreign(), out).fresh
    assert not imported(foreign(), out).fresh
    with pytest.raises(ExistsError, match="overwrite=true"):
        imported(foreign("rewards"), out)
    assert imported(foreign("rewards"), out, overwrite=True).fresh


def test_a_build_does_not_replace_what_was_imported(foreign, tmp_path):
    out = imported(foreign(), tmp_path / "x").out
    with pytest.raises(ExistsError, match="another dataset"):
        Controller().start(["expert=random", "env.id=CartPole-v1", "episodes=2", f"out={out}"])


@pytest.mark.parametrize(
    ("without", "more"),
    [
        ((), {"rewards": np.zeros(6)}),
        ((), {"observations": np.zeros((0, 3), "f4")}),
        (("observations",), {}),
        ((), {"actions": np.array([np.void(b"\x80\x04.")] * 7)}),
        ((), {"rewards": np.zeros((7, 2))}),
        ((), {"metadata/seeds": np.zeros(5, "u8")}),
        ((), {"next_observations": np.ones((7, 3), "f4")}),
    ],
    ids=["length", "empty", "missing", "objects", "shape", "seeds", "following"],
)
def test_what_does_not_fit_together_is_refused_and_leaves_nothing(without, more, foreign, tmp_path):
    path = foreign(*without, **more)
    with pytest.raises(BuilderError):
        imported(path, tmp_path / "x")
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name}


def test_an_exported_dataset_that_lacks_a_column_is_refused_by_a_format_that_needs_it(foreign, tmp_path):
    out = imported(foreign("rewards"), tmp_path / "x").out
    with pytest.raises(ConfigError, match="d4rl needs reward"):
        export(out, ExportRequest("d4rl", tmp_path / "again.hdf5"))


def test_the_import_of_an_import_exported_again_has_the_same_arrays(foreign, tmp_path):
    first = imported(foreign(), tmp_path / "x").out
    with pytest.raises(ConfigError, match="needs"):
        export(imported(foreign("timeouts"), tmp_path / "y").out, ExportRequest("d4rl", tmp_path / "y.hdf5"))
    path = export(first, ExportRequest("d4rl", tmp_path / "again.hdf5")).path
    with h5py.File(path) as again, h5py.File(foreign()) as before:
        for name in before:
            np.testing.assert_array_equal(again[name][()], before[name][()])


def test_the_command_line_brings_a_file_in_and_says_what_it_does_not_say(foreign, tmp_path, capsys):
    words = ["import", "from=d4rl", f"path={foreign('rewards')}", f"out={tmp_path / 'x'}", "license=mit"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "2 episodes, 7 steps" in said
    assert "does not say: reward, seed" in said
    assert json.loads((tmp_path / "x/manifest.json").read_text())["inputs"]["imported"]["license"] == "mit"
    assert main(["import", "from=d4rl", f"path={tmp_path}/nothing", f"out={tmp_path / 'y'}"]) == 1
    assert main(["import", "from=d5rl", f"path={foreign()}", f"out={tmp_path / 'y'}"]) == 2


def test_formats_are_swept_and_shown_in_full(dataset_of, tmp_path, capsys):
    assert (
        main(
            [
                "export",
                f"out={dataset_of('vector')}",
                "to=d4rl",
                f"to.path={tmp_path}/a.hdf5,{tmp_path}/b.hdf5",
                "-m",
            ]
        )
        == 0
    )
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()


@pytest.mark.parametrize(("verb", "key"), [("export", "to"), ("import", "from")])
def test_the_configuration_is_shown_with_the_format_in_its_place(verb, key, capsys):
    assert main([verb, "out=x", f"{key}=d4rl", "--cfg", "job"]) == 0
    assert f"{key}:\n  name: d4rl" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["''", ".", "/"], ids=["empty", "here", "root"])
def test_a_path_without_a_name_is_no_traceback(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["import", "from=csv", f"path={path}", f"out={tmp_path / 'x'}"]) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1
