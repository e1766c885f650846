"""A baseline: its note against its picture and its dataset, and the clones trained again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.baseline.baseline import measured
from builder.baseline.config import BaselineConfig, TrainConfig
from builder.config import ParallelConfig
from builder.errors import DatasetError
from builder.manifest.baseline import Baseline, Played, Point, read_baseline
from builder.manifest.manifest import BASELINE, LEARNING_CURVE, Manifest
from builder.replay import Difference
from builder.storage.digest import file_sha256
from builder.verify.checks import Check
from builder.verify.claims import BASELINE_LEVEL
from builder.verify.config import VerifyConfig

SLACK = 0.01
"""Of the scale from random actions to the expert: so far apart may intervals be on another machine."""


def has_baseline(folder: Path) -> bool:
    """Whether anything of a baseline is there; a dataset is as good without."""
    return any((folder / name).exists() for name in (BASELINE, LEARNING_CURVE))


def check_baseline(folder: Path, manifest: Manifest) -> Check:
    """The note of a baseline by its own checksum, its picture by the note, and that it is of this dataset."""
    found = next(_note_differences(folder, manifest), None)
    return Check("baseline", "own sha256, that of its picture, of this dataset", found)


def _note_differences(folder: Path, manifest: Manifest) -> Iterator[Difference]:
    for name in (BASELINE, LEARNING_CURVE):
        if not (folder / name).is_file():
            yield Difference(what="missing", file=name)
    try:
        learned = read_baseline(folder)
    except DatasetError as error:
        yield Difference(what=str(error), file=BASELINE)
        return
    if learned is None:
        return
    if learned.dataset != manifest.fingerprint:
        what = "it is of another dataset"
        yield Difference(what=what, file=BASELINE, expected=manifest.fingerprint, got=learned.dataset)
    if (digest := file_sha256(folder / LEARNING_CURVE)) != learned.picture:
        yield Difference(what="another content", file=LEARNING_CURVE, expected=learned.picture, got=digest)


def check_trained(folder: Path, config: VerifyConfig) -> Check:
    """The same clones, trained and played again: the same figures, or intervals that meet.

    Raises:
        BuilderError: the environment cannot be had, or something fails in it.
    """
    stated = read_baseline(folder)
    if stated is None:
        return Check("trained again", "there is no baseline: il-builder baseline makes one", possible=False)
    again = measured(_asked(stated, config), folder)
    count = f"{len(stated.runs):,} clones of {stated.episodes:,} episodes each"
    if (again.runs, again.random, again.expert) == (stated.runs, stated.random, stated.expert):
        return Check("trained again", f"{count}, every figure", proves=(BASELINE_LEVEL,))
    found = next(_apart(stated, again), None)
    compared = f"{count}; other figures than on the machine that made them, by their 95% intervals"
    return Check("trained again", compared, found, proves=(BASELINE_LEVEL,))


def _asked(stated: Baseline, config: VerifyConfig) -> BaselineConfig:
    return BaselineConfig(
        out=Path(),
        demos=[point.demos for point in stated.curve],
        seeds=len({run.seed for run in stated.runs}),
        algo=stated.algo,
        episodes=stated.episodes,
        train=TrainConfig(**stated.train),
        parallel=ParallelConfig(config.parallel.backend, config.parallel.n_jobs),
        expert=config.expert,
        env=config.env,
    )


def _apart(stated: Baseline, again: Baseline) -> Iterator[Difference]:
    """Means whose intervals do not meet."""
    slack = SLACK * abs((stated.expert or stated.random).mean - stated.random.mean)
    pairs: list[tuple[str, Point | Played | None, Point | Played | None]] = [
        ("random actions", stated.random, again.random),
        *([("the expert", stated.expert, again.expert)] if stated.expert and again.expert else []),
        *(
            (f"{ours.demos:,} demonstrations", ours, theirs)
            for ours, theirs in zip(stated.curve, again.curve, strict=True)
        ),
    ]
    for what, ours, theirs in pairs:
        if ours and theirs and not (ours.low - slack <= theirs.high and theirs.low <= ours.high + slack):
            yield Difference(
                what=f"the return of {what}", file=BASELINE, expected=_told(ours), got=_told(theirs)
            )


def _told(entry: Point | Played) -> str:
    return f"{entry.mean:g} [{entry.low:g}, {entry.high:g}]"
