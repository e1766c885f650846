"""Chunks of the built-in `enjoy`: played, resumed, and made files by workers."""

import tracemalloc

import pytest
from corridor import CORRIDOR, start
from folders import files, names

from builder import Controller
from builder.composition import build_config
from builder.dataset.assembly import Assembly
from builder.dataset.folder import write_dataset
from builder.dataset.growing import GrowingTask, Pace, Postponed
from builder.dataset.shard_tasks import Pause
from builder.errors import BudgetError
from builder.manifest.manifest import covered
from builder.pipeline.prepare import prepare
from builder.pipeline.runs import ChunkRun, assembly_of
from builder.rollout.chunk_store import ChunkStore
from builder.storage.layout import Layout

THREADS = {"parallel": "threading", "parallel.n_jobs": 2}


def test_an_interrupted_build_goes_on_with_its_chunks(tmp_path):
    out = tmp_path / "x"
    start(out, mode="play", episodes=8)
    kept = next(Layout.of(out).chunks.rglob("chunk-*"))
    written = kept.stat().st_mtime_ns
    start(out, **{"rollout.lanes": 2})
    start(tmp_path / "fresh/x")
    assert kept.stat().st_mtime_ns == written
    assert files(out) == files(tmp_path / "fresh/x")


def in_a_row(out, folder):
    """The dataset of the chunks that were played for `out`, written by one process."""
    return write_dataset(folder, sorted(Layout.of(out).chunks.rglob("chunk-*")))


@pytest.mark.parametrize(
    "more",
    [
        {"parallel": "threading", "parallel.n_jobs": 2, "dataset.test_fraction": 0.25},
        pytest.param({"parallel": "loky", "parallel.n_jobs": 2}, marks=pytest.mark.slow),
        {"threshold": 22, "max_attempts": 500},
        {"dataset.unique": True},
    ],
    ids=["threads", "processes", "rejected", "unique"],
)
def test_workers_write_what_one_process_would_of_the_same_chunks(tmp_path, more):
    out = tmp_path / "x"
    words = {"expert": "random", "env.id": "CartPole-v1", "episodes": 20, "rollout.lanes": 2, **more}
    found = Controller().start({**words, "out": str(out)}).manifest
    written = in_a_row(out, tmp_path / "row")
    assert covered(written.files) == covered(found.files)
    assert (written.distinct, written.rejected, written.attempts) == (
        found.distinct,
        found.rejected,
        found.attempts,
    )
    assert not list(Layout.of(out).chunks.rglob("shards"))


def test_what_was_played_is_put_together_by_workers_too_and_grows(tmp_path):
    out = tmp_path / "x"
    words = {"expert": "random", "env.id": "CartPole-v1", **THREADS, "out": str(out)}
    Controller().start({**words, "episodes": 4, "mode": "play"})
    assert not list(Layout.of(out).chunks.rglob("shards"))
    Controller().start({**words, "episodes": 4, "mode": "collate"})
    found = Controller().start({**words, "episodes": 9}).manifest
    assert covered(in_a_row(out, tmp_path / "row").files) == covered(found.files)


@pytest.fixture
def early(monkeypatch):
    """Files are begun while their rows are played; what came of each, in its order."""
    answers, take = [], Assembly.take

    def noting(self, answer):
        answers.append(type(answer))
        take(self, answer)

    monkeypatch.setattr(Pace, "is_time", lambda self, players, left, expected: expected > 0)
    monkeypatch.setattr(Assembly, "take", noting)
    return answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "given_up"),
    [({}, False), ({"threshold": 22, "max_attempts": 500}, True)],
    ids=["one wave", "several waves"],
)
def test_processes_write_a_file_while_its_rows_are_played(tmp_path, early, more, given_up):
    words = {"expert": "random", "env.id": "CartPole-v1", "episodes": 40, "rollout.lanes": 2, **more}
    processes = {"parallel": "loky", "parallel.n_jobs": 3, "dataset.test_fraction": 0.25}
    found = Controller().start({**words, **processes, "out": str(tmp_path / "x")}).manifest
    assert covered(in_a_row(tmp_path / "x", tmp_path / "row").files) == covered(found.files)
    assert not list(tmp_path.rglob("shards"))
    assert (Postponed in early) == given_up


def test_who_writes_a_file_early_is_told_when_a_wave_is_over(tmp_path, early):
    words = {"expert": "random", "env.id": "CartPole-v1", "episodes": 20, "threshold": 22}
    build = prepare(
        build_config({**words, "parallel": "loky", "rollout.lanes": 2, "out": str(tmp_path / "x")})
    )
    build.store.describe(build.collation.to_json())
    run = ChunkRun(build, build.store, assembly_of(build, build.store))
    list(run.run(Here(), 20))
    assert list(tmp_path.rglob("train.held"))
    run.discard()
    assert early == [Postponed]


def test_a_build_that_fails_leaves_no_file_of_the_dataset(tmp_path):
    words = {"expert": "random", "env.id": "CartPole-v1", "out": str(tmp_path / "x"), "episodes": 2}
    with pytest.raises(BudgetError):
        Controller().start({**words, "threshold": 400, "max_attempts": 4})
    assert names(tmp_path) == [".x.chunks"]
    assert not list(tmp_path.rglob("shards"))


def test_a_damaged_chunk_is_noticed_and_played_again(tmp_path, caplog):
    out = tmp_path / "x"
    start(out, mode="play")
    chunk = next(Layout.of(out).chunks.rglob("chunk-*"))
    content = bytearray(chunk.read_bytes())
    content[-9] ^= 1
    chunk.write_bytes(content)
    start(out)
    assert "is damaged" in caplog.text
    start(tmp_path / "fresh/x")
    assert files(out) == files(tmp_path / "fresh/x")


def test_chunks_of_a_running_build_are_whole_or_absent(tmp_path):
    start(tmp_path / "x", mode="play")
    store = ChunkStore(
        Layout.of(tmp_path / "x").chunks, next(Layout.of(tmp_path / "x").chunks.glob("*/")).name
    )
    (store.folder / ".chunk-00000000-00000004.safetensors.0123abcd.part").mkdir()
    assert start(tmp_path / "x").manifest is not None
    assert not list(store.folder.glob(".*.part"))


class Here:
    """Workers that do one task after another in this process, and those that wait for others at the end."""

    count = 3

    def run(self, function, tasks):
        given, early = [], []
        for task in tasks:
            (early if isinstance(task, GrowingTask) else given).append(task)
            if isinstance(task, Pause):
                break
            if given and given[-1] is task:
                yield function(task)
        yield from map(function, early)


class Asking:
    """Workers that ask for one task."""

    count = 64

    def run(self, function, tasks):
        next(iter(tasks))
        return iter(())


def test_chunks_are_laid_out_as_they_are_asked_for(tmp_path):
    build = prepare(build_config({**CORRIDOR, "out": str(tmp_path / "x")}))
    run = ChunkRun(build, build.store)
    tracemalloc.start()
    try:
        assert list(run.run(Asking(), 5 << 20)) == []
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("url", "players"), [(False, 64), (True, 0)])
def test_who_would_have_to_see_at_once_what_this_process_writes_does_not_behind_a_url(tmp_path, url, players):
    out = f"memory://{tmp_path.name}/x" if url else str(tmp_path / "x")
    build = prepare(build_config({**CORRIDOR, "parallel": "loky", "out": out}))
    build.store.describe(build.collation.to_json())
    run = ChunkRun(build, build.store, assembly_of(build, build.store))
    assert list(run.run(Asking(), 5)) == []
    assert run.assembly.players == players
