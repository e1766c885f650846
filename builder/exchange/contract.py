"""What a format is: one file of its own, one entry in the table of formats, both directions.

`write` gets the episodes of a dataset one after the other, `read` gives them so; neither holds more than one
episode or one shard. What a side cannot say is None, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from builder.dataset.columns import ENDED, asked_for, column_of, every_table, unsaid, unsaid_names
from builder.episodes.declared import EXPERT_ACTION, Declared
from builder.episodes.spaces import Array, Spaces
from builder.errors import ConfigError, suggest
from builder.exchange.publication import Publication
from builder.manifest.manifest import Manifest
from builder.manifest.reference import kept_reference
from builder.manifest.scores import ReferenceScores
from builder.replay import RecordedSplit

REF_MIN, REF_MAX = "ref_min_score", "ref_max_score"
"""Reference scores: the mean return of random actions, and of an expert."""
ACTION = "action"
"""The column of what was done; and the option of all formats that says which one stands in its place."""
Options = Mapping[str, Any]
"""What a user chose of a format, beside its name and its path; every option of the format is there."""

LABELS = ("source", "quality")
"""What a merged dataset says of where an episode is from."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One episode of T steps on its way from one format to another.

    Attributes:
        observations: per leaf of the observation space, in the order of `leaves`, [T, ...]: what each action
            was chosen on.
        actions: per leaf of the action space, [T, ...].
        final: per leaf of the observation space, [...]: what the last action led to; None: not known.
        rewards: float64 [T]; None: not known.
        terminated: whether the environment ended it with its last step; None: not known.
        truncated: whether a limit cut it off after its last step; None: not known.
        ended: that it ended with its last step, of a source that does not say how; None: see the other two.
        seed: what `reset` was given; None: not known.
        index: which attempt it was; in an import, its number in the source.
        policy: who played; "": not known.
        split: train or test.
        extras: what else was recorded of each step, [T, ...], by the names of its column's arrays.
        attempt_extras: likewise of the whole episode, [...].
    """

    observations: tuple[Array, ...]
    actions: tuple[Array, ...]
    final: tuple[Array, ...] | None
    rewards: Array | None
    terminated: bool | None
    truncated: bool | None
    ended: bool | None = None
    seed: int | None = None
    index: int = 0
    policy: str = ""
    split: str = "train"
    extras: Mapping[str, Array] = field(default_factory=dict)
    attempt_extras: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of steps, T."""
        return len(self.actions[0])

    def all_observations(self) -> tuple[Array, ...]:
        """Per leaf [T + 1, ...], the final one included.

        Raises:
            DatasetError: it is not known; a format that needs it asks `Source.needs` first.
        """
        assert self.final is not None, "Source.needs('final_observation') comes first"
        pairs = zip(self.observations, self.final, strict=True)
        return tuple(np.concatenate([observed, last[np.newaxis]]) for observed, last in pairs)

    def flags(self) -> tuple[Array, Array]:
        """Bool [T] each: terminated and truncated, step by step."""
        terminations, truncations = np.zeros(len(self), bool), np.zeros(len(self), bool)
        terminations[-1], truncations[-1] = bool(self.terminated), bool(self.truncated)
        return terminations, truncations


@dataclass(frozen=True)
class Source:
    """What is exported: episodes of a dataset folder.

    Attributes:
        folder: the dataset folder.
        manifest: of the folder.
        chosen: per split, the positions of the episodes in it, in their order; train comes first.
        acted: the column that stands where a format has the action: `ACTION` or `EXPERT_ACTION`.
    """

    folder: Path
    manifest: Manifest
    chosen: Mapping[str, Sequence[int]]
    acted: str = ACTION

    @property
    def spaces(self) -> Spaces:
        """What was observed, and what was done."""
        return self.manifest.spaces

    @property
    def environment(self) -> Mapping[str, Any] | None:
        """The environment as the manifest describes it: id, kwargs, max_episode_steps; None: not known."""
        found: Mapping[str, Any] | None = self.manifest.inputs.get("environment")
        return found

    @property
    def name(self) -> str:
        """What the dataset is called: its expert's name, else its folder's."""
        return str(self.manifest.inputs.get("expert", {}).get("name") or self.folder.name)

    @property
    def reference(self) -> dict[str, float]:
        """`ref_min_score` and `ref_max_score`, as D4RL and Minari call reference scores; empty: not known."""
        scores = kept_reference(self.manifest)
        return {REF_MIN: scores.random, REF_MAX: scores.expert} if scores else {}

    @property
    def unsaid(self) -> frozenset[str]:
        """The columns, of those in `dataset.columns.UNSAID`, that this dataset does not have."""
        return unsaid_names(self.manifest.inputs)

    @property
    def extras(self) -> tuple[str, ...]:
        """What else was recorded of each step, by the name of its column: `Trajectory.extras` has it."""
        columns = every_table(self.manifest.inputs)["transitions"]
        held = {column.name for column in columns if column.holds == "extras"} - {ENDED, self.acted}
        lacking = unsaid(self.manifest.inputs)
        return tuple(name for name in asked_for(self.manifest.inputs) if name in held - lacking)

    @property
    def nowhere(self) -> tuple[tuple[str, str], ...]:
        """Columns of a merged dataset for which no format has a place, and why."""
        inputs, asked = self.manifest.inputs, asked_for(self.manifest.inputs)
        lacking = unsaid(inputs) & {*asked}
        labels = ((name, "nothing says where an episode is from") for name in LABELS if name in asked)
        return (*labels, *((name, "some of its episodes do not have it") for name in sorted(lacking)))

    @property
    def declared(self) -> tuple[Declared, ...]:
        """The columns that the dataset declares and has of every episode, of both tables."""
        lacking = unsaid(self.manifest.inputs)
        return tuple(column for column in self.spaces.declared if column.name not in lacking)

    @property
    def episodes(self) -> int:
        """How many are exported."""
        return sum(map(len, self.chosen.values()))

    def needs(self, *columns: str, format_name: str) -> None:
        """Refuse a dataset without columns that a format cannot do without.

        Raises:
            ConfigError: it does not have them.
        """
        if missing := sorted({*columns} & self.unsaid):
            raise ConfigError(
                f"{format_name} needs {', '.join(missing)}, which this dataset does not have",
                remedy="its own source did not say; choose another format",
            )

    def trajectories(self, split: str | None = None) -> Iterator[Trajectory]:
        """The episodes one by one, those of train first; of one split alone where it is named.

        Raises:
            DatasetError: a file is damaged.
        """
        for name, positions in self.chosen.items():
            if split in (None, name):
                recorded = RecordedSplit(self.folder, self.manifest, name)
                for position in positions:
                    yield self._trajectory(recorded, position)

    def _trajectory(self, recorded: RecordedSplit, position: int) -> Trajectory:
        rows, unsaid = recorded.episode(position).rows, self.unsaid
        recording = rows.recording
        ended = recording.extras.get(ENDED)
        labels = [array for name, array in recording.extras.items() if column_of(name) == self.acted]
        return Trajectory(
            observations=recording.observations,
            actions=tuple(labels) or recording.actions,
            final=None if "final_observation" in unsaid else tuple(leaf[0] for leaf in recording.finals),
            rewards=None if "reward" in unsaid else recording.rewards,
            terminated=None if "terminated" in unsaid else bool(recording.terminated[0]),
            truncated=None if "truncated" in unsaid else bool(recording.truncated[0]),
            ended=None if ended is None else bool(ended[-1]),
            seed=None if "seed" in unsaid else int(recording.seeds[0]),
            index=int(recording.attempts[0]),
            policy=str(rows.policies[0]),
            split=recorded.split,
            extras={
                name: array for name, array in recording.extras.items() if column_of(name) in self.extras
            },
            attempt_extras={name: array[0] for name, array in recording.attempt_extras.items()},
        )


@dataclass(frozen=True)
class Loss:
    """Something of a dataset that a format does not hold.

    Attributes:
        what: a column, a dtype, the split ...
        why: one clause: what the format has in its place.
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True)
class Incoming:
    """What a reader found, before any episode was read.

    Attributes:
        spaces: what was observed, and what was done: the source's own, or unbounded ones.
        trajectories: gives the episodes from the first, each time that it is called.
        files: what was read, for the record of their sha256.
        unsaid: the columns, of those in `dataset.columns.UNSAID`, that the source does not say.
        ended: the source says that an episode ended, and not how.
        environment: id, kwargs and max_episode_steps, where the source names them.
        policy: who played, as the source names it.
        authors: whom the source names.
        license: what the source states.
        about: one line of its own on what it is.
        exported_from: the fingerprint of the dataset of ours that it was exported from.
        extras: the optional columns that its trajectories hold something for.
        columns: those beyond them, which the dataset then declares.
        notes: what else a reader of the dataset should know, a clause each.
        reference: the reference scores of its environment, as the source has them.
    """

    spaces: Spaces
    trajectories: Callable[[], Iterator[Trajectory]]
    files: tuple[Path, ...]
    unsaid: frozenset[str] = frozenset()
    ended: bool = False
    environment: Mapping[str, Any] | None = None
    policy: str = ""
    authors: tuple[str, ...] = ()
    license: str | None = None
    about: str = ""
    exported_from: str = ""
    extras: tuple[str, ...] = ()
    columns: tuple[Declared, ...] = ()
    notes: tuple[str, ...] = ()
    reference: ReferenceScores | None = None


def no_losses(_source: Source, _options: Options) -> Iterable[Loss]:
    """Of a format that holds all that a dataset has."""
    return ()


def no_place(_column: Declared) -> bool:
    """Of a format that has no place for columns that a dataset declares."""
    return False


def usual_losses(source: Source, *what: str) -> Iterator[Loss]:
    """Those of `what` that a dataset has: policy, seed, split."""
    has = {"policy": True, "seed": "seed" not in source.unsaid, "split": len(source.chosen) > 1}
    why = {
        "policy": f"nothing says that {source.name} played",
        "seed": "what `reset` was given is not in it",
        "split": "the episodes of test follow those of train, and only the note tells them apart",
    }
    for name in what:
        if has[name]:
            yield Loss(name, why[name])


def nothing_more(_given: Path, _target: Path) -> None:
    """Of a format all of whose files lie in its target."""


def as_given(path: Path, _source: Source, _options: Options) -> Path:
    """Of a format whose files lie where the user says."""
    return path


Write = Callable[[Source, Path, Options], None]
"""Writes the episodes of a source to a path."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what `to=` and `from=` call it.
        about: who reads it, in one line.
        suffix: of its file, with the dot; "": it is a folder.
        write: writes the episodes to a path that does not exist yet: a file, or a folder that it makes; None:
            it is read only.
        read: opens what is at a path: what `to.path=` of this format was given, or its own library wrote.
        losses: what it does not hold of a dataset.
        opened: one line of Python that opens what was written, imports included, with {path} in it; or what
            gives the line for a path, where it depends on the options.
        options: of `write`, with their defaults.
        import_options: of `read`, likewise.
        holds: whether it has a place for a column that a dataset declares.
        labels: whether it is for imitation, where the expert's labels are the actions of a dataset that has
            some; else they are what was done. `to.action=` says otherwise.
        target: the file or folder that a given path means for a dataset; Minari's has the name in it.
        settle: what it takes around the target once that stands, given the path that was given; doing it
            again changes nothing.
        extra: what of `il-builder[...]` has to be installed; "": nothing.
        published: how it lies in a repository on the Hub of a given name; None: nobody reads it there.
    """

    name: str
    about: str
    suffix: str
    write: Write | None
    read: Callable[[Path, Options], Incoming]
    losses: Callable[[Source, Options], Iterable[Loss]] = no_losses
    opened: str | Callable[[Path], str] = ""
    options: Options = field(default_factory=dict)
    import_options: Options = field(default_factory=dict)
    holds: Callable[[Declared], bool] = no_place
    labels: bool = False
    target: Callable[[Path, Source, Options], Path] = as_given
    settle: Callable[[Path, Path], None] = nothing_more
    extra: str = ""
    published: Callable[[Source, Options, str], Publication] | None = None

    def opening(self, path: Path) -> str:
        """The line of Python that opens what was written to a path."""
        return self.opened.format(path=path) if isinstance(self.opened, str) else self.opened(path)

    def all_losses(self, source: Source, options: Options) -> tuple[Loss, ...]:
        """What it does not hold of a dataset, extras and declared columns among it."""
        held = {(column.name, column.table) for column in source.declared if self.holds(column)}
        names = [name for name in source.extras if (name, "transitions") not in held]
        names += [
            f"{column.name} of episodes"
            for column in source.declared
            if column.table == "episodes" and (column.name, "episodes") not in held
        ]
        return (
            *self._swapped(source),
            *self.losses(source, options),
            *(Loss(name, self._why(name)) for name in names if name != source.acted),
            *(Loss(name, why) for name, why in source.nowhere if name != source.acted),
        )

    def _swapped(self, source: Source) -> Iterator[Loss]:
        """Of what was done, where the labels stand in its place."""
        if source.acted == ACTION:
            return
        some = source.acted in unsaid(source.manifest.inputs)
        where = " for the episodes that have it" if some else ""
        rewarded = (
            ""
            if self.labels
            else "; rewards and next observations are of what was done, not of these actions"
        )
        why = f"{source.acted} stands in its place{where}{rewarded}; to.action=action has what was done"
        yield Loss(ACTION, why)

    def _why(self, name: str) -> str:
        """Why an optional column is not in it."""
        if name == EXPERT_ACTION:
            instead = f"to.action={EXPERT_ACTION} gives the labels in its place"
            return f"{self.name} keeps one action a step; {instead}"
        return f"{self.name} has no place for it"

    def acted(self, manifest: Manifest, given: str | None) -> str:
        """The column that stands where the format has the action.

        In a merged dataset only some episodes may have labels: of the others it is what was done.

        Args:
            manifest: of the dataset.
            given: what `to.action=` says; None: what the format is for decides.

        Raises:
            ConfigError: the dataset has no such labels, or not of all of its episodes.
        """
        inputs = manifest.inputs
        labelled = EXPERT_ACTION in asked_for(inputs)
        whole = labelled and EXPERT_ACTION not in unsaid(inputs)
        known = (ACTION, EXPERT_ACTION) if whole or given is None else (ACTION,)
        wanted = given or (EXPERT_ACTION if labelled and self.labels else ACTION)
        if wanted not in known:
            raise ConfigError("to.action is unknown", expected=" or ".join(known), got=repr(given)[:80])
        return wanted

    def with_defaults(self, given: Options, known: Options) -> dict[str, Any]:
        """The options that were given, with the defaults of the others.

        Raises:
            ConfigError: there is no such option, or its value is of another type.
        """
        for key, value in given.items():
            if key not in known:
                raise ConfigError(f"{self.name} has no option {key!r}", remedy=suggest(key, known))
            default = known[key]
            if default is not None and value is not None and not _alike(value, default):
                expected = type(default).__name__
                raise ConfigError(f"the option {key} of {self.name}", expected=expected, got=repr(value))
        return {**known, **given}


def _alike(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)
