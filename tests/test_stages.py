"""`dvc.yaml` depends on what can change a byte, and on nothing else; the store of `play` is settled."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from places import PACKAGE, ROOT

from builder import Controller
from builder.storage.layout import Layout
from builder.versions import PLAYING

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
BUNDLED = ("cartpole", "acrobot", "mountaincar", "pendulum")


def code(stage):
    """The rooms and modules of the package that a stage depends on."""
    return {text.removeprefix("builder/") for text in STAGES[stage]["deps"] if text.startswith("builder/")}


def imported(*modules):
    """The rooms, and the modules beside them, that these import, whatever imports them."""
    lines = f"import sys, {', '.join(modules)}; print(*(m for m in sys.modules if m.startswith('builder.')))"
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    names = {name.split(".")[1] for name in found.split()}
    return {name if (PACKAGE / name).is_dir() else f"{name}.py" for name in names}


def test_play_depends_on_all_rooms_that_play():
    assert set(PLAYING) <= code("play")


def test_collate_depends_on_all_rooms_that_write_a_folder():
    assert {"card", "dataset", "episodes", "manifest"} <= code("collate")


@pytest.mark.slow
def test_verify_depends_on_all_rooms_that_its_checks_import():
    """What only says where files lie, or how something failed, cannot change a verdict."""
    assert imported("builder.replay.replay") - {"storage", "parallel", "errors.py", "display.py"} <= (
        code("verify") | {"config.py", "versions.py"}
    )


@pytest.mark.parametrize("stage", ["play", "collate", "verify", "publish"])
def test_every_stage_is_there_for_every_bundled_expert_and_names_files_that_exist(stage):
    described = STAGES[stage]
    assert tuple(described["matrix"]["expert"]) == BUNDLED
    for path in described["deps"]:
        for expert in BUNDLED:
            found = path.replace("${item.expert}", expert)
            assert found.startswith("data/") or (ROOT / found).exists(), found


def test_every_key_that_decides_a_byte_is_a_parameter():
    tracked = {
        path: keys
        for stage in ("play", "collate")
        for entry in STAGES[stage]["params"]
        for path, keys in entry.items()
    }
    assert set(tracked["conf/build.yaml"]) == {"episodes", "seed", "threshold", "max_return", "max_attempts"}
    rollout = yaml.safe_load((ROOT / "conf/rollout/default.yaml").read_text())
    assert set(tracked["conf/rollout/default.yaml"]) == set(rollout) - {"lanes"}
    for whole in ("conf/env/default.yaml", "conf/dataset/default.yaml", "conf/expert/${item.expert}.yaml"):
        assert tracked[whole] is None


def test_no_stage_is_frozen():
    # One of a matrix can neither be run, not even by force, nor be thawed: DVC 3.67 cannot dump its stage.
    assert not any(stage.get("frozen") for stage in STAGES.values())


def store(out):
    return {
        path.relative_to(Layout.of(out).chunks).as_posix(): path.read_bytes()
        for path in sorted(Layout.of(out).chunks.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_the_store_of_play_is_the_same_whatever_filled_it(tmp_path):
    config = {"expert": "acrobot", "mode": "play", "episodes": 20}
    Controller().start({**config, "out": str(tmp_path / "a/x")})
    Controller().start(
        {
            **config,
            "out": str(tmp_path / "b/x"),
            "rollout.lanes": 3,
            "parallel": "threading",
            "parallel.n_jobs": 2,
            "episodes": 7,
        }
    )
    Controller().start({**config, "out": str(tmp_path / "b/x"), "rollout.lanes": 5})
    Controller().start({**config, "out": str(tmp_path / "c/x"), "episodes": 30})
    Controller().start({**config, "out": str(tmp_path / "c/x"), "seed": 5})  # chunks of another build
    Controller().start({**config, "out": str(tmp_path / "c/x")})
    first = store(tmp_path / "a/x")
    assert len(first) == 3  # the chunks in one file, what collation needs to know, and the lock
    assert first == store(tmp_path / "b/x") == store(tmp_path / "c/x")


def test_what_play_is_pinned_to_follows_from_nothing_that_only_collation_depends_on(tmp_path):
    config = {"expert": "acrobot", "episodes": 5, "out": str(tmp_path / "x")}
    ignored = (ROOT / ".dvcignore").read_text().splitlines()

    def pinned():
        found = store(tmp_path / "x")
        return {path: content for path, content in found.items() if Path(path).name not in ignored}

    Controller().start({**config, "mode": "play"})
    before = pinned()
    assert [Path(path).suffix for path in before] == [".safetensors"]
    Controller().start({**config, "mode": "collate", "dataset.test_fraction": 0.2})
    assert pinned() == before
    Controller().start({**config, "mode": "play", "dataset.license": "mit"})
    assert pinned() == before


def test_a_settled_store_has_a_file_for_every_fixed_number_of_attempts(tmp_path, monkeypatch):
    monkeypatch.setattr("builder.rollout.planning.SETTLED_ATTEMPTS", 8)
    config = {"expert": "random", "env.id": "Corridor-v0", "out": str(tmp_path / "x")}
    Controller().start({**config, "mode": "play", "episodes": 20, "rollout.lanes": 3})
    names = sorted(path.name for path in Layout.of(tmp_path / "x").chunks.rglob("chunk-*"))
    assert [name.split(".")[0] for name in names] == [
        "chunk-00000000-00000008",
        "chunk-00000008-00000016",
        "chunk-00000016-00000020",
    ]
    Controller().start({**config, "mode": "collate", "episodes": 20})
    Controller().start({**config, "episodes": 20, "out": str(tmp_path / "y")})
    data = "data/train-00000-of-00001.parquet"
    assert (tmp_path / "x" / data).read_bytes() == (tmp_path / "y" / data).read_bytes()
