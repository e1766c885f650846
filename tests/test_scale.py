"""The cluster that the cost model simulates: it loses no work, and more workers are never slower."""

import pytest
from places import ROOT

STEPS = 20_000_000


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Simulates a build with so many workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from benchmarks.costs import Costs, game_in
        from benchmarks.simulated import simulate
    plan = game_in(tmp_path_factory.mktemp("plan")).plan
    costs = Costs(
        rate=1e5,
        chunk_seconds=0.01,
        write_rate=1e6,
        task_seconds=0.01,
        episode_seconds=1e-5,
        end_seconds=0.5,
        card_seconds=1e-5,
        chunk_bytes=32,
        dataset_bytes=25,
        row_bytes=42,
        task_bytes=0,
        summary_bytes=0,
        dispatch_seconds=1e-4,
        count_seconds=0,
        read_rate=1e9,
        header_seconds=0,
    )
    return lambda workers: simulate(costs, plan, workers, STEPS)


def test_a_simulated_build_does_all_that_a_build_does(build):
    made = build(4)
    assert made.attempts >= STEPS / 500 / 0.97  # 95% are accepted
    least = made.attempts * 500 / 1e5 + STEPS / 1e6
    assert least * 0.9 < made.worked < least * 1.3  # workers differ in speed
    assert made.played >= made.worked / 4 * 0.8
    files, table, rest = made.tail
    assert files >= 0
    assert table > 40_000 * 1e-5 * 0.5
    assert rest >= 0.5 + 40_000 * 1e-5
    assert made.seconds == pytest.approx(made.played + files + table + rest)


def test_more_workers_shorten_the_play_and_hardly_what_comes_after_it(build):
    few, many = build(2), build(16)
    assert few.played / many.played > 5
    assert few.tail[2] == pytest.approx(many.tail[2], rel=0.5)
