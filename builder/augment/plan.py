"""What a merge makes of its parts, before an episode is read: inputs, spaces and columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium as gym
import pyarrow as pa
import pyarrow.parquet as pq

from builder.augment.parts import Part
from builder.config import INTERFERENCES
from builder.dataset.column import Column
from builder.dataset.columns import TABLES, UNSAID, asked_for, null_for, tables_of
from builder.dataset.features import arrow_schema
from builder.dataset.schema import features
from builder.dataset.shards import shards
from builder.episodes.declared import Declared, declared, spaces_with, stated
from builder.episodes.recording import PIXELS
from builder.episodes.spaces import Spaces, describe
from builder.errors import ConfigError, DatasetError
from builder.experts.sources.table import described_source
from builder.loading.subsets import drawn
from builder.manifest.identity import growth_identity
from builder.manifest.manifest import Manifest, stated_license
from builder.manifest.scores import level_name
from builder.versions import DATA_FORMAT, OURS

SHORT = 12
"""Characters of a fingerprint that name a dataset."""
SOURCE, QUALITY = "source", "quality"
"""The columns that a merged dataset has beside those of its parts."""
NEXT, FINAL = "next_observation", "final_observation"
MOST_NOTES, NOTE = 100, 1000
"""What a manifest takes: how many notes, of how many characters."""
SPACES: dict[str, Callable[[Spaces], gym.Space[Any] | None]] = {
    "observation spaces": lambda spaces: spaces.observation,
    "action spaces": lambda spaces: spaces.action,
    "pictures": lambda spaces: spaces.shown,
}
"""What has to be the same in all parts that have it."""


@dataclass(frozen=True)
class Plan:
    """A merge that can be written.

    Attributes:
        parts: in their order.
        inputs: of the manifest.
        spaces: of all parts.
        seed: of the draws.
        notes: see `Manifest.notes`.
    """

    parts: tuple[Part, ...]
    inputs: dict[str, Any]
    spaces: Spaces
    seed: int
    notes: tuple[str, ...]

    @cached_property
    def columns(self) -> dict[str, tuple[Column, ...]]:
        """Of each table."""
        return tables_of(self.inputs, asked_for(self.inputs))

    @cached_property
    def schemas(self) -> dict[str, pa.Schema]:
        """Likewise, as Arrow has them."""
        return {name: arrow_schema(features(columns, self.spaces)) for name, columns in self.columns.items()}

    @cached_property
    def lacking(self) -> dict[str, frozenset[str]]:
        """By the name of a source the columns that are null for its episodes."""
        return null_for(self.inputs)

    @property
    def instances(self) -> str | None:
        """See `Manifest.instances`: the narrowest need of a part."""
        found = {part.manifest.instances for part in self.parts}
        return "single" if "single" in found else "fresh" if "fresh" in found else None


def plan_of(parts: Sequence[Part], seed: int = 0) -> Plan:
    """What is to be made of parts.

    Args:
        parts: at least one.
        seed: of the draws, where only some episodes of a part are taken.

    Raises:
        ConfigError: a part has fewer episodes than are wanted of it.
        DatasetError: their spaces or columns differ, or a file is missing or damaged.
    """
    _check_spaces(parts)
    sources = _sources(parts)
    columns = _columns(parts, sources)
    merged = {
        "parts": [_entry(part, seed) for part in parts],
        **({"seed": seed} if any(part.episodes is not None for part in parts) else {}),
        **columns,
        **_common(parts, columns["optional"]),
    }
    environment = _environment(parts)
    inputs = {
        "merged": merged,
        "packages": {**_packages(parts), OURS: DATA_FORMAT},
        **({"environment": environment} if environment else {}),
        **stated(_declared(parts)),
    }
    observation, action = parts[0].manifest.spaces
    spaces = spaces_with(inputs, observation, action)
    return Plan(tuple(parts), inputs, spaces, seed, tuple(_notes(parts))[:MOST_NOTES])


def name_of(manifest: Manifest) -> str:
    """What the column `source` calls a dataset: nothing of where it lies, and the same wherever that is."""
    return manifest.fingerprint[:SHORT]


def positions_of(part: Part, split: str, seed: int) -> list[int] | None:
    """Which episodes of a split are taken, by their places in it, in order; None: all.

    A number is of each split; of one that is smaller than another, all that it has.

    Raises:
        ConfigError: there are fewer.
        DatasetError: its files hold another number of episodes than its manifest says.
    """
    if part.episodes is None:
        return None
    _check_count(part, split)
    splits = {name: stated.episodes for name, stated in part.manifest.splits.items()}
    amount = part.episodes
    if type(amount) is int and splits[split] < max(splits.values()):
        amount = min(amount, splits[split])
    try:
        return [int(position) for position in drawn(splits[split], amount, seed)]
    except ConfigError as error:
        raise ConfigError(
            f"{part.name} has {splits[split]:,} episodes in its split {split!r}",
            expected=f"at most {splits[split]}",
            got=part.episodes,
        ) from error


def _check_count(part: Part, split: str) -> None:
    """Refuse a count that the files deny, before so many numbers are drawn.

    Raises:
        DatasetError: it is one, or a file is missing or damaged.
    """
    paths = shards(part.folder, part.manifest, "episodes", split, hashed=True)
    try:
        held = sum(pq.read_metadata(path).num_rows for path in paths)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{part.name} cannot be read: {error}", remedy="build or pull it again") from error
    if held != part.manifest.splits[split].episodes:
        raise DatasetError(
            f"{part.name} holds other episodes in its split {split!r} than its manifest says",
            expected=f"{part.manifest.splits[split].episodes:,}",
            got=f"{held:,}",
            remedy="build or pull it again",
        )


def _check_spaces(parts: Sequence[Part]) -> None:
    """Refuse parts of several spaces.

    Raises:
        DatasetError: there are such.
    """
    for name, of in SPACES.items():
        known = [(part, space) for part in parts if (space := of(part.manifest.spaces)) is not None]
        for part, space in known[1:]:
            first, expected = known[0]
            if describe(space) != describe(expected):
                raise DatasetError(
                    f"{first.name} and {part.name} cannot be merged: their {name} differ",
                    expected=expected,
                    got=space,
                    remedy="merge datasets of one environment and one set of wrappers",
                )


def _entry(part: Part, seed: int) -> dict[str, Any]:
    """A part as the manifest lists it; nothing of where it lies here."""
    taken = {name: positions_of(part, name, seed) for name in sorted(part.manifest.splits)}
    config = "config" in part.manifest.inputs
    return {
        "fingerprint": part.manifest.fingerprint,
        "episodes": {
            name: part.manifest.splits[name].episodes if found is None else len(found)
            for name, found in taken.items()
        },
        **({"taken": part.episodes} if part.episodes is not None else {}),
        **({"quality": part.quality} if part.quality is not None else {}),
        **({"repo_id": part.repo_id} if part.repo_id is not None else {}),
        **({"lineage": growth_identity(part.manifest.inputs)} if config else {}),
    }


def _sources(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The datasets that the episodes are of, each once: the parts, or those that a part was merged from.

    `has`, the columns that are there for their episodes, is for `_columns` to turn round.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        names = {name for table in TABLES for name in _names(part, table)}
        if merged := part.manifest.inputs.get("merged"):
            entries = [{**source, "has": names - {*source["lacks"]}} for source in merged["sources"]]
        else:
            entries = [{**_source(part.manifest), "has": names}]
        for entry in entries:
            known = found.setdefault(entry["name"], entry)
            known["has"] = known["has"] & entry["has"]
    return list(found.values())


def _names(part: Part, table: str) -> list[str]:
    split = min(part.manifest.splits)
    path = shards(part.folder, part.manifest, table, split, hashed=True)[0]
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{part.name} cannot be read: {error}", remedy="build or pull it again") from error


def _source(manifest: Manifest) -> dict[str, Any]:
    inputs = manifest.inputs
    said = {
        "policy": inputs.get("expert", {}).get("name") or inputs.get("imported", {}).get("policy"),
        "environment": inputs.get("environment", {}).get("id"),
        "format": inputs.get("imported", {}).get("format"),
        "quality": _quality(inputs),
        **_played(inputs),
    }
    known = {key: value for key, value in said.items() if value not in (None, "")}
    return {"name": name_of(manifest), "fingerprint": manifest.fingerprint, **known}


def _quality(inputs: Mapping[str, Any]) -> str | None:
    """What a part is called that has no label of its own; None: its manifest does not say.

    Only what follows from how it was played: that a policy is good, nothing here knows.
    """
    if not described_source(inputs.get("expert", {})).chooses:
        return "random"
    between = _played(inputs)
    words = [word for key, word in (("noise", "noised"), ("switch", "switched")) if key in between]
    return level_name(inputs) or ("-".join([*words, "expert"]) if words else None)


def _played(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """How the expert of a build chose, and what came between that and what was done."""
    rollout = inputs.get("config", {}).get("rollout", {})
    between = {key: rollout[key] for key in INTERFERENCES if rollout.get(key)}
    chosen = inputs.get("expert", {}).get("sha256") and "enjoy" not in inputs.get("own", {})
    return {**({"deterministic": rollout["deterministic"]} if chosen and rollout else {}), **between}


def _columns(parts: Sequence[Part], sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The optional columns, those that no part says, and of each source those that are null.

    `next_observation` is computed for the episodes of a part that has it not stored, and ends known.
    """
    has = [entry.pop("has") for entry in sources]
    somewhere = frozenset().union(*has)
    table = [column for columns in TABLES.values() for column in columns]
    labelled = any(part.quality is not None for part in parts) or any("quality" in entry for entry in sources)
    optional = {column.name for column in table if column.key and column.name in somewhere}
    optional |= {SOURCE, *([QUALITY] if labelled else [])}
    every = (somewhere | optional) - {SOURCE, QUALITY}
    for entry, held in zip(sources, has, strict=True):
        computed = {NEXT} if FINAL in held else set()
        entry["lacks"] = sorted(every - held - computed)
    unsaid = [name for name, columns in UNSAID.items() if not {*columns[:1]} & somewhere]
    return {"sources": list(sources), "optional": sorted(optional), "unsaid": sorted(unsaid)}


def _declared(parts: Iterable[Part]) -> list[Declared]:
    """The columns that any part declares.

    Raises:
        DatasetError: two parts mean something else by one name.
    """
    found: dict[str, tuple[Part, list[Declared]]] = {}
    for part in parts:
        own: dict[str, list[Declared]] = {}
        for column in declared(part.manifest.inputs):
            own.setdefault(column.name, []).append(column)
        for name, columns in own.items():
            first, known = found.setdefault(name, (part, columns))
            if list(map(_meant, known)) != list(map(_meant, columns)):
                raise DatasetError(
                    f"{first.name} and {part.name} cannot be merged: their columns {name} differ",
                    expected=[f"{column.kind} of {column.table}" for column in known],
                    got=[f"{column.kind} of {column.table}" for column in columns],
                    remedy="record it alike in both, or in one of them",
                )
            both = [
                dataclasses.replace(one, nullable=one.nullable or other.nullable)
                for one, other in zip(known, columns, strict=True)
            ]
            found[name] = first, both
    return [column for _, columns in found.values() for column in columns]


def _meant(column: Declared) -> dict[str, Any]:
    """What has to be the same of a column in all parts that have it."""
    return dataclasses.replace(column, nullable=False).to_json()


def _common(parts: Sequence[Part], optional: Sequence[str]) -> dict[str, Any]:
    """What is to be known of the whole, where it is one thing; of pictures, where there is their column."""
    inputs = [part.manifest.inputs for part in parts]
    licenses = {stated_license(one) for one in inputs}
    masks = {mask for one in inputs if (mask := _masks(one))}
    shown = [space.shape for part in parts if (space := part.manifest.spaces.shown) is not None]
    return {
        **({"license": next(iter(licenses))} if len(licenses) == 1 and None not in licenses else {}),
        **({"action_masks": next(iter(masks))} if len(masks) == 1 else {}),
        **(
            {"pixels": {"height": shown[0][0], "width": shown[0][1]}}
            if shown and shown[0] and PIXELS in optional
            else {}
        ),
    }


def _masks(inputs: Mapping[str, Any]) -> Any:
    return inputs.get("expert", {}).get("action_masks") or inputs.get("merged", {}).get("action_masks")


def _environment(parts: Sequence[Part]) -> dict[str, Any] | None:
    """The environment of all parts; None: they have several, or one says none."""
    found = [part.manifest.inputs.get("environment") for part in parts]
    plain = [{key: value for key, value in (one or {}).items() if key != "drawn_by"} for one in found]
    if not plain[0] or any(one != plain[0] for one in plain):
        return None
    drawn_by = {one["drawn_by"] for one in found if one and "drawn_by" in one}
    if len(drawn_by) > 1:
        return None
    return {**plain[0], **({"drawn_by": drawn_by.pop()} if drawn_by else {})}


def _packages(parts: Sequence[Part]) -> dict[str, str]:
    """The versions on which all agree that name a package."""
    versions: dict[str, set[str]] = {}
    for part in parts:
        for name, version in part.manifest.inputs.get("packages", {}).items():
            versions.setdefault(name, set()).add(version)
    return {name: next(iter(found)) for name, found in sorted(versions.items()) if len(found) == 1}


def _notes(parts: Sequence[Part]) -> Iterator[str]:
    """What the parts note, each with its name; and where they do not agree."""
    versions: dict[str, set[str]] = {}
    for part in parts:
        for name, version in part.manifest.inputs.get("packages", {}).items():
            if name != OURS:
                versions.setdefault(name, set()).add(version)
    if several := [f"{name} {' and '.join(sorted(v))}" for name, v in sorted(versions.items()) if len(v) > 1]:
        yield f"its parts were played with different versions: {', '.join(several)}"[:NOTE]
    licenses = {part.name: stated_license(part.manifest.inputs) for part in parts}
    if len({*licenses.values()}) > 1:
        stated = sorted({value for value in licenses.values() if value})
        without = " and none stated" if None in licenses.values() else ""
        yield f"its parts are under several licences: {', '.join(stated)}{without}"[:NOTE]
    for part in parts:
        merged = "merged" in part.manifest.inputs
        for note in part.manifest.notes:
            yield (note if merged else f"of {name_of(part.manifest)}: {note}")[:NOTE]
