"""A dataset put together by tasks is, byte for byte, the one that is written in a row."""

import itertools
import json
import random
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from folders import files, names

from builder.dataset.assembly import Assembly, Borders
from builder.dataset.collation import Collation
from builder.dataset.folder import write_dataset
from builder.dataset.shard_tasks import Encoded, Pause, ShardTask
from builder.episodes.acceptance import Acceptance
from builder.episodes.declared import Declared, stated
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import leaves
from builder.errors import DatasetError
from builder.rollout.summary import summarise

WIDE = gym.spaces.Box(-1, 9, (2048,), np.float32)
"""So wide that 1,024 rows are a row group: a shard where `shard_size` is small."""
PARTS = gym.spaces.Dict({"a": WIDE, "b": gym.spaces.Box(-np.inf, np.inf, (2, 3), np.float64)})
PICTURES = gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)
"""PNG, of which 1,024 are a row group."""
TWO = gym.spaces.Discrete(2)
SCORE = Declared("info.score", gym.spaces.Box(-np.inf, np.inf, (), np.float64), nullable=True)
STEPS = Declared("info.steps", gym.spaces.Box(-np.inf, np.inf, (), np.int64), table="episodes")
WORD = Declared("info.word", "string", table="episodes")
TOLD = Declared("info.told", "string")
NOTED = stated([SCORE, STEPS, WORD])
TELLING = stated([SCORE, STEPS, WORD, TOLD])
MASKED = {"expert": {"name": "x", "source": "random", "action_masks": "method"}}


def recording_of(attempts, space, *, seed, kinds, noted, masks):
    """Attempts of up to 700 steps, of so many kinds; one in nine has failed."""
    drawn = [np.random.default_rng([seed, attempt % kinds]) for attempt in attempts]
    lengths = np.array(
        [
            0 if attempt % 9 == 5 else rng.integers(1, 700)
            for attempt, rng in zip(attempts, drawn, strict=True)
        ]
    )
    count, rows = len(attempts), int(lengths.sum())

    def values(leaf, sizes):
        parts = [rng.integers(0, 11, (size, 1)) for rng, size in zip(drawn, sizes, strict=True)]
        flat = np.concatenate([*parts, np.empty((0, 1), int)]).astype(leaf.dtype)
        return np.ascontiguousarray(np.broadcast_to(flat, (len(flat), int(np.prod(leaf.shape))))).reshape(
            -1, *leaf.shape
        )

    def whole(low, high, dtype):
        parts = [rng.integers(low, high, size) for rng, size in zip(drawn, lengths, strict=True)]
        return np.concatenate(parts).astype(dtype)

    rewards = whole(-3, 4, float)
    extras, attempt_extras = {}, {}
    if noted:
        valid = rewards > 0
        extras = {"info.score": rewards * valid, "info.score.valid": valid}
        words = np.array([f"attempt {attempt}" for attempt in attempts], object)
        extras["info.told"] = np.array([f"step {reward:g}" * 9 for reward in rewards], object)
        attempt_extras = {"info.steps": lengths * 2, "info.word": words}
    if masks:
        extras |= {"action_mask": np.ones((rows, 2), bool)}
    return Recording(
        attempts=np.array(attempts),
        seeds=np.array(attempts) + 7,
        lengths=lengths,
        returns=episode_returns(rewards, lengths),
        terminated=np.arange(count) % 2 == 0,
        truncated=np.arange(count) % 2 == 1,
        observations=tuple(values(leaf, lengths) for leaf in leaves(space)),
        actions=(whole(0, 2, int),),
        rewards=rewards,
        finals=tuple(values(leaf, np.ones(count, int)) for leaf in leaves(space)),
        extras=extras,
        attempt_extras=attempt_extras,
    )


def recorded(
    folder, ranges, *, space=WIDE, seed=0, kinds=10**6, noted=False, told=False, masks=False, **plan
):
    """Chunk files, their summaries, and what is to be made of them."""
    inputs = ((TELLING if told else NOTED) if noted else {}) | (MASKED if masks else {})
    optional = (
        *(["info.score", "info.steps", "info.word"] * noted),
        *(["info.told"] * told),
        *(["action_mask"] * masks),
    )
    plan = Collation(
        inputs, "mine", space, TWO, optional=optional, shard_size=plan.pop("shard_size", 1), **plan
    )
    folder.mkdir(parents=True)
    (folder / "build.json").write_text(json.dumps(plan.to_json()))
    summaries = []
    for attempts in ranges:
        path = folder / f"chunk-{attempts.start:08d}-{attempts.stop:08d}.safetensors"
        of = recording_of(list(attempts), space, seed=seed, kinds=kinds, noted=noted, masks=masks)
        write_recording(of, path, Header("", attempts.start, attempts.stop, "mine"))
        summaries.append(summarise(of, path).judged(plan.acceptance))
    return plan, summaries


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
    assembly.close()
    return manifest


EVEN = [range(3), range(3, 7), range(7, 10)]
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


@pytest.mark.parametrize("case", CASES)
def test_tasks_in_any_order_give_the_bytes_of_one_writer(tmp_path, case):
    check(tmp_path, EVEN, **CASES[case])


def test_attempts_that_two_chunks_hold_count_once(tmp_path):
    check(tmp_path, OVERLAPPING, every=3)


def check(tmp_path, ranges, **case):
    plan, summaries = recorded(tmp_path / "chunks", ranges, **case)
    one = write_dataset(tmp_path / "one", [summary.path for summary in summaries])
    many = assembled(plan, tmp_path / "chunks", summaries, tmp_path / "many")
    assert one == many
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert "shards" not in names(tmp_path / "chunks")


def few(tmp_path, **plan):
    """Some short attempts, and an assembly that has been told of them."""
    plan, summaries = recorded(tmp_path / "chunks", [range(2), range(2, 4)], **plan)
    assembly = Assembly(plan, tmp_path / "chunks", task_rows=1)
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


def test_a_task_that_is_done_twice_is_in_nobodys_way(tmp_path):
    assembly, _ = few(tmp_path, episodes=4, shard_size=10**9)
    (task,) = assembly.between(())
    first, second = task.do(), task.do()
    assert first.folder != second.folder
    assert first.files == second.files


def encoded(first, *sizes):
    return Encoded("train", first, Path(f"rows-{first}"), sizes)


def test_a_file_ends_with_the_row_group_that_fills_it_whatever_order_they_come_in():
    borders = Borders(10)
    assert list(borders.add(encoded(1, 4, 20, 3))) == []
    found = [*borders.add(encoded(0, 4, 4)), *borders.add(encoded(2, 1)), *borders.rest()]
    places = [(number, [(folder.name, place) for folder, place in groups]) for number, groups in found]
    assert places == [
        (0, [("rows-0", 0), ("rows-0", 1), ("rows-1", 0)]),
        (1, [("rows-1", 1)]),
        (2, [("rows-1", 2), ("rows-2", 0)]),
    ]


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
