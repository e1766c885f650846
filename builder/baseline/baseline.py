"""`baseline`: clones of a dataset's expert, trained on a few of its episodes or many, and how they play."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builder.baseline.bootstrap import mean_interval
from builder.baseline.cloning import Demonstrations, clone
from builder.baseline.config import BaselineConfig
from builder.baseline.kept_runs import KeptRuns, remove_runs
from builder.baseline.protocol import Protocol, expert_of, protocol_of, why_not
from builder.card import check_keeps_baseline, keep_baseline
from builder.card.markdown import count_of
from builder.episodes.declared import EXPERT_ACTION, declared
from builder.episodes.spaces import Array, leaves
from builder.errors import BuilderError, DatasetError, UnsupportedExpertError
from builder.loading.trajectories import Trajectories
from builder.manifest.baseline import Baseline, Played, Point, Run, read_baseline
from builder.manifest.manifest import Manifest, read_manifest
from builder.pipeline.build import Build
from builder.storage.layout import Layout
from builder.storage.lock import locked
from builder.versions import all_code, installed_version

log = logging.getLogger(__name__)

TRAINED_BY = ("il-builder", "numpy", "torch", "gymnasium")
"""Packages whose versions decide a clone, beside those that the dataset names."""


@dataclass(frozen=True)
class Learned:
    """What a baseline ends with.

    Attributes:
        out: the dataset folder.
        baseline: what was found.
        fresh: False where it was there already.
    """

    out: Path
    baseline: Baseline
    fresh: bool = True


def baseline(config: BaselineConfig, out: Path) -> Learned:
    """Train clones of a dataset, let them play, and keep what comes of it in its folder and on its card.

    Args:
        config: how many demonstrations and clones, and how they learn and play.
        out: the dataset folder.

    Raises:
        DatasetError: there is no dataset, it is signed, or nothing says what it is of.
        UnsupportedExpertError: no network is made for its spaces.
        BuilderError: the environment cannot be had, or something fails in it.
    """
    manifest = read_manifest(out)
    known = None if config.overwrite else _known(out)
    if known and _is_asked_for(known, manifest, config, out):
        with locked(out):
            keep_baseline(out, known)
        return Learned(out, known, fresh=False)
    check_keeps_baseline(out)
    unfinished = Layout.of(out).learned
    if config.overwrite:
        remove_runs(unfinished)
    found = measured(config, out, unfinished)
    with locked(out):
        keep_baseline(out, found)
    remove_runs(unfinished)
    return Learned(out, found)


def _known(out: Path) -> Baseline | None:
    """What an earlier call has kept; what is damaged is made anew."""
    try:
        return read_baseline(out)
    except DatasetError as error:
        log.warning("%s", error)
        return None


def _is_asked_for(known: Baseline, manifest: Manifest, config: BaselineConfig, out: Path) -> bool:
    """Whether a baseline is of this dataset, and was made just so."""
    split = Trajectories(out).split
    counts, _ = demonstrations(config.demos, manifest.splits[split].episodes, split)
    return (
        known.dataset == manifest.fingerprint
        and known.train == dataclasses.asdict(config.train)
        and (known.algo, known.episodes) == (config.algo, config.episodes)
        and [(run.demos, run.seed) for run in known.runs] == _wanted(counts, config.seeds)
    )


def _wanted(counts: Sequence[int], seeds: int) -> list[tuple[int, int]]:
    return [(count, seed) for count in counts for seed in range(seeds)]


def demonstrations(wanted: Sequence[int], held: int, split: str) -> tuple[list[int], list[str]]:
    """How many demonstrations are taken, in ascending order, and what should be said of it.

    Args:
        wanted: as they were asked for.
        held: episodes of the split.
        split: its name.
    """
    counts = sorted({min(count, held) for count in wanted})
    more = sorted({count for count in wanted if count > held})
    if not more:
        return counts, []
    return counts, [f"{split} holds {held:,} episodes, which stand for the {more[0]:,} that were asked for"]


def measured(config: BaselineConfig, out: Path, unfinished: Path | None = None) -> Baseline:
    """Train and play, and write nothing into the dataset.

    Args:
        config: how.
        out: the dataset folder.
        unfinished: the file where each clone is kept, for a call that goes on where this one was
            interrupted, and where those of an interrupted one are taken from; None: none is.

    Raises:
        BuilderError: see `baseline`.
    """
    manifest = read_manifest(out)
    if not manifest.splits:
        raise DatasetError(
            f"the content of {out} was chosen by functions of a program's own: it has no splits"
        )
    dataset = Trajectories(out)
    counts, notes = demonstrations(config.demos, len(dataset), dataset.split)
    protocol = protocol_of(out, manifest, config)
    _check_spaces(dataset)
    expert = _expert(protocol, out, manifest, config)
    kept = KeptRuns(unfinished, _decides(config, manifest, dataset.split, protocol.seed))
    runs = _runs(config, dataset, protocol, _wanted(counts, config.seeds), kept)
    labels = [f"what is learned is {EXPERT_ACTION}, which the expert chose"] if _labelled(dataset) else []
    return Baseline(
        dataset=manifest.fingerprint,
        algo=config.algo,
        train=dataclasses.asdict(config.train),
        split=dataset.split,
        episodes=config.episodes,
        seed=protocol.seed,
        random=played_as("random", protocol.random()),
        expert=expert if isinstance(expert, Played) else None,
        runs=tuple(runs),
        curve=tuple(point_of(count, runs) for count in counts),
        notes=(*notes, *labels, *([expert] if isinstance(expert, str) else [])),
        packages=_packages(manifest),
    )


def _expert(protocol: Protocol, out: Path, manifest: Manifest, config: BaselineConfig) -> Played | str:
    """How the expert plays; or why it does not."""
    try:
        build: Build = expert_of(out, manifest, config)
        return played_as(build.expert.name, protocol.expert(build))
    except BuilderError as error:
        log.warning("%s", why_not(error))
        return why_not(error)


def _decides(config: BaselineConfig, manifest: Manifest, split: str, seed: int) -> dict[str, Any]:
    """What a clone's returns follow from, beside its demonstrations and its own seed."""
    return {
        "dataset": manifest.fingerprint,
        "algo": config.algo,
        "train": dataclasses.asdict(config.train),
        "split": split,
        "episodes": config.episodes,
        "seed": seed,
        "packages": _packages(manifest),
        "code": all_code(),
    }


def _runs(
    config: BaselineConfig,
    dataset: Trajectories,
    protocol: Protocol,
    wanted: Sequence[tuple[int, int]],
    kept: KeptRuns,
) -> list[Run]:
    """All clones, those of an interrupted call among them."""
    kept.take_up()
    if known := sum(which in kept.found for which in wanted):
        log.info("%d of %d clones are there already, from a call that was interrupted", known, len(wanted))
    return [_run(config, dataset, protocol, which, kept) for which in wanted]


def _run(
    config: BaselineConfig, dataset: Trajectories, protocol: Protocol, which: tuple[int, int], kept: KeptRuns
) -> Run:
    """Train one clone, and let it play; or take the one that an interrupted call has kept."""
    if which not in kept.found:
        count, seed = which
        network = clone(shown_in(dataset.subset(count, seed=seed)), config.train, seed)
        returns = protocol.clone(network, f"{count_of(count, 'demonstration')}, seed {seed}")
        kept.keep(Run(count, seed, *_mean_and_std(returns)))
    return kept.found[which]


def _labelled(dataset: Trajectories) -> bool:
    return any(column.name == EXPERT_ACTION for column in declared(dataset.manifest.inputs))


def shown_in(dataset: Trajectories) -> Demonstrations:
    """The demonstrations of some episodes: what the expert would do, where that is recorded too.

    Raises:
        UnsupportedExpertError: actions are of several parts.
        ConfigError: some of the episodes lack them.
    """
    spaces = dataset.manifest.spaces
    name = EXPERT_ACTION if _labelled(dataset) else "action"
    observed = [
        dataset[f"observation.{leaf.name}" if leaf.name else "observation"]
        for leaf in leaves(spaces.observation)
    ]
    return Demonstrations(spaces, observed, dataset[name])


def _check_spaces(dataset: Trajectories) -> None:
    """Refuse before anything is played what no clone is made for."""
    space = dataset.manifest.spaces.action
    if len(found := leaves(space, "action space")) > 1 or found[0].path:
        raise UnsupportedExpertError(
            f"no baseline learns actions in {str(space)[:200]}", expected="an action of one part"
        )


def played_as(name: str, returns: Array) -> Played:
    """What float64 [episodes] of returns come to."""
    return Played(name[:200], *_mean_and_std(returns), *mean_interval(returns))


def point_of(count: int, runs: Sequence[Run]) -> Point:
    """The learning curve where clones have so many demonstrations."""
    means = np.array([run.mean for run in runs if run.demos == count])
    return Point(count, math.fsum(means) / len(means), *mean_interval(means))


def _mean_and_std(returns: Array) -> tuple[float, float]:
    mean = math.fsum(returns) / len(returns)
    return mean, math.sqrt(math.fsum((returns - mean) ** 2) / len(returns))


def _packages(manifest: Manifest) -> dict[str, str]:
    """The versions, here, of what has trained and played."""
    names = {*TRAINED_BY, *manifest.inputs.get("packages", {})}
    return {name: version for name in sorted(names) if (version := installed_version(name))}
