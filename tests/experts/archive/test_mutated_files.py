"""Damaged files give named errors, at once and in little memory, whatever is wrong with them."""

import contextlib
import resource
import time
from pathlib import Path

import pytest
from damaged import MEGABYTES, NAMED, SECONDS, Mutator, sources

from builder.experts.archive.agent import read_agent
from builder.experts.archive.vec_normalize import read_statistics


def largest():
    """What this process has held at most, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def check_mutations(tmp_path, seeds):
    archives, statistics = sources(tmp_path)
    before = largest()
    path, slowest, outcomes = Path(tmp_path / "mutated.zip"), 0.0, {True: 0, False: 0}
    for seed in seeds:
        mutator = Mutator(seed)
        mutated = (
            mutator.bytes(statistics) if seed % 10 == 0 else mutator.archive(archives[seed % len(archives)])
        )
        path.write_bytes(mutated)
        began = time.process_time()
        refused = True
        with contextlib.suppress(*NAMED):
            read_statistics(mutated, "s.pkl") if seed % 10 == 0 else read_agent(path)
            refused = False
        slowest = max(slowest, time.process_time() - began)
        outcomes[refused] += 1
    assert slowest < SECONDS
    assert min(outcomes.values()) > 0.05 * len(seeds), outcomes
    assert largest() - before < MEGABYTES


@pytest.mark.slow
def test_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(500))


@pytest.mark.slow
def test_twenty_thousand_mutated_files_give_named_errors_only(tmp_path):
    check_mutations(tmp_path, range(1000, 21_000))
