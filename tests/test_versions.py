"""The digest of the code that plays: what changes it, and what must not."""

import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest
from places import PACKAGE
from sweeps import case, sweep

from builder import __version__
from builder.versions import (
    DATA_FORMAT,
    IDLE,
    PLAYING,
    RELEASE,
    data_format_of,
    is_here,
    package_versions,
    playing_code,
)

CANNOT_CHANGE_A_BYTE = {"config.py", "errors.py", "parallel", "storage", "versions.py"}
"""A worker imports these; identities hold what a configuration says, and no byte depends on the rest."""


def test_the_code_that_plays_is_all_that_a_worker_imports():
    """A room that is missed here could change, and its old chunks would be used again."""
    lines = "import sys, builder.rollout.worker; print(*(m for m in sys.modules if m.startswith('builder.')))"
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    names = {name.split(".")[1] for name in found.split()}
    rooms = {name if (PACKAGE / name).is_dir() else f"{name}.py" for name in names}
    assert rooms - CANNOT_CHANGE_A_BYTE == set(PLAYING)
    assert not {name.replace(".", "/") + ".py" for name in found.split()} & {
        f"builder/{idle}" for idle in IDLE
    }


def test_all_that_is_named_is_there():
    assert all((PACKAGE / name).exists() for name in (*PLAYING, *IDLE))


@pytest.fixture
def copied(tmp_path):
    """The package in another folder, to be changed."""
    shutil.copytree(PACKAGE, tmp_path / "after", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@sweep(
    "path",
    ["rollout/engine.py", "environments/pool.py", "experts/network/forward.py", "episodes/seeding.py"],
    quick=2,
)
def test_a_change_in_a_room_that_plays_makes_chunks_stale(copied, path):
    with (copied / "after" / path).open("a") as module:
        module.write("# changed\n")
    assert playing_code(PACKAGE) != playing_code(copied / "after")


IDLE_FILES = [
    "parallel/on_ray.py",
    "parallel/workers.py",
    "storage/lock.py",
    "cli/main.py",
    "card/text.py",
    "pipeline/play.py",
    *IDLE,
]


def test_a_change_outside_the_rooms_that_play_leaves_chunks_valid(copied):
    played = playing_code(PACKAGE)
    for path in IDLE_FILES:
        with case(path):
            changed = copied / "after" / path
            with (changed / "train.py" if changed.is_dir() else changed).open("a") as module:
                module.write("# changed\n")
            assert playing_code(copied / "after") == played


def test_every_build_names_the_packages_that_can_change_its_bytes():
    names = ["datasets", "gymnasium", "il-builder", "numpy", "pyarrow"]
    found = package_versions("gymnasium.envs.classic_control.cartpole", images=False)
    assert found == {name: version(name) for name in names} | {"il-builder": DATA_FORMAT}
    assert list(found) == names


def test_an_older_format_that_is_still_written_is_here():
    wanted = ("0.1.0", DATA_FORMAT, "99.0")
    assert [is_here("il-builder", name) for name in wanted] == [True, True, False]
    assert not is_here("numpy", "0.1.0")


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"il-builder": "0.1.0"}, "0.1.0"),
        ({"il-builder": DATA_FORMAT}, DATA_FORMAT),
        ({"il-builder": "99.0"}, DATA_FORMAT),
        ({}, DATA_FORMAT),
    ],
)
def test_the_format_of_inputs_is_one_that_this_version_writes(packages, expected):
    assert data_format_of({"packages": packages}) == expected
    assert data_format_of({}) == DATA_FORMAT


def test_pillow_is_named_where_there_are_images():
    extra = {"pillow": version("pillow")}
    plain, pictures = (package_versions("gymnasium.envs.x", images=images) for images in (False, True))
    assert pictures == plain | extra


@pytest.mark.parametrize(
    ("module", "package"),
    [("gymnasium.envs.mujoco.ant_v5", "mujoco"), ("gymnasium.envs.box2d.lunar_lander", "Box2D")],
)
def test_the_package_behind_an_environments_physics_is_named(module, package):
    pytest.importorskip(package)
    plain = package_versions("gymnasium.envs.x", images=False)
    assert package_versions(module, images=False) == plain | {package: version(package)}


def test_the_package_that_an_environment_comes_from_is_named():
    found = package_versions("stable_baselines3.common.envs.identity_env", images=False)
    assert found["stable_baselines3"] == version("stable_baselines3")


def test_an_environment_of_no_package_adds_no_name():
    plain = package_versions("gymnasium.envs.x", images=False)
    assert package_versions("my_module.environments", images=False) == plain


def test_the_code_knows_its_own_version():
    assert __version__ == RELEASE
