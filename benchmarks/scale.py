"""The cost model: what workers and the driver cost, measured; and builds of 10^10 steps made of that."""

from __future__ import annotations

import math
import resource
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks import simulated
from benchmarks.costs import FULL, LANES, LENGTH, Costs, game_in, measure
from benchmarks.measuring import Options
from benchmarks.report import Section
from benchmarks.simulated import ACCEPTED, Simulated, simulate
from builder.dataset.collation import SHARD_MB
from builder.rollout.planning import CHUNK_SECONDS

WORKERS, STEPS = (10, 100, 1000, 10_000), 10**10
CORES, SIZES = (1, 2, 4, 8, 16, 32), (5 * 10**6, 15 * 10**6, 50 * 10**6)
STORE = 1e9
"""Bytes per second of a file server that is taken as an example."""

STORES = """The store is as fast as it has to be: the last column says how fast that is, on average over the
play, for chunks that are written and read and for the dataset."""


def sections(options: Options) -> list[Section]:
    """The costs, and the simulated builds."""
    found = measure(int(options.get("rounds", "3")))
    return [_costs(found), _builds(found), _machine(found)]


def _costs(found: Costs) -> Section:
    rows = [
        ["one worker that plays", f"{found.rate:,.0f} steps/s"],
        ["a chunk beside its steps", f"{1e3 * found.chunk_seconds:.0f} ms of a worker"],
        ["one worker that writes files of the dataset", f"{found.write_rate:,.0f} steps/s"],
        ["a task of writing beside its steps", f"{1e3 * found.task_seconds:.0f} ms of a worker"],
        ["a row of the table `episodes`", f"{1e6 * found.episode_seconds:.1f} µs of one worker"],
        ["an episode in the card", f"{1e6 * found.card_seconds:.1f} µs of the driver"],
        ["a step in a chunk", f"{found.chunk_bytes:.1f} bytes"],
        ["a step in the dataset", f"{found.dataset_bytes:.1f} bytes"],
        ["a task on its way to a worker", f"{found.task_bytes:,} bytes"],
        [f"a summary of {FULL} attempts on its way back", f"{found.summary_bytes:,} bytes"],
        ["the driver for one chunk: handing out, taking back", f"{1e3 * found.dispatch_seconds:.2f} ms"],
        ["the driver for one chunk: counting, showing", f"{1e3 * found.count_seconds:.2f} ms"],
        ["recorded chunks read and checked", f"{found.read_rate / 1e6:,.0f} MB/s"],
        ["a recorded chunk, for a build that goes on", f"{1e3 * found.header_seconds:.2f} ms"],
    ]
    return Section(
        "Cost model",
        f"CartPole, {LANES} lanes; a full chunk has {FULL} attempts of {LENGTH} steps: {FULL * LENGTH:,}."
        " Seconds are those of the processor.",
        ["", "measured"],
        rows,
    )


def _builds(found: Costs) -> Section:
    with tempfile.TemporaryDirectory() as temporary:
        plan = game_in(Path(temporary)).plan
    builds = {}
    for workers in WORKERS:
        builds[workers] = simulate(found, plan, workers, STEPS)
        print(workers, builds[workers], flush=True)
    return Section(
        "A build of 10,000,000,000 steps, simulated",
        f"{simulated.__doc__}\n{ACCEPTED:.0%} of the attempts are accepted. {STORES}",
        [
            "workers",
            "play, s",
            "then files, s",
            "then `episodes`, s",
            "then the rest, s",
            "in all, s",
            "times 10 workers",
            "workers busy",
            "waves",
            "chunks",
            "driver busy",
            "settling, s",
            "planning, s",
            "store, GB/s",
        ],
        [_row(workers, made, builds[WORKERS[0]], found) for workers, made in builds.items()],
        limits(found, builds),
    )


def _machine(found: Costs) -> Section:
    with tempfile.TemporaryDirectory() as temporary:
        plan = game_in(Path(temporary)).plan
    rows, first = [], list[float]()
    for workers in CORES:
        builds = [simulate(found, plan, workers, steps, one_machine=True) for steps in SIZES]
        seconds = [made.seconds for made in builds]
        apart = [larger - smaller for smaller, larger in pairwise(seconds)]
        first = first or apart
        times = [one / many for one, many in zip(first, apart, strict=True)]
        rows.append(
            [
                f"{workers}",
                *(f"{made.played:.1f} + {sum(made.tail):.1f}" for made in builds),
                *(f"{gain:.1f}" for gain in times),
            ]
        )
    sizes = [f"{steps // 10**6}" for steps in SIZES]
    return Section(
        "Cores of one machine, simulated",
        "Columns are millions of steps: seconds of play and after it, without the start of the processes,"
        " where every attempt is accepted, and a core is as fast beside others as alone; then how many times"
        " as fast as one worker, by the difference of two builds.",
        ["workers", *sizes, *(f"{small} to {large}" for small, large in pairwise(sizes))],
        rows,
    )


def _row(workers: int, made: Simulated, first: Simulated, found: Costs) -> list[str]:
    return [
        f"{workers:,}",
        f"{made.played:,.0f}",
        *(f"{seconds:,.0f}" for seconds in made.tail),
        f"{made.seconds:,.0f}",
        f"{first.seconds / made.seconds:.1f}",
        f"{made.worked / (workers * made.played):.0%}",
        f"{made.waves}",
        f"{made.chunks:,}",
        f"{made.busy / made.known:.0%}",
        f"{made.settled:.1f}",
        f"{made.planned:.1f}",
        f"{traffic(found) / made.played / 1e9:.1f}",
    ]


def traffic(found: Costs) -> float:
    """Bytes to and from the store: chunks are written, and read again; the dataset is written."""
    return STEPS * (2 * found.chunk_bytes / ACCEPTED + found.dataset_bytes)


LIMITS = """
**Writing the dataset** is done by the workers, between two chunks: {share:.0%} of a worker's time. Of what
one process did after play, {collated:.1f} hours, what is left after the last step is in the table: files
that were under way, the table `episodes`, which one worker writes ({table:.0f} s for {episodes:,}
episodes), and the card ({card:.0f} s of the driver, which reads that table). It is {tail:.0%} of the play
of {most:,} workers, and {little:.1%} of that of {few:,}. Then: several datasets, with seeds of their own.

**The store** is the limit first: chunks are written once and read once, so that a worker moves {moved:.1f}
MB/s, and a file server of 1 GB/s carries {carried:,.0f} workers; with more of them 10^10 steps take
{least:,.0f} s, however many there are. {stored:,.0f} GB of chunks stay until `il-builder clean`
(`keep_chunks=false` removes them). A build that goes on reads their headers: {resume:.0f} s. Behind a URL
it also moves each file of the dataset to its place itself. Then: a parallel file system.

**The driver** takes {chunks:,.0f} chunks per second, those of {driven:,.0f} workers at CartPole's speed;
slower environments, whose chunks last up to 30 s, allow {slow:,.0f}. Its own memory is {memory:,.0f} MB at
10^10 steps in this simulation, some {each:.0f} bytes for each episode. A task carries the expert:
{task:,.0f} kB here, but 6.9 MB for an Atari agent (`CnnPolicy`), so that 1,000 workers with chunks of 30 s
ask the driver for 230 MB/s. Then: longer chunks (more `rollout.lanes`), or several builds.

**The Hub** asks for fewer than 100,000 files in a repository, 10,000 in a folder and 50 GB in a file
(huggingface.co/docs/hub/repositories-recommendations): {size:,.0f} GB in {files:,.0f} files are far below.
A public repository beyond some 300 GB is to be agreed on with it, and at 100 MB/s the upload takes
{upload:,.0f} minutes. Then: a larger `dataset.shard_mb`, or several repositories.
"""


def limits(found: Costs, builds: dict[int, Simulated]) -> list[str]:
    """Where it ends, and what is done then."""
    few, many = min(builds), max(builds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    text = LIMITS.format(
        share=found.rate / (found.rate + found.write_rate * ACCEPTED),
        collated=STEPS / found.write_rate / 3600,
        table=STEPS / LENGTH * found.episode_seconds,
        episodes=STEPS // LENGTH,
        card=found.end_seconds + STEPS / LENGTH * found.card_seconds,
        tail=sum(builds[many].tail) / builds[many].played,
        most=many,
        little=sum(builds[few].tail) / builds[few].played,
        few=few,
        moved=traffic(found) / (few * builds[few].played) / 1e6,
        carried=STORE * few * builds[few].played / traffic(found),
        least=traffic(found) / STORE,
        stored=STEPS / ACCEPTED * found.chunk_bytes / 1e9,
        resume=builds[few].chunks * found.header_seconds,
        chunks=1 / found.driver_seconds,
        driven=(found.chunk_seconds + FULL * LENGTH / found.rate) / found.driver_seconds,
        slow=CHUNK_SECONDS / found.driver_seconds,
        memory=memory / 1e6,
        each=memory / (STEPS / LENGTH),
        task=found.task_bytes / 1e3,
        size=STEPS * found.dataset_bytes / 1e9,
        files=math.ceil(STEPS * found.row_bytes / (SHARD_MB * 1e6)),
        upload=STEPS * found.dataset_bytes / 1e8 / 60,
    )
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
