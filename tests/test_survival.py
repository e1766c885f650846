"""Kills, full disks and other processors: whatever happens on the way, the bytes at the end are the same."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from folders import files
from places import AGENTS
from stops import interrupt, kill_all, kill_workers

from builder import Controller
from builder.cli.main import main
from builder.manifest.manifest import owned_files, read_manifest
from builder.storage.layout import BUILD, Layout
from builder.storage.paths import write_whole
from builder.storage.staging import NEW, OLD, OWNED
from builder.storage.workplace import make_workplace

KILLS = 20
OPTIONS = [
    ["rollout.lanes=4"],
    ["parallel=threading", "parallel.n_jobs=2", "rollout.lanes=7"],
    ["parallel=loky", "parallel.n_jobs=2", "rollout.lanes=4"],
]


def killed_at(out, options, seconds):
    """Start a build and kill it so long after it has begun to play; its exit code."""

    def begun():
        return {path: path.stat().st_mtime_ns for path in Layout.of(out).chunks.glob(f"*/{BUILD}")}

    before = begun()
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", "expert=cartpole", f"out={out}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and begun() == before:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def traces(out):
    """What a kill has left: chunk files, files half written, the folder half collated, the dataset."""
    store = [path.name for path in Layout.of(out).chunks.rglob("*")]
    staging = out.with_name(f".{out.name}.staging")
    return (
        sum(name.startswith("chunk-") for name in store),
        sum(name.endswith(".part") for name in store),
        sum(path.is_file() for path in staging.rglob("*")),
        out.exists() and read_manifest(out).accepted,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)  # on a machine that is busy with other things
def test_a_build_that_is_killed_again_and_again_ends_with_the_bytes_of_an_undisturbed_one(tmp_path):
    random = np.random.default_rng(5)
    out, ends, found = tmp_path / "x", [], set()
    began = time.monotonic()
    assert main(["expert=cartpole", f"episodes={60 * KILLS}", f"out={tmp_path / 'undisturbed'}"]) == 0
    pace = (time.monotonic() - began) / KILLS  # of this machine, as busy as it is
    for number in range(KILLS):
        options = [f"episodes={60 * (number + 1)}", *OPTIONS[number % len(OPTIONS)]]
        ends.append(killed_at(out, options, random.uniform(0, 3 * pace)))
        found.add(traces(out))
    assert set(ends) <= {0, -signal.SIGKILL}
    assert ends.count(-signal.SIGKILL) >= KILLS / 4
    assert len(found) >= 3  # it was killed at different moments of its work
    assert main(["expert=cartpole", f"episodes={60 * KILLS}", f"out={out}"]) == 0
    assert files(out) == files(tmp_path / "undisturbed")
    assert sorted(path.name for path in tmp_path.iterdir() if "x" in path.name.split(".")) == [
        ".x.chunks",
        ".x.metrics.json",
        ".x.request.json",
        "x",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code"),
    [(kill_all, -signal.SIGKILL), (interrupt, 130), (kill_workers, 1)],
    ids=["killed", "interrupted", "without workers"],
)
def test_a_build_that_is_stopped_while_its_files_are_written_goes_on(tmp_path, stop, code):
    out = tmp_path / "x"
    words = ["expert=cartpole", "episodes=270", "dataset.shard_mb=1", "parallel=loky", "parallel.n_jobs=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", *words, f"out={out}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    written = Layout.of(out).chunks
    while process.poll() is None and not any(written.glob("*/shards/*/*")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.002)
    stop(process)
    assert process.wait() == code
    assert bool(list(written.glob("*/shards"))) == (stop is kill_all)
    assert main([*words, f"out={out}"]) == 0
    assert not list(written.glob("*/shards"))
    assert main([*words, f"out={tmp_path / 'undisturbed'}"]) == 0
    assert files(out) == files(tmp_path / "undisturbed")
    assert len(list((out / "data").iterdir())) == 3


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
    "x86-64-v3": {
        "NPY_DISABLE_CPU_FEATURES": "AVX512_ICL AVX512_SPR X86_V4",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "torch": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
    "blas": {"OPENBLAS_CORETYPE": "Nehalem"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": "AVX512_ICL X86_V4 X86_V3"},
    "libc": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"},
}
"""The first is the least that the promise is given for."""


def published(name, env_id):
    path = AGENTS / name / f"{name}.zip"
    found = {"expert": "local", "expert.path": str(path), "expert.env_id": env_id, "expert.check": "off"}
    return [found] if path.is_file() else []


PORTABLE = [
    {"expert": "cartpole"},
    {"expert": "mountaincar"},
    {"expert": "random", "env.id": "LunarLander-v3"},
    *published("ppo-LunarLander-v2", "LunarLander-v3"),
]
NEEDS_FMA = {
    "numpy": [{"expert": "acrobot", "episodes": 30}],
    "libc": [
        {"expert": "pendulum"},
        {"expert": "pendulum", "rollout.deterministic": False, "threshold": "-inf"},
        {"expert": "random", "env.id": "HalfCheetah-v5"},
        {"expert": "random", "env.id": "Ant-v5"},
        *published("a2c-HalfCheetah-v3", "HalfCheetah-v3"),
        *published("trpo-Hopper-v3", "Hopper-v3"),
    ],
}
"""Environments whose sines and cosines round differently without FMA, and where they are computed."""
BUILD_ALL = """
import hashlib, json, pathlib, sys, tempfile
from builder import Controller
for config in json.loads(sys.argv[1]):
    with tempfile.TemporaryDirectory() as folder:
        out = Controller().start({"episodes": 3, **config, "out": f"{folder}/x"}).out
        digest = hashlib.sha256()
        for path in sorted(pathlib.Path(out).rglob("*")):
            if path.is_file() and path.name != "provenance.json":
                digest.update(path.read_bytes())
        print(digest.hexdigest())
"""


def digests(builds, **environment):
    """Of every file of each build but `provenance.json`."""
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
@pytest.mark.timeout(1800)
def test_other_instruction_sets_give_the_same_bytes_in_every_file():
    everything = [*PORTABLE, *NEEDS_FMA["numpy"], *NEEDS_FMA["libc"]]
    known = digests(everything)
    assert len(set(known)) == len(everything)
    for name, environment in SETS.items():
        alike = [build not in NEEDS_FMA.get(name, []) for build in everything]
        builds, expected = (list(itertools.compress(values, alike)) for values in (everything, known))
        assert digests(builds, **environment) == expected, name


def test_a_dataset_that_was_moved_aside_by_a_killed_build_is_brought_back(tmp_path):
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 3, "out": str(tmp_path / "x")}
    Controller().start(config)
    before = files(tmp_path / "x")
    work = Layout.of(tmp_path / "x").staging
    make_workplace(work)
    (work / NEW).mkdir()
    (tmp_path / "x").rename(work / OLD)
    result = Controller().start(config)
    assert not result.fresh
    assert files(tmp_path / "x") == before
    assert not work.exists()


def test_a_dataset_that_a_killed_build_had_replaced_is_no_other_dataset_once_its_owner_deletes_it(tmp_path):
    config = {"expert": "random", "env.id": "Corridor-v0", "episodes": 3, "out": str(tmp_path / "x")}
    Controller().start(config)
    work = Layout.of(tmp_path / "x").staging
    make_workplace(work)
    write_whole(work / OWNED, json.dumps(sorted(owned_files(tmp_path / "x"))))
    (tmp_path / "x").rename(work / OLD)  # a kill right after the new one took its place; then it is deleted
    result = Controller().start({**config, "seed": 1})
    assert result.fresh
    assert not work.exists()


@pytest.mark.slow
def test_growth_with_other_workers_and_lanes_equals_a_fresh_build(tmp_path):
    config = {"expert": "cartpole", "out": str(tmp_path / "x")}
    Controller().start({**config, "episodes": 10, "rollout.lanes": 3})
    threads = {"parallel": "threading", "parallel.n_jobs": 2}
    grown = Controller().start({**config, "episodes": 25, **threads, "rollout.lanes": 7})
    fresh = Controller().start({**config, "episodes": 25, "out": str(tmp_path / "y")})
    assert grown.manifest == fresh.manifest == read_manifest(tmp_path / "x")
    assert files(tmp_path / "x") == files(tmp_path / "y")
