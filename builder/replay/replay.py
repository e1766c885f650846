"""Replay: every environment is stepped again with the recorded seed and actions, and every bit compared.

No expert is needed. Episodes are independent, so they are dealt out to workers in runs of neighbours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from builder.config import ParallelConfig
from builder.dataset.columns import TABLES, arrays_by_name, recorded
from builder.environments.atari_preprocessing import AtariPreprocessing
from builder.environments.behaviour import known, rehearse, settled
from builder.environments.drawing import OPENGL, drawn_by, with_pixels
from builder.environments.environment import EnvironmentSpec, make, resolve
from builder.environments.functional import are_functional
from builder.environments.masks import ASKED
from builder.environments.pool import FUNCTIONAL, EnvironmentPool, turn
from builder.environments.stepping import action_values
from builder.environments.wrappers import Layers, wrapper_specs
from builder.episodes.recording import EXTRAS, Recording
from builder.episodes.spaces import Spaces, describe
from builder.errors import DatasetError
from builder.manifest.environment import DAMAGED, arguments_of, check_trust, code_of_environment, filled
from builder.manifest.manifest import Manifest, read_manifest
from builder.parallel.auto import Trial, run_measured, undecided
from builder.parallel.backends import open_workers
from builder.parallel.cancellation import cancelled
from builder.parallel.workers import Result, Task, Workers
from builder.replay.again import play_again
from builder.replay.annotators import annotators_of
from builder.replay.difference import Difference, first_difference
from builder.replay.pictures import as_drawn_here
from builder.replay.recorded import RecordedEpisode, RecordedSplit
from builder.replay.together import play_together
from builder.values import restored

STEPS_PER_TASK = 20_000
"""What one task replays: long enough to be worth sending, short enough for workers to end together."""
PROBED = 4
"""So many episodes show whether an instance forgets its past."""
TOGETHER = 128
"""So many episodes are replayed side by side, where their lanes can be stepped together."""
WORTH_REUSE = 10 * PROBED
"""From so many episodes on it is worth finding out."""


@dataclass(frozen=True)
class Replayed:
    """What a replay has found.

    Attributes:
        episodes: how many were compared.
        steps: of them.
        difference: the first one in the order of the episodes; None: every bit is the same.
    """

    episodes: int
    steps: int
    difference: Difference | None = None


@dataclass(frozen=True)
class _Task:
    """Episodes of a split, by their positions in its table."""

    order: int
    folder: Path
    split: str
    positions: tuple[int, ...]
    environment: EnvironmentSpec


def choose(manifest: Manifest, sample: float, *, most_steps: float = np.inf) -> dict[str, list[int]]:
    """Evenly spaced episodes of every split, the first among them; the same ones each time.

    Args:
        manifest: of the dataset.
        sample: the share of the episodes, in (0, 1].
        most_steps: fewer episodes where they would have more steps than this, but one at least.
    """
    chosen = {}
    for name, split in sorted(manifest.splits.items()):
        count = -(-split.episodes * sample // 1)
        affordable = most_steps * split.episodes / max(split.rows, 1)
        count = int(max(1, min(count, affordable)))
        chosen[name] = [index * split.episodes // count for index in range(count)]
    return chosen


def recorded_environment(
    manifest: Manifest, *, trusted: bool = False, kwargs: Mapping[str, Any] | None = None
) -> EnvironmentSpec:
    """The environment that a manifest names.

    Args:
        manifest: whoever's.
        trusted: what it names may be imported, opened and run.
        kwargs: what it was made with, where the manifest holds no more than a reference.

    Raises:
        DatasetError: it takes trust, or the manifest does not describe an environment.
        ConfigError: there is no such environment here.
        MissingExtraError: it needs a package that is not installed.
    """
    try:
        described = manifest.inputs["environment"]
        arguments = filled(arguments_of(described), kwargs or {})
        wrappers = restored(described.get("wrappers", []))
        check_trust(code_of_environment(described["id"], arguments, wrappers), trusted=trusted)
        preprocessing = AtariPreprocessing.from_description(described.get("preprocessing"))
        spec = resolve(
            described["id"],
            arguments,
            max_episode_steps=described["max_episode_steps"],
            max_steps=None,
            layers=Layers(preprocessing, wrapper_specs(wrappers)),
        )
        inputs = manifest.inputs
        masks = (inputs.get("expert") or inputs.get("merged") or {}).get("action_masks")
        return dataclasses.replace(spec, masks=masks if masks in ASKED else "")
    except DAMAGED as error:
        raise DatasetError(f"the manifest does not describe an environment: {error!r:.200}") from error


def playable(
    manifest: Manifest,
    render_mode: str | None = None,
    *,
    trusted: bool = False,
    kwargs: Mapping[str, Any] | None = None,
) -> gym.Env[Any, Any]:
    """Make the environment that a manifest names, as whoever plays in it expects one: with its time limit.

    Args:
        manifest: whoever's.
        render_mode: as `gymnasium.make` takes it.
        trusted: as `recorded_environment` takes it.
        kwargs: likewise.

    Raises:
        DatasetError: nothing says which one it was, or it takes trust.
        ConfigError: there is no such environment here.
        MissingExtraError: it needs a package that is not installed.
        EnvironmentError_: it cannot be made.
    """
    if "environment" not in manifest.inputs:
        raise DatasetError(
            "nothing says in which environment this dataset was recorded",
            remedy="make it with gymnasium.make",
        )
    spec = recorded_environment(manifest, trusted=trusted, kwargs=kwargs)
    shown = {} if render_mode is None else {"render_mode": render_mode}
    environment = make(dataclasses.replace(spec, kwargs={**spec.kwargs, **shown}, masks=""))
    if spec.bare:  # the engine keeps order and time itself
        environment = gym.wrappers.OrderEnforcing(environment)
    if spec.bare and spec.max_episode_steps is not None:
        environment = gym.wrappers.TimeLimit(environment, spec.max_episode_steps)
    return environment


def drawn_again(spec: EnvironmentSpec, manifest: Manifest) -> EnvironmentSpec:
    """The environment, drawn with every state where the dataset holds pictures.

    Raises:
        EnvironmentError_: it cannot be drawn here.
    """
    space = manifest.spaces.shown
    return spec if space is None else with_pixels(spec, *(space.shape or ())[:2])


def replay(
    folder: Path,
    positions: Mapping[str, Sequence[int]],
    *,
    parallel: ParallelConfig,
    environment: EnvironmentSpec | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Step episodes of a dataset again and compare observations, rewards and flags bit for bit.

    Args:
        folder: the dataset folder.
        positions: per split, which of its episodes.
        parallel: on what workers.
        environment: what is stepped; None: what the manifest names, and not drawn. Where it gives pictures,
            they are compared too: bit for bit, those by OpenGL within what drivers differ by.
        report: called with the number of steps compared so far.

    Raises:
        DatasetError: a file is damaged.
        EnvironmentError_: the environment cannot be made.
    """
    manifest = read_manifest(folder)
    environment = environment or settle(recorded_environment(manifest), folder, manifest, positions)
    if found := _other_spaces(manifest, environment):
        return Replayed(0, 0, found)
    tasks = _tasks(folder, manifest, positions, environment)
    results: dict[int, Replayed] = {}
    with open_workers(parallel, shared=folder) as workers:
        for order, result in stepped(workers, environment, _replay_task, tasks):
            results[order] = result
            report(sum(part.steps for part in results.values()))
    first = next((results[i].difference for i in sorted(results) if results[i].difference), None)
    parts = results.values()
    return Replayed(sum(part.episodes for part in parts), sum(part.steps for part in parts), first)


def stepped(
    workers: Workers, environment: EnvironmentSpec, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[Result]:
    """Results of tasks that step an environment, by workers that may still be to be chosen."""
    if environment.single and (auto := undecided(workers)):
        auto.keep(f"{environment.id} must be alone in its process; parallel=loky uses all cores")
    return run_measured(workers, function, tasks, Trial(_make, environment))


def _make(environment: EnvironmentSpec) -> None:
    with turn(environment):
        make(environment).close()


def settle(
    spec: EnvironmentSpec, folder: Path, manifest: Manifest, positions: Mapping[str, Sequence[int]]
) -> EnvironmentSpec:
    """The environment with its instances used as the manifest says, reused where recorded episodes bear it.

    For a few episodes a fresh instance each costs less than finding out.
    """
    spec = dataclasses.replace(spec, single=manifest.instances == "single")
    if manifest.instances == "fresh" or sum(map(len, positions.values())) < WORTH_REUSE:
        return spec
    if not spec.single and (found := known(spec)):
        together = FUNCTIONAL if are_functional(spec) else ""
        return dataclasses.replace(spec, reusable=not found.remembers, vector=together)
    name = max(positions, key=lambda split: len(positions[split]))
    wanted, split = positions[name], RecordedSplit(folder, manifest, name)
    episodes = [split.episode(wanted[i * (len(wanted) - 1) // (PROBED - 1)]) for i in range(PROBED)]
    played = [
        rehearse(spec, int(recording.seeds[0]), action_values(split.spaces.action, recording.actions))
        for recording in (episode.rows.recording for episode in episodes)
    ]
    reusable = settled(spec, played, single=True)[0].reusable  # one at a time, as each worker replays them
    return dataclasses.replace(spec, reusable=reusable)


def _other_spaces(manifest: Manifest, spec: EnvironmentSpec) -> Difference | None:
    environment = make(spec)
    try:
        for name in ("observation_space", "action_space"):
            here, recorded = describe(getattr(environment, name)), getattr(manifest, name)
            if here != recorded:
                what = f"the {name.replace('_', ' ')} of {spec.id} is another one here"
                return Difference(what=what, expected=here, got=recorded)
    finally:
        environment.close()
    return None


def _tasks(
    folder: Path, manifest: Manifest, positions: Mapping[str, Sequence[int]], environment: EnvironmentSpec
) -> list[_Task]:
    tasks: list[_Task] = []
    for name, wanted in sorted(positions.items()):
        split = manifest.splits[name]
        size = max(1, STEPS_PER_TASK * split.episodes // max(split.rows, 1))
        for start in range(0, len(wanted), size):
            part = tuple(wanted[start : start + size])
            tasks.append(_Task(len(tasks), folder.absolute(), name, part, environment))
    return tasks


def _replay_task(task: _Task) -> tuple[int, Replayed]:
    """Replay a task's episodes up to the first difference."""
    split = RecordedSplit(task.folder, read_manifest(task.folder), task.split)
    pool = EnvironmentPool(task.environment)
    steps, size = 0, TOGETHER if task.environment.vector else 1
    with turn(task.environment), closing(pool):
        for start in range(0, len(task.positions), size):
            if cancelled():
                break
            episodes = [split.episode(position) for position in task.positions[start : start + size]]
            for done, (episode, difference) in enumerate(_each_repeated(pool, episodes), start + 1):
                steps += len(episode.rows.recording.rewards)
                if difference:
                    return task.order, Replayed(done, steps, difference)
    return task.order, Replayed(len(task.positions), steps)


def _each_repeated(
    pool: EnvironmentPool, episodes: Sequence[RecordedEpisode]
) -> Iterator[tuple[RecordedEpisode, Difference | None]]:
    """Step episodes again; what lanes that are stepped together give otherwise, one alone may not."""
    alike = _alike_together(pool, episodes) if pool.spec.vector else [False] * len(episodes)
    for episode, same in zip(episodes, alike, strict=True):
        yield episode, None if same else repeated(pool, episode)[1]


def _alike_together(pool: EnvironmentPool, episodes: Sequence[RecordedEpisode]) -> list[bool]:
    """Whether lanes that are stepped together give just what each of the episodes holds."""
    lanes = pool.lanes(len(episodes))
    spaces = Spaces(lanes.observation_space, lanes.action_space)
    try:
        recordings = [episode.rows.recording for episode in episodes]
        played = play_together(lanes, recordings, pool.spec.max_episode_steps)
    except (Exception, SystemExit):  # noqa: BLE001  (one alone will say better what it is)
        return [False] * len(episodes)
    return [
        not annotators_of(episode.declared, spaces) and _differing(one, one, episode, spaces) is None
        for one, episode in zip(played, episodes, strict=True)
    ]


def repeated(pool: EnvironmentPool, episode: RecordedEpisode) -> tuple[Recording | None, Difference | None]:
    """Step an episode again: what the environment gives, and the first difference.

    One that only a used instance shows is none of the dataset's.
    """
    for _ in range(2 if pool.spec.reusable else 1):
        environment = pool.take()
        played, difference = _compared(environment, episode, pool.spec.max_episode_steps)
        if not difference:
            pool.give_back(environment)
            return played, None
        environment.close()
        pool.close()
    return played, difference


def compare(
    environment: gym.Env[Any, Any], episode: RecordedEpisode, *, limit: int | None
) -> Difference | None:
    """Step one environment through one episode.

    Args:
        environment: fresh, or known to forget its past on `reset`.
        episode: what the dataset holds.
        limit: the engine truncates at this many steps.

    Returns:
        The first difference in a column that is `replayed`; the observation after a step counts as
        `next_observation` of that step, whether or not the dataset has such a column.
    """
    return _compared(environment, episode, limit)[1]


def _compared(
    environment: gym.Env[Any, Any], episode: RecordedEpisode, limit: int | None
) -> tuple[Recording | None, Difference | None]:
    spaces = Spaces(environment.observation_space, environment.action_space)
    annotators = annotators_of(episode.declared, spaces)
    try:
        played = play_again(environment, episode.rows.recording, limit, annotators)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it raises, these actions are not what was played)
        what = f"the environment raised {type(error).__name__}: {error}"
        return None, Difference(what=what, file=episode.file, episode=episode.index)
    alike = as_drawn_here(played, episode.rows.recording) if drawn_by(environment) == OPENGL else played
    return played, _differing(played, alike, episode, spaces)


def _differing(
    played: Recording, alike: Recording, episode: RecordedEpisode, spaces: Spaces
) -> Difference | None:
    """The first difference between what was played and what an episode holds.

    Args:
        played: what the environment gave.
        alike: the same, with pictures as they may be drawn here.
        episode: what the dataset holds.
        spaces: of the environment.
    """
    there = {*recorded(played)} & {*recorded(episode.rows.recording)}
    both = (dataclasses.replace(episode.rows, recording=alike), episode.rows)
    for name, table in {**TABLES, **episode.tables}.items():
        columns = [column for column in table if column.replayed]
        columns = [column for column in columns if column.holds not in EXTRAS or column.name in there]
        expected, got = (arrays_by_name(columns, rows, spaces) for rows in both)
        if found := first_difference(expected, got, file=episode.file, episode=episode.index):
            step = len(played.rewards) if name == "episodes" else found.step
            return dataclasses.replace(found, step=step)
    return None
