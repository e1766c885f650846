"""A sweep: its jobs one after the other, whatever comes of one of them, and what came of each at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from builder.cli.border import FAILURES, explained, say
from builder.errors import BuilderError

log = logging.getLogger(__name__)

Job = list[str]


def sweep(jobs: Sequence[Job], run: Callable[[Job], str | None]) -> int:
    """Run all jobs. As with Hydra's own launcher, one that fails does not keep the others from being run.

    Args:
        jobs: the overrides of each.
        run: does one; a few words on what it has done, if there is something to say.

    Returns:
        The exit code: that of the first job that failed.
    """
    names = _names(jobs)
    outcomes: list[str] = []
    codes = [0]
    try:
        for name, job in zip(names, jobs, strict=True):
            try:
                outcomes.append(run(job) or f"done: {name}")
            except FAILURES as error:
                log.debug("the traceback, since debug=true:", exc_info=True)
                failure = error if isinstance(error, BuilderError) else explained(error)
                say(f"il-builder: {name}: {failure}")
                outcomes.append(f"failed: {name}")
                codes.append(failure.exit_code)
    finally:
        outcomes += [f"not run: {name}" for name in names[len(outcomes) :]]
        print("\n".join([f"\nsweep of {len(jobs)} jobs:", *(f"  {outcome}" for outcome in outcomes)]))
    return next((code for code in codes if code), 0)


def _names(jobs: Sequence[Job]) -> list[str]:
    """Each job by those of its overrides that not all have."""
    shared = set(jobs[0]).intersection(*jobs)
    return [" ".join(word for word in job if word not in shared) for job in jobs]
