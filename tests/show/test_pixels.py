"""Pictures for a dataset that has none: what a build with pictures gives, byte for byte."""

import dataclasses
import filecmp
import json
import shutil

import pytest
from sweeps import sweep
from verification import STEPS, check, rewrite

from builder import build
from builder.cli.main import main
from builder.config import ParallelConfig
from builder.errors import ConfigError, DatasetError, ExistsError, NotRepeatedError
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal
from builder.show.pixels import PixelsRequest, add_pixels

SIZE = {"height": 12, "width": 18}
CONFIG = {
    "expert": "random",
    "env": {"id": "CartPole-v1", "max_episode_steps": 12},
    "episodes": 5,
    "dataset.test_fraction": 0.5,
    "threshold": 8,
}


def built(out, **more):
    build(**{**CONFIG, "out": str(out), **more})
    return out


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return built(tmp_path_factory.mktemp("plain") / "x")


@pytest.fixture(scope="module")
def drawn(plain):
    return built(plain.with_name("drawn"), **{"dataset.pixels": SIZE})


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def same(one, other):
    return names(one) == names(other) and not filecmp.cmpfiles(one, other, names(one), shallow=False)[1]


@sweep("workers", [2, 1])
def test_it_is_file_for_file_what_a_build_with_pictures_gives(plain, drawn, tmp_path, workers):
    parallel = ParallelConfig(backend="threading", n_jobs=workers)
    add_pixels(plain, PixelsRequest(tmp_path / "x", SIZE, parallel=parallel, task_bytes=10_000))
    assert same(tmp_path / "x", drawn)


def test_the_dataset_itself_stays_as_it_is(plain, tmp_path):
    before = {name: (plain / name).read_bytes() for name in names(plain)}
    add_pixels(plain, PixelsRequest(tmp_path / "x", SIZE))
    assert {name: (plain / name).read_bytes() for name in names(plain)} == before


@pytest.mark.slow
def test_it_is_verified_and_grows_as_any_other(plain, tmp_path):
    add_pixels(plain, PixelsRequest(tmp_path / "x", SIZE))
    assert all(item.passed for item in check(tmp_path / "x").checks)
    built(tmp_path / "x", episodes=7, **{"dataset.pixels": SIZE})
    assert same(tmp_path / "x", built(tmp_path / "y", episodes=7, **{"dataset.pixels": SIZE}))


@pytest.mark.slow
def test_kept_weights_of_the_expert_come_with_it(tmp_path):
    config = {
        "expert": "cartpole",
        "episodes": 2,
        "env": {"max_episode_steps": 9},
        "expert.check": "off",
        "dataset.include_expert": True,
    }
    built(tmp_path / "plain", **config)
    add_pixels(tmp_path / "plain", PixelsRequest(tmp_path / "x", SIZE))
    assert same(tmp_path / "x", built(tmp_path / "y", **config, **{"dataset.pixels": SIZE}))


def test_a_wrong_action_is_found_and_nothing_is_left(tmp_path):
    built(tmp_path / "plain", **{"dataset.test_fraction": 0})

    def change(columns):
        columns["action"][3] = 1 - columns["action"][3]

    rewrite(tmp_path / "plain", STEPS, change)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(NotRepeatedError, match=r"does not give what is recorded: .*episode 0, step 3"):
        add_pixels(tmp_path / "plain", PixelsRequest(tmp_path / "x", SIZE))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_what_stands_there_is_made_once_and_never_overwritten_unasked(plain, drawn, tmp_path):
    request = PixelsRequest(tmp_path / "x", SIZE)
    add_pixels(plain, request)
    stamps = [(tmp_path / "x" / path).stat().st_mtime_ns for path in names(drawn)]
    add_pixels(plain, request)
    assert [(tmp_path / "x" / path).stat().st_mtime_ns for path in names(drawn)] == stamps
    other = dataclasses.replace(request, size={"height": 6, "width": 6})
    with pytest.raises(ExistsError, match="holds another dataset"):
        add_pixels(plain, other)
    add_pixels(plain, dataclasses.replace(other, overwrite=True))
    assert read_manifest(tmp_path / "x").inputs["config"]["dataset"]["pixels"] == other.size


def test_a_folder_of_something_else_is_left_alone(plain, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine.txt").write_text("mine")
    with pytest.raises(ExistsError, match="is not a dataset of ours"):
        add_pixels(plain, PixelsRequest(tmp_path / "x", SIZE, overwrite=True))
    with pytest.raises(ConfigError, match=r"to\.path is the dataset itself"):
        add_pixels(plain, PixelsRequest(plain, SIZE))


def test_one_that_has_pictures_takes_no_others(drawn, tmp_path):
    with pytest.raises(DatasetError, match="takes no pictures: it has pictures already"):
        add_pixels(drawn, PixelsRequest(tmp_path / "x", SIZE))


@pytest.mark.slow
def test_versions_that_played_it_are_noted_where_others_draw_it(plain, tmp_path):
    older = shutil.copytree(plain, tmp_path / "older")
    manifest = read_manifest(older)
    inputs = {**manifest.inputs, "packages": {**manifest.inputs["packages"], "numpy": "1.0"}}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), older)
    found = add_pixels(older, PixelsRequest(tmp_path / "x", SIZE))
    assert found.notes == (
        "it was played with numpy 1.0, and drawn with the versions that its manifest lists",
    )
    assert found.inputs["packages"]["numpy"] != "1.0"


def test_the_command_says_what_it_made(plain, drawn, tmp_path, capsys):
    words = ["render", str(plain), "to=dataset", f"to.path={tmp_path / 'x'}", "to.height=12", "to.width=18"]
    assert main(words) == 0
    assert same(tmp_path / "x", drawn)
    said = capsys.readouterr().out
    fingerprint = json.loads((drawn / "manifest.json").read_text())["fingerprint"]
    assert f"rendered: {tmp_path / 'x'}\n  5 episodes," in said
    assert fingerprint in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["to.height=12"], "to is no size of a picture; expected height and width; got height"),
        (["to.height=12", "to.width=0"], "to.width is out of range; expected at least 1"),
        (["to.height=tall", "to.width=12"], "to.height is no number of pixels; got 'tall'"),
        (["to.height=12", "to.width=12", "to.path=null"], "to.path must be given"),
    ],
    ids=["no-width", "none", "a-word", "nowhere"],
)
def test_what_cannot_be_made_is_one_line(plain, tmp_path, capsys, words, line):
    assert main(["render", str(plain), "to=dataset", f"to.path={tmp_path / 'x'}", *words]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
