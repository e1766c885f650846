"""A dataset put together by tasks is, byte for byte, the one that is written in a row."""

import itertools
import random

import fsspec
import pytest
from assemblies import EVEN, PARTS, PICTURES, WIDE, recorded, recording_of
from folders import files, names

from builder.dataset.assembly import Assembly
from builder.dataset.folder import write_dataset
from builder.dataset.shard_tasks import Pause, ShardTask
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording_file import Header, write_recording
from builder.errors import DatasetError
from builder.manifest.manifest import MANIFEST, covered
from builder.storage.paths import place
from builder.storage.remote_path import RemotePath
from builder.storage.staging import publish
from builder.storage.stand_ins import forget


def assembled(plan, folder, summaries, out, *, seed=0, task_rows=1):
    """Put the dataset together: summaries and tasks come in an order of chance."""
    order = random.Random(seed)
    assembly = Assembly(plan, folder, task_rows=task_rows)

    def run(tasks):
        tasks = list(tasks)
        order.shuffle(tasks)
        return [task.do() for task in tasks]

    summaries = list(summaries)
    order.shuffle(summaries)
    for summary in summaries:
        assembly.add(summary)
        if order.random() < 0.5:
            for written in run(assembly.between(())):
                assembly.take(written)
    assembly.finish(run)
    assert not list(folder.rglob("*-00000.arrow"))  # what was encoded, and is in files now
    out.mkdir()
    manifest = assembly.assemble(out)
    if isinstance(folder, RemotePath):
        published = folder.parent / "x"
        publish(out, published, MANIFEST, ())
        forget(out)
        for path in published.rglob("*"):
            path.download(out / path.relative_to(published))
    assembly.close()
    return manifest


CASES = {
    "all of them": {},
    "as many as are wanted": {"episodes": 6},
    "those with a return": {"acceptance": Acceptance(low=0.0), "episodes": 2},
    "all with a return": {"acceptance": Acceptance(low=0.0)},
    "the first of each kind": {"kinds": 5, "unique": True},
    "two splits": {"every": 3},
    "two splits of copies": {"kinds": 4, "every": 2, "episodes": 7},
    "declared columns": {"noted": True, "every": 4},
    "masks": {"masks": True},
    "a dict": {"space": PARTS, "every": 3},
    "one large file": {"shard_size": 10**9},
    "pictures": {"space": PICTURES, "every": 4, "episodes": 8},
    "pictures in one file": {"space": PICTURES, "shard_size": 10**9},
    "pictures in files of two row groups": {"space": PICTURES, "shard_size": 300_000},
    "pictures and texts": {"space": PICTURES, "noted": True},
    "texts of steps": {"noted": True, "told": True, "every": 3, "shard_size": 9 * 10**6},
    "files of two row groups": {"shard_size": 9 * 10**6},
}


OVERLAPPING = [range(4), range(2, 5), range(2, 7), range(5, 7), range(7, 10)]


@pytest.fixture(params=["here", "behind a URL"])
def chunks(request, tmp_path):
    """Where recorded attempts lie."""
    if request.param == "here":
        return tmp_path / "chunks"
    fsspec.filesystem("memory").store.clear()
    return place("memory://shelf/.x.chunks/0123456789abcdef")


@pytest.mark.parametrize("case", CASES)
def test_tasks_in_any_order_give_the_bytes_of_one_writer(chunks, tmp_path, case):
    check(chunks, tmp_path, EVEN, **CASES[case])


def test_attempts_that_two_chunks_hold_count_once(chunks, tmp_path):
    check(chunks, tmp_path, OVERLAPPING, every=3)


def check(chunks, tmp_path, ranges, **case):
    plan, summaries = recorded(chunks, ranges, **case)
    one = write_dataset(tmp_path / "one", [summary.path for summary in summaries])
    many = assembled(plan, chunks, summaries, tmp_path / "many")
    assert one == many
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert not [path for path in chunks.rglob("*") if "shards" in str(path.relative_to(chunks))]


def few(tmp_path, chunks=None, **plan):
    """Some short attempts, and an assembly that has been told of them."""
    chunks = chunks or tmp_path / "chunks"
    plan, summaries = recorded(chunks, [range(2), range(2, 4)], **plan)
    assembly = Assembly(plan, chunks, task_rows=1)
    for summary in summaries:
        assembly.add(summary)
    return assembly, summaries


def every(tasks):
    return [task.do() for task in tasks]


def test_the_last_files_are_ready_once_there_are_as_many_episodes_as_are_wanted(tmp_path):
    assembly, _ = few(tmp_path, episodes=4, shard_size=10**9)
    (task,) = assembly.between(())
    assert isinstance(task, ShardTask)
    assert not list(few(tmp_path / "more", shard_size=10**9)[0].between(()))


def test_what_is_ready_comes_before_the_next_task(tmp_path):
    assembly, _ = few(tmp_path, episodes=4, shard_size=10**9)
    assert [isinstance(task, ShardTask) for task in assembly.between(["a", "b"])] == [True, False, False]


def test_what_becomes_ready_while_the_last_tasks_are_done_is_given_out_too(tmp_path):
    plan, (first, second, third) = recorded(tmp_path / "chunks", EVEN)
    assembly = Assembly(plan, tmp_path / "chunks", task_rows=1)
    assembly.add(first)
    assembly.add(second)
    awaited = iter([True, True, False])
    given = assembly.between(["the last"], lambda: next(awaited))
    before = list(itertools.takewhile(lambda task: task != "the last", given))
    assert {type(task) for task in before} == {ShardTask}
    assert isinstance(next(given), Pause)
    assembly.add(third)
    after = list(given)
    assert {type(task) for task in after[:-1]} == {ShardTask}
    assert isinstance(after[-1], Pause)


def test_nobody_pauses_while_no_file_is_written(tmp_path):
    plan, _ = recorded(tmp_path / "chunks", EVEN)
    assert list(Assembly(plan, tmp_path / "chunks").between(["the last"], lambda: True)) == ["the last"]


def test_a_task_that_never_came_back_is_given_out_again(tmp_path):
    assembly, _ = few(tmp_path, episodes=4, shard_size=10**9)
    (lost,) = assembly.between(())
    (again,) = assembly.between(())
    assert again is lost
    assembly.take(again.do())
    assert not list(assembly.between(()))


def test_a_task_that_is_done_twice_is_in_nobodys_way(chunks, tmp_path):
    assembly, summaries = few(tmp_path, chunks, episodes=4, shard_size=10**9)
    (task,) = assembly.between(())
    first = task.do()  # whose answer is lost with the worker
    assembly.finish(every)
    (tmp_path / "x").mkdir()
    manifest = assembly.assemble(tmp_path / "x")
    forget(tmp_path / "x")
    assert {entry.sha256 for entry in first.files.values()} < set(covered(manifest.files).values())
    assert manifest == write_dataset(tmp_path / "one", [summary.path for summary in summaries])
    assert list(first.folder.iterdir())
    assembly.close()
    assert not first.folder.is_dir() or not list(first.folder.iterdir())


def test_fewer_episodes_than_are_wanted_make_no_dataset(tmp_path):
    assembly, _ = few(tmp_path, episodes=5)
    with pytest.raises(DatasetError, match="do not hold enough accepted episodes; expected 5; got 4"):
        assembly.finish(every)


def test_a_file_that_does_not_hold_what_was_played_is_refused(tmp_path):
    assembly, summaries = few(tmp_path, episodes=4)
    other = recording_of(range(2, 4), WIDE, seed=9, kinds=10, noted=False, masks=False)
    write_recording(other, summaries[1].path, Header("", 2, 4, "mine"))
    with pytest.raises(DatasetError, match="does not hold the attempts that were played"):
        assembly.finish(every)


def test_what_was_not_finished_is_removed(tmp_path):
    assembly, _ = few(tmp_path, episodes=4)
    every(assembly.between(()))
    stranger = tmp_path / "chunks/shards/mine"
    stranger.write_text("")
    assembly.close()
    assert names(tmp_path / "chunks/shards") == ["mine"]
    stranger.unlink()
    assembly.close()
    assert "shards" not in names(tmp_path / "chunks")


def test_behind_a_url_what_another_build_writes_there_stays(tmp_path):
    """It has taken over the lock, as this one seemed dead."""
    fsspec.filesystem("memory").store.clear()
    chunks = place("memory://shelf/.x.chunks/0123456789abcdef")
    mine, _ = few(tmp_path, chunks, episodes=4)
    every(mine.between(()))
    others, _ = few(tmp_path, chunks, episodes=4)
    written = every(others.between(()))
    mine.close()
    assert {path.parent for path in (chunks / "shards").rglob("*")} == {answer.folder for answer in written}
    others.close()
    assert list((chunks / "shards").rglob("*")) == []
