"""The last file is written while its rows are played, and has the bytes that it would have had afterwards."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from assemblies import EVEN, PARTS, recorded
from folders import files, names

from builder.dataset import growing
from builder.dataset.assembly import Assembly
from builder.dataset.folder import write_dataset
from builder.dataset.growing import GrowingTask, Pace, Postponed
from builder.episodes.acceptance import Acceptance
from builder.errors import DatasetError

MOST = 10**9
"""Bytes of a file that holds everything."""


IS_TIME = Pace.is_time


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Every file is begun as soon as anything is known."""
    monkeypatch.setattr(Pace, "is_time", lambda self, players, left, expected: expected > 0)


def assembly_of(tmp_path, ranges=EVEN, *, players=9, **plan):
    """An assembly that has been told of the first attempts, its tasks, and what is still to be told."""
    plan = {"episodes": 8, "shard_size": MOST, **plan}
    plan, (first, *others) = recorded(tmp_path / "chunks", ranges, **plan)
    assembly = Assembly(plan, tmp_path / "chunks", task_rows=1)
    assembly.players = players
    assembly.add(first)
    return assembly, list(assembly.between(())), others


def finished(assembly, tmp_path, done=()):
    """The dataset, with what has been done by then; it has to be the one that is written in a row."""
    for answer in done:
        assembly.take(answer)
    assembly.finish(lambda tasks: [task.do() for task in tasks])
    (tmp_path / "many").mkdir()
    manifest = assembly.assemble(tmp_path / "many")
    assembly.close()
    chunks = sorted((tmp_path / "chunks").glob("chunk-*"))
    assert write_dataset(tmp_path / "one", chunks) == manifest
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert "shards" not in names(tmp_path / "chunks")


CASES = {
    "one file": {},
    "two splits": {"every": 3},
    "a dict": {"space": PARTS},
    "numbers of its own": {"masks": True},
    "those with a return": {"acceptance": Acceptance(low=-5.0), "episodes": 4},
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_grows_has_the_bytes_of_one_that_is_written_afterwards(tmp_path, case):
    assembly, tasks, others = assembly_of(tmp_path, **CASES[case])
    assert {type(task) for task in tasks} == {GrowingTask}
    with ThreadPoolExecutor(len(tasks)) as pool:
        done = [pool.submit(task.do) for task in tasks]
        for summary in others:
            assembly.add(summary)
        finished(assembly, tmp_path, [each.result(60) for each in done])


def test_what_is_told_before_anybody_listens_is_heard_too(tmp_path):
    assembly, (task,), others = assembly_of(tmp_path)
    for summary in others:
        assembly.add(summary)
    finished(assembly, tmp_path, [task.do()])


SMALL = {"shard_size": 9 * 10**6, "episodes": 4}
"""Files of 2,048 rows."""


def test_a_file_that_fills_up_against_all_expectation_ends_where_it_would(tmp_path, monkeypatch):
    assembly, (task,), others = assembly_of(tmp_path, [range(1), range(1, 10)], **SMALL | {"episodes": 6})
    monkeypatch.setattr(Pace, "is_time", lambda *_: False)
    assembly.add(others[0])
    assert task.ended
    assert [each.first for each in assembly.between(())] == [0, 1]
    finished(assembly, tmp_path, [task.do()])


def test_a_file_is_begun_before_the_one_in_front_of_it_is_known(tmp_path):
    ranges = [range(1), range(1, 2), range(2, 10)]
    assembly, (first,), others = assembly_of(tmp_path, ranges, **SMALL | {"episodes": 6})
    assembly.add(others[0])
    second = list(assembly.between(()))[1]
    assert (second.first, list(second.told.iterdir())) == (1, [])
    assembly.add(others[1])
    assert first.ended
    finished(assembly, tmp_path, [second.do(), first.do()])


def test_a_file_that_is_not_needed_after_all_is_empty(tmp_path):
    assembly, _, others = assembly_of(tmp_path, [range(1), range(1, 2), range(2, 10)], **SMALL, seed=8)
    assembly.add(others[0])
    assembly.add(others[1])
    first, second = assembly.between(())
    assert (first.do().rows, second.do().rows) == (1485, 0)
    finished(assembly, tmp_path)


def test_a_file_that_was_given_up_is_begun_again_with_what_is_played_next(tmp_path):
    assembly, (task,), others = assembly_of(tmp_path)
    assembly.hold()
    assembly.take(task.do())
    assert list(assembly.between(())) == [task]
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(task.do)
        for summary in others:
            assembly.add(summary)
        finished(assembly, tmp_path, [done.result(60)])


def test_a_file_that_was_given_up_is_written_once_all_is_known(tmp_path):
    assembly, (task,), others = assembly_of(tmp_path)
    assembly.hold()
    assembly.take(task.do())
    for summary in others:
        assembly.add(summary)
    assert list(assembly.between(())) == [task]
    finished(assembly, tmp_path)


def test_a_file_that_was_given_up_just_before_the_end_is_written_too(tmp_path):
    assembly, (task,), others = assembly_of(tmp_path)
    assembly.hold()
    given_up = task.do()
    for summary in others:
        assembly.add(summary)
    assembly.take(given_up)
    assert list(assembly.between(())) == [task]
    finished(assembly, tmp_path)


def test_who_is_held_gives_up_at_once_whatever_has_been_told(tmp_path):
    assembly, (task,), _ = assembly_of(tmp_path)
    assembly.hold()
    with pytest.raises(growing._GivenUp):
        next(task.episodes())


@pytest.mark.parametrize("what", ["a word", "a piece", "the end"])
def test_what_is_told_and_damaged_is_an_error(tmp_path, monkeypatch, what):
    monkeypatch.setattr(growing, "PATIENCE", 0.1)
    assembly, (task,), others = assembly_of(tmp_path)
    for summary in others:
        assembly.add(summary)
    if what == "a word":
        (task.told / "train-00001.told").write_text("{")
    else:
        (task.told / {"a piece": "train-00002.told", "the end": "train.ended"}[what]).unlink()
    with pytest.raises(DatasetError, match=r"train-00000-\w+ is damaged; run the same command again"):
        assembly.take(task.do())


@pytest.mark.parametrize("plan", [{}, {"every": 3}, {"acceptance": Acceptance(low=-5.0)}])
def test_what_is_left_is_all_that_has_to_be_played(tmp_path, monkeypatch, plan):
    asked = []
    monkeypatch.setattr(Pace, "is_time", lambda self, *about: asked.append(about))
    plan, (first, *_) = recorded(tmp_path / "chunks", EVEN, episodes=8, shard_size=MOST, **plan)
    assembly = Assembly(plan, tmp_path / "chunks")
    assembly.players = 9
    assembly.add(first)
    (_, left, _), *_ = asked
    assert left == pytest.approx(first.lengths.sum() * (8 / first.accepted.sum() - 1))


def test_nobody_waits_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "PATIENCE", 0.1)
    _, (task,), _ = assembly_of(tmp_path)
    assert task.do() == Postponed("train", 0)


def test_a_task_that_was_lost_is_told_everything_again(tmp_path):
    assembly, (lost,), others = assembly_of(tmp_path)
    assembly.add(others[0])
    assert list(assembly.between(())) == [lost]
    for summary in others[1:]:
        assembly.add(summary)
    finished(assembly, tmp_path, [lost.do()])


@pytest.mark.parametrize(
    "plan",
    [{"players": 0}, {"players": 1}, {"episodes": None}, {"episodes": 3}],
    ids=["nobody sees it", "nobody would play", "no end", "all is there"],
)
def test_no_file_is_begun_early_where(tmp_path, plan):
    _, tasks, _ = assembly_of(tmp_path, **plan)
    assert not [task for task in tasks if isinstance(task, GrowingTask)]


@pytest.mark.parametrize(("episodes", "early"), [(4, True), (500, False)])
def test_a_file_far_from_the_last_one_is_written_once_all_of_it_is_known(
    tmp_path, monkeypatch, episodes, early
):
    monkeypatch.setattr(Pace, "is_time", lambda self, players, left, expected: left < 2_000)
    _, tasks, _ = assembly_of(tmp_path, [range(1)], **SMALL | {"episodes": episodes})
    assert [isinstance(task, GrowingTask) for task in tasks] == [True] * early


def test_one_of_two_workers_goes_on_playing(tmp_path):
    _, tasks, _ = assembly_of(tmp_path, every=3, players=2)
    assert len(tasks) == 1


def test_what_is_told_is_data(tmp_path):
    _, (task,), _ = assembly_of(tmp_path)
    (piece,) = task.told.glob("*.told")
    assert set(json.loads(piece.read_text())) == {"path", "attempts", "ordinals", "lengths", "first_row"}


def is_time(*, left=0, rows=100_000, seconds=1.0, row_bytes=65, players=10, expected=10**7):
    """Whether a file is begun after a chunk; of rows of 65 bytes a worker encodes 2,000,000 a second."""
    chunk = SimpleNamespace(seconds=seconds, lengths=np.array([rows]))
    pace = Pace(row_bytes)
    pace.add(chunk)
    return IS_TIME(pace, players, left, expected)


def test_a_file_is_begun_when_what_is_left_takes_as_long_to_play_as_it_takes_to_encode():
    # Ten workers play 1,000,000 rows a second, and the file takes five; 2,000,000 more are given out already.
    assert is_time(left=6_999_000)
    assert not is_time(left=7_001_000)


def test_one_worker_plays_less_meanwhile():
    assert is_time(players=1, left=699_000)
    assert not is_time(players=1, left=701_000)


def test_small_files_are_not_begun_early_and_neither_is_what_would_be_waited_for_too_long():
    assert not is_time(expected=growing.WORTH // 65 - 1)
    assert not is_time(seconds=6.0, rows=600_000)  # longer than the file takes


def test_without_a_pace_nothing_is_begun():
    assert not is_time(seconds=0.0)
