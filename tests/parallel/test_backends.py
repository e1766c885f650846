"""What every backend must do, and the places that follow the table of them."""

import os
import re

import pytest
import yaml
from extras import CLUSTERS, skip_without
from places import PACKAGE, ROOT
from sweeps import sweep

from builder.composition import build_config
from builder.errors import ConfigError
from builder.experts.policy import conf_folder
from builder.parallel.backends import BACKENDS, open_workers
from builder.parallel.cancellation import cancelled
from builder.parallel.workers import ParallelConfig

EACH = [pytest.param(name, marks=pytest.mark.slow if name in CLUSTERS else ()) for name in BACKENDS]


class OwnError(Exception):
    """Raised by a task."""


def double(task):
    return 2 * task


def refuse(task):
    if task == 3:
        raise OwnError(f"not {task}")
    return task


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", EACH)
def test_every_task_is_done_once(backend, n_jobs):
    skip_without(backend)
    with open_workers(ParallelConfig(backend, n_jobs)) as workers:
        assert workers.count == (1 if backend == "auto" else n_jobs)
        assert sorted(workers.run(double, range(9))) == list(range(0, 18, 2))
        assert sorted(workers.run(double, range(2))) == [0, 2]


@pytest.mark.parametrize("n_jobs", [1, 2])
@sweep("backend", EACH)
def test_what_a_task_raises_is_raised_where_its_result_is_awaited(backend, n_jobs):
    skip_without(backend)
    with (
        pytest.raises(OwnError, match="not 3"),
        open_workers(ParallelConfig(backend, n_jobs)) as workers,
    ):
        list(workers.run(refuse, range(9)))


def double_later(task):
    """Those after the first few only once a result has been seen."""
    number, seen = task
    while number >= 6 and not seen.exists():
        os.sched_yield()
    return 2 * number


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", EACH)
def test_a_task_can_be_decided_on_while_others_are_under_way(tmp_path, backend, n_jobs):
    skip_without(backend)
    seen, found = tmp_path / "seen", []

    def tasks():
        yield from ((number, seen) for number in range(20))
        yield from [(100 + result, seen) for result in found]

    with open_workers(ParallelConfig(backend, n_jobs)) as workers:
        for result in workers.run(double_later, tasks()):
            found.append(result)
            seen.touch()
    assert set(range(0, 40, 2)) < set(found)


def note(folder):
    (folder / f"{os.getpid()}").touch()
    return os.getpid()


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", EACH)
def test_every_process_that_lives_on_is_reached(tmp_path, backend, n_jobs):
    skip_without(backend)
    with open_workers(ParallelConfig(backend, n_jobs)) as workers:
        played = set(workers.run(note, [tmp_path] * 20))
        for path in tmp_path.iterdir():
            path.unlink()
        workers.everywhere(note, tmp_path)
    reached = {int(path.name) for path in tmp_path.iterdir()}
    assert reached == (set() if backend == "ray" else reached | played)


def test_workers_are_asked_to_stop_where_the_block_raises_and_not_before():
    with open_workers(ParallelConfig("threading", 1)):
        assert not cancelled()
    assert not cancelled()
    with pytest.raises(OwnError), open_workers(ParallelConfig("threading", 1)):
        raise OwnError
    assert cancelled()
    with open_workers(ParallelConfig("threading", 1)):
        assert not cancelled()


def test_an_unknown_backend_is_refused_by_the_configuration_and_where_workers_are_opened():
    known = " or ".join(BACKENDS)
    with pytest.raises(ConfigError, match=f"parallel.backend is unknown; expected {known}; got 'lokey'"):
        build_config(["parallel.backend=lokey"])
    with pytest.raises(ConfigError, match=known), open_workers(ParallelConfig("lokey", 1)):
        pass


def test_each_backend_has_a_file_of_configuration_that_says_what_the_table_says():
    folder = conf_folder() / "parallel"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(BACKENDS)
    for name, backend in BACKENDS.items():
        text = (folder / f"{name}.yaml").read_text()
        assert text.splitlines()[0] == f"# {backend.about[0].upper()}{backend.about[1:]}"
        assert yaml.safe_load(text)["backend"] == name


def test_the_documentation_has_the_table():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/performance.md").read_text(), re.MULTILINE)
    assert dict(rows) == {name: backend.about for name, backend in BACKENDS.items()}


def test_the_readme_names_each():
    assert all(f"`{name}`" in (ROOT / "README.md").read_text() for name in BACKENDS)


def test_nothing_here_knows_of_rollouts():
    words = re.compile(r"chunk|episode|attempt|expert|policy|lanes|played", re.IGNORECASE)
    for path in sorted((PACKAGE / "parallel").glob("*.py")):
        assert not words.search(path.read_text()), path
    imported = re.compile(r"from builder\.(\w+)")
    rooms = {
        room for path in (PACKAGE / "parallel").glob("*.py") for room in imported.findall(path.read_text())
    }
    assert rooms == {"errors", "parallel", "storage", "versions"}
