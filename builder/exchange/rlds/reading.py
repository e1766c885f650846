"""A folder of TensorFlow Datasets whose records are episodes, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes.spaces import Array, Spaces, leaves
from builder.errors import DatasetError
from builder.exchange.arrays import all_fitted
from builder.exchange.contract import Incoming, Options, Trajectory
from builder.exchange.note import NOTE, Carried, carried
from builder.exchange.rlds.examples import Record
from builder.exchange.rlds.features import STEPS, Part, flat, key_of, space_of, steps_and_episode
from builder.exchange.rlds.files import FEATURES, INFO, Shard, described, is_test, records, shards
from builder.storage.limits import TEXT_BYTES

LAST = "the last step of each episode has only its observation: RLDS calls its action and reward invalid"
JPEG = "images may have been kept as JPEG: they are near to what was observed, and not the same"
NAMES = ("reward", "is_last", "is_terminal")


@dataclass(frozen=True)
class _Opened:
    """A folder whose metadata have been read.

    Attributes:
        files: of records.
        steps: the arrays of a step, by their names.
        episode: those of an episode.
        spaces: of observation and action.
        known: our own note beside it; None: there is none.
    """

    files: list[Shard]
    steps: Mapping[str, Part]
    episode: Mapping[str, Part]
    spaces: Spaces
    known: Carried | None

    def keys(self, name: str) -> list[str]:
        """Of the observation or action, leaf by leaf."""
        return [key_of(name, leaf) for leaf in leaves(getattr(self.spaces, name))]


def read(path: Path, _options: Options) -> Incoming:
    """Open a folder, the one with `dataset_info.json` in it.

    Raises:
        DatasetError: it is none, is damaged, or its records are no episodes.
    """
    import array_record  # noqa: F401 -- both readers are of the extra, and are asked for before anything is read
    import tensorflow_datasets  # noqa: F401

    info = described(path / INFO)
    step, episode = steps_and_episode(described(path / FEATURES), str(path / FEATURES))
    found = dict(flat(step))
    arrays = {name: part for name, part in found.items() if part and part.encoding != "text"}
    known = carried(path / NOTE)
    spaces = known.spaces if known else Spaces(*(space_of(arrays, name) for name in Spaces._fields))
    of_episode = {name: part for name, part in flat(episode) if part}
    opened = _Opened(shards(path, info), arrays, of_episode, spaces, known)
    if absent := {*opened.keys("observation"), *opened.keys("action")} - arrays.keys():
        raise DatasetError(f"{path / FEATURES} has no {min(absent)}", expected="what the note beside it says")
    if "action" in {name.partition("/")[0] for name in found.keys() - arrays.keys()}:
        raise DatasetError(f"{path / FEATURES}: its actions are not arrays of a fixed shape")

    def trajectories() -> Iterator[Trajectory]:
        index = 0
        for shard in opened.files:
            for content in records(shard):
                where = f"{shard.path}: episode {index}"
                yield _trajectory(Record(content, where), index, shard.split, opened, where)
                index += 1

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=(*(shard.path for shard in opened.files), path / INFO, path / FEATURES),
        unsaid=frozenset(_unsaid(opened)),
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else _license(info),
        about="" if known else _text(info.get("description")),
        exported_from=known.fingerprint if known else "",
        notes=tuple(_notes(found, opened)),
    )


def _unsaid(opened: _Opened) -> Iterator[str]:
    if "reward" not in opened.steps:
        yield "reward"
    if "is_terminal" not in opened.steps:
        yield "terminated"
    if not {"is_last", "is_terminal"} <= opened.steps.keys():
        yield "truncated"
    if "is_last" not in opened.steps:
        yield "final_observation"
    if not (opened.known and "seed" in opened.episode):
        yield "seed"


def _notes(found: Mapping[str, Part | None], opened: _Opened) -> Iterator[str]:
    if not opened.known and "is_last" in opened.steps:
        yield LAST
    used = [*opened.keys("observation"), *opened.keys("action")]
    if any(opened.steps[key].jpeg for key in used):
        yield JPEG
    if rest := [name for name in found if name.startswith("observation/") and name not in used]:
        yield f"left out of the observation, for having no numbers of a fixed shape: {', '.join(rest)[:200]}"


def _text(value: Any) -> str:
    return value[:TEXT_BYTES] if isinstance(value, str) else ""


def _license(info: Mapping[str, Any]) -> str | None:
    said = info.get("redistributionInfo")
    return _text(said.get("license")) or None if isinstance(said, dict) else None


def _trajectory(record: Record, index: int, split: str, opened: _Opened, where: str) -> Trajectory:
    """One episode.

    Raises:
        DatasetError: its arrays differ in length, or do not fit.
    """
    names = {name: opened.keys(name) for name in Spaces._fields}
    wanted = [*names["observation"], *names["action"], *(name for name in NAMES if name in opened.steps)]
    values = {name: record.array(f"{STEPS}/{name}", opened.steps[name]) for name in wanted}
    lengths = {len(one) for one in values.values()}
    whole = "is_last" not in values
    steps = max(lengths) - (not whole)
    if len(lengths) > 1 or steps < 1:
        raise DatasetError(
            f"{where}: its arrays differ in length, or there is no action", got=sorted(lengths)
        )
    if any(values[name][:-1].any() for name in NAMES[1:] if name in values):
        raise DatasetError(f"{where} goes on after it has ended")
    observed = all_fitted(
        [values[name] for name in names["observation"]], leaves(opened.spaces.observation), where
    )
    acted = [values[name][:steps] for name in names["action"]]
    ended = bool(values["is_terminal"][-1]) if "is_terminal" in values else None
    return Trajectory(
        observations=tuple(leaf[:steps] for leaf in observed),
        actions=all_fitted(acted, leaves(opened.spaces.action), where),
        final=None if whole else tuple(leaf[-1] for leaf in observed),
        rewards=_rewards(values["reward"], steps, where) if "reward" in values else None,
        terminated=ended,
        truncated=None if whole or ended is None else not ended,
        seed=_number(record, opened, "seed"),
        index=_number(record, opened, "index") or index,
        policy=record.text("policy") if opened.known else "",
        split="test" if is_test(split) else "train",
    )


def _rewards(values: Array, steps: int, where: str) -> Array:
    if values.size != len(values):
        raise DatasetError(f"{where} has more than one reward a step")
    return values[:steps].reshape(steps).astype(np.float64)


def _number(record: Record, opened: _Opened, name: str) -> int | None:
    """A number of an episode that our own exports have."""
    part = opened.episode.get(name)
    if not opened.known or part is None or part.dtype.kind not in "iu":
        return None
    found = record.array(name, part).reshape(-1)
    return int(found[0]) if len(found) == 1 else None
