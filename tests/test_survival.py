"""Kills, full disks and other processors: whatever happens on the way, the bytes at the end are the same."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from experts.sb3_models import AGENTS

from builder import Controller
from builder.cli import main
from builder.dataset.manifest import read_manifest

KILLS = 20
OPTIONS = [
    ["rollout.lanes=4"],
    ["parallel.n_jobs=2", "rollout.lanes=7"],
    ["parallel=loky", "parallel.n_jobs=2", "rollout.lanes=4"],
]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_a_build_that_is_killed_again_and_again_ends_with_the_bytes_of_an_undisturbed_one(tmp_path):
    random = np.random.default_rng(5)
    killed = 0
    for number in range(KILLS):
        command = ["expert=cartpole", f"episodes={60 * (number + 1)}", f"out={tmp_path / 'x'}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "builder", *command, *OPTIONS[number % len(OPTIONS)]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=random.uniform(1.0, 3.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed
    for folder in ("x", "undisturbed"):
        out = f"out={tmp_path / folder}"
        assert main(["expert=cartpole", f"episodes={60 * KILLS}", out]) == 0
    assert files(tmp_path / "x") == files(tmp_path / "undisturbed")
    assert sorted(path.name for path in tmp_path.iterdir() if "x" in path.name.split(".")) == [
        ".x.chunks",
        ".x.metrics.json",
        ".x.request.json",
        "x",
    ]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes; called with another size it grows."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def resize(megabytes, *options):
        words = ["mount", "-o", ",".join([*options, f"size={megabytes}m"]), "-t", "tmpfs", "tmpfs", str(disk)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    if not resize(1):
        pytest.skip("only root may mount a small disk")
    try:
        yield disk, lambda megabytes: resize(megabytes, "remount")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_build_on_a_disk_that_fills_up_loses_nothing(small_disk, tmp_path, capsys):
    disk, resize = small_disk
    command = ["expert=cartpole", "episodes=200", "rollout.lanes=8"]
    ends = []
    for megabytes in (1, 2, 3, 4, 5, 7, 9, 30):
        assert resize(megabytes)
        ends.append(main([*command, f"out={disk / 'x'}"]))
        if ends[-1]:
            said = capsys.readouterr().err.splitlines()[-1]
            assert "disk" in said, said
            assert not (disk / "x").exists()
    assert ends[0] == 1
    assert ends[-1] == 0
    assert main([*command, f"out={tmp_path / 'x'}"]) == 0
    assert files(disk / "x") == files(tmp_path / "x")


SETS = {
    "torch": {"ATEN_CPU_CAPABILITY": "default"},
    "mkl": {"MKL_CBWR": "COMPATIBLE"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": "AVX512_ICL X86_V4 X86_V3"},
    "blas": {"OPENBLAS_CORETYPE": "Nehalem"},
    "libc": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"},
}
PORTABLE = [
    {"expert": "cartpole"},
    {"expert": "acrobot"},
    {"expert": "random", "env.id": "LunarLander-v3"},
]
"""These step alike everywhere; those below need a C library with FMA."""
NEEDS_FMA = [
    {"expert": "pendulum"},
    {"expert": "pendulum", "rollout.deterministic": False, "threshold": "-inf"},
    {"expert": "random", "env.id": "HalfCheetah-v5"},
    {"expert": "random", "env.id": "Ant-v5"},
]
PUBLISHED = [
    {"expert": "local", "expert.path": str(path), "expert.env_id": env_id}
    for path, env_id in (
        (AGENTS / "ppo-LunarLander-v2" / "ppo-LunarLander-v2.zip", "LunarLander-v3"),
        (AGENTS / "a2c-HalfCheetah-v3" / "a2c-HalfCheetah-v3.zip", "HalfCheetah-v3"),
        (AGENTS / "trpo-Hopper-v3" / "trpo-Hopper-v3.zip", "Hopper-v3"),
    )
    if path.is_file()
]
BUILD_ALL = """
import json, sys, tempfile
from builder import Controller
for number, config in enumerate(json.loads(sys.argv[1])):
    with tempfile.TemporaryDirectory() as folder:
        print(Controller().start({**config, "episodes": 3, "out": f"{folder}/x"}).manifest.fingerprint)
"""


def fingerprints(builds, **environment):
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ALL, json.dumps(builds)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_other_instruction_sets_give_the_same_bytes():
    everything = [*PORTABLE, *PUBLISHED[:1], *NEEDS_FMA, *PUBLISHED[1:]]
    known = fingerprints(everything)
    assert len(set(known)) == len(everything)
    for name, environment in SETS.items():
        builds = [*PORTABLE, *PUBLISHED[:1]] if name == "libc" else everything
        assert fingerprints(builds, **environment) == known[: len(builds)], name


def test_a_dataset_that_was_moved_aside_by_a_killed_build_is_brought_back(tmp_path):
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 3, "out": str(tmp_path / "x")}
    Controller().start(config)
    before = files(tmp_path / "x")
    (tmp_path / "x").rename(tmp_path / ".x.retired")
    result = Controller().start(config)
    assert not result.fresh
    assert files(tmp_path / "x") == before
    assert not (tmp_path / ".x.retired").exists()


def test_growth_with_other_workers_and_lanes_equals_a_fresh_build(tmp_path):
    config = {"expert": "cartpole", "out": str(tmp_path / "x")}
    Controller().start({**config, "episodes": 10, "rollout.lanes": 3})
    grown = Controller().start({**config, "episodes": 25, "parallel.n_jobs": 2, "rollout.lanes": 7})
    fresh = Controller().start({**config, "episodes": 25, "out": str(tmp_path / "y")})
    assert grown.manifest == fresh.manifest == read_manifest(tmp_path / "x")
    assert files(tmp_path / "x") == files(tmp_path / "y")
