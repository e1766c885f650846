"""Workers of a cluster: checked before they play, replaced when they die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack, contextmanager

import pytest
from extras import skip_without

from builder.config import ParallelConfig
from builder.errors import ConfigError, MissingExtraError, OutOfReachError, StorageError, WorkersError
from builder.parallel.backends import open_workers
from builder.parallel.clusters import check_facts, facts

DEADLY = '''
import os, signal
from pathlib import Path
import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv

class Deadly(CartPoleEnv):
    """Kills, once or always, a worker that has stepped it 300 times; never the build's own process."""

    steps = 0

    def __init__(self, always=False, **kwargs):
        super().__init__(**kwargs)
        self.always = always

    def step(self, action):
        Deadly.steps += 1
        if Deadly.steps == 300 and os.environ.get("DRIVER", str(os.getpid())) != str(os.getpid()):
            try:
                (Path(__file__).parent / "killed").touch(exist_ok=self.always)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().step(action)

gym.register("Deadly-v0", entry_point=Deadly, max_episode_steps=50)
gym.register("Deadlier-v0", entry_point=Deadly, max_episode_steps=50, kwargs={"always": True})
'''
RUN = """
import os, sys
from builder.cli.main import main
if __name__ == "__main__":  # the workers import this file too
    os.environ["DRIVER"] = str(os.getpid())
    sys.exit(main(sys.argv[1:]))
"""


def start(folder, *words):
    script = folder / "run.py"
    script.write_text(RUN)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, str(script), *words],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_a_worker_that_is_killed_in_mid_build_changes_no_byte(tmp_path, cluster):
    skip_without(cluster)
    (tmp_path / "deadly_environment.py").write_text(DEADLY)
    command = ["expert=random", "env.id=deadly_environment:Deadly-v0", "episodes=300", "rollout.lanes=4"]
    found = {}
    for name, options in {cluster: [f"parallel={cluster}", "parallel.n_jobs=2"], "threading": []}.items():
        process = start(tmp_path, *command, *options, f"out={tmp_path / name}")
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert (tmp_path / "killed").exists()
        found[name] = json.loads((tmp_path / name / "manifest.json").read_text())["fingerprint"]
    assert found[cluster] == found["threading"]


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_a_chunk_that_kills_every_worker_is_given_up(tmp_path, cluster):
    skip_without(cluster)
    (tmp_path / "deadly_environment.py").write_text(DEADLY)
    command = ["expert=random", "env.id=deadly_environment:Deadlier-v0", "episodes=100", "rollout.lanes=100"]
    process = start(tmp_path, *command, f"parallel={cluster}", "parallel.n_jobs=1", f"out={tmp_path / 'x'}")
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "il-builder: a task was given up: every worker that took it died" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_ctrl_c_ends_a_build_on_a_local_cluster_without_a_word_too_many(tmp_path, cluster):
    skip_without(cluster)
    process = start(
        tmp_path,
        "expert=cartpole",
        "episodes=100000",
        f"parallel={cluster}",
        "parallel.n_jobs=2",
        f"out={tmp_path / 'x'}",
    )
    deadline = time.monotonic() + 200
    while not list((tmp_path / ".x.chunks").glob("*/chunk-*")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert list((tmp_path / ".x.chunks").glob("*/chunk-*"))


@pytest.mark.parametrize(("cluster", "prefix"), [("dask", "tcp://"), ("ray", "")])
def test_an_address_where_nobody_answers_is_an_error_that_names_it(cluster, prefix, monkeypatch):
    skip_without(cluster)
    monkeypatch.setattr(f"builder.parallel.on_{cluster}.SECONDS", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but deaf: nobody else can answer there
        address = f"{prefix}127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkersError, match=address), open_workers(ParallelConfig(cluster, 1, address)):
            pass


def slow_double(task):
    number, going = task
    while number and not going.exists():
        time.sleep(0.05)
    return 2 * number


@pytest.mark.slow
def test_a_scheduler_that_is_lost_in_mid_build_is_an_error_that_says_so(tmp_path, capfd):
    skip_without("dask")
    with cluster_of_dask() as (scheduler, address):
        tasks = ((number, tmp_path / "never") for number in range(9))
        said = f"the connection to the dask scheduler at {address} was lost"
        with (
            pytest.raises(OutOfReachError, match=said),
            open_workers(ParallelConfig("dask", -1, address)) as workers,
        ):
            deque((scheduler.kill() for _ in workers.run(slow_double, tasks)), maxlen=0)
    assert "Traceback" not in capfd.readouterr().err


@contextmanager
def cluster_of_dask():
    """A scheduler and a worker of this machine, and the address."""
    with ExitStack() as stack:

        def start(kind, *words):
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = stack.enter_context(subprocess.Popen(command, **quiet))
            stack.callback(process.kill)
            return process

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port))
        address = f"tcp://127.0.0.1:{port}"
        start("worker", address, "--nthreads", "1", "--no-nanny")
        yield scheduler, address


def test_a_worker_with_another_version_is_refused():
    with pytest.raises(WorkersError, match=r"w1 has another version of numpy; .*got 1\.0"):
        check_facts({"w0": facts(None), "w1": {**facts(None), "numpy": "1.0"}}, None)


def test_a_worker_that_does_not_see_the_folder_is_refused(tmp_path):
    with pytest.raises(StorageError, match="cannot use"):
        check_facts({"w": facts(str(tmp_path / "missing"))}, tmp_path)
    (tmp_path / "there").touch()
    check_facts({"w": facts(str(tmp_path / "there"))}, tmp_path)


@pytest.mark.parametrize(("cluster", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_without_its_package_the_extra_is_named(monkeypatch, cluster, package):
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(MissingExtraError, match=rf"il-builder\[{cluster}\]"),
        open_workers(ParallelConfig(cluster, 1)),
    ):
        pass


def test_the_address_of_rays_client_is_refused():
    skip_without("ray")
    with (
        pytest.raises(ConfigError, match="host:port"),
        open_workers(ParallelConfig("ray", 1, "ray://here:10001")),
    ):
        pass


def test_ray_still_takes_the_folder_that_its_documentation_calls_its_own():
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    assert "``_temp_dir`` (root temp directory" in ray.init.__doc__
