"""A loopback Hub, and a process in which the real clients talk to it: fixtures for every room."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import hub_clients
import pytest
from hub_cases import REPOSITORY, build, environment
from hub_server import HubServer


@pytest.fixture(scope="session")
def _server():
    with HubServer() as server:
        yield server


@pytest.fixture
def hub(_server):
    """The Hub, empty."""
    _server.reset()
    yield _server
    for fault in _server.faults:
        fault.released.set()


@pytest.fixture(scope="session")
def _pool(_server, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.startswith(("HF_", "HUGGING"))]:
            patch.delenv(key)
        for key, value in environment(_server.url, home).items():
            patch.setenv(key, value)
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, context, initializer=hub_clients.prepare)
        pool.submit(os.getpid).result()
    with pool:
        yield pool, home


@pytest.fixture
def clients(_pool):
    """Calls a function of `hub_clients` in the clients' process; `clients.start` does not wait for it."""
    pool, home = _pool

    def call(function, *words, **options):
        return pool.submit(function, *words, **options).result(120)

    shutil.rmtree(home, ignore_errors=True)
    call.start = pool.submit
    call.home = home
    return call


@pytest.fixture
def shell(hub, tmp_path):
    """Runs `il-builder WORDS`, or starts it, in a process and a home of its own."""
    home = tmp_path / "home"

    def command(words, more):
        program = words if words[0] == sys.executable else [sys.executable, "-m", "builder", *words]
        settings = {"HF_TOKEN": "hf_writer", **more}
        options = {"env": environment(hub.url, home, **settings), "cwd": tmp_path, "text": True}
        return [str(word) for word in program], options

    def run(*words, **more):
        program, options = command(words, more)
        return subprocess.run(program, capture_output=True, check=False, timeout=300, **options)

    def start(*words, **more):
        program, options = command(words, more)
        return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)

    run.start, run.home = start, home
    return run


@pytest.fixture(scope="session")
def _corridor(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built") / "corridor")


@pytest.fixture
def folder(_corridor, tmp_path):
    """A dataset folder: 20 episodes, 4 of them in the split test, observations in float64."""
    return Path(shutil.copytree(_corridor, tmp_path / "folder"))


@pytest.fixture
def published(hub, clients, folder):
    """A folder that has been pushed; the cache is empty."""
    clients(hub_clients.push, folder, REPOSITORY)
    hub.log.clear()
    return folder
