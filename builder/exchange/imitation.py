"""imitation: the folder that its `serialize.save` writes, one row per trajectory; its older npz is read too.

Source: imitation 1.0.1, data/serialize.py, data/huggingface_utils.py and data/rollout.py. Its `terminal` is
the `done` of a VecEnv: set whether an episode was terminated or cut off. Which of the two, Stable-Baselines3
writes into the last `info` as `TimeLimit.truncated`; we do so too, with both flags beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from builder.environments.info import FAMILY, Kind
from builder.episodes.declared import TEXT, Declared
from builder.episodes.spaces import Array, Leaf, Spaces, leaves
from builder.episodes.unbounded import unbounded
from builder.errors import DatasetError
from builder.exchange import imitation_npz
from builder.exchange.arrays import fitted, single_leaves
from builder.exchange.contract import Format, Incoming, Loss, Options, Source, Trajectory, usual_losses
from builder.exchange.infos import ToldInJson, json_of_steps, key_of, said_in
from builder.exchange.ipc import streamed_batches
from builder.exchange.nested import from_lists, list_type, to_lists
from builder.exchange.note import Carried, carried, note_path
from builder.storage.limits import FILES, NOTE_BYTES, TEXT_BYTES
from builder.storage.plain_json import parse_json, read_json
from builder.storage.tree import inside

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = "data-00000-of-00001.arrow"
TRUNCATED = "TimeLimit.truncated"
FLAGS = (TRUNCATED, "terminated", "truncated")
"""What the last info of a trajectory says of its ending."""
JSON_KINDS = ("bool", "int64", "float64", TEXT)
"""Of columns, those that JSON gives back as they were."""


def losses(source: Source, _options: Options) -> Iterator[Loss]:
    """What a trajectory of imitation's does not say."""
    for name, leaf in zip(Spaces._fields, single_leaves(source.spaces, "imitation"), strict=True):
        if leaf.dtype not in (np.float64, np.int64):
            yield Loss(f"{name} dtype", f"{leaf.dtype} in the file; imitation's reader widens it, exactly")
    for column in filter(_holds, source.declared):
        if (kind := Kind.of(column).dtype) not in JSON_KINDS:
            yield Loss(f"{column.name} dtype", f"{kind}; JSON has numbers alone, which it holds exactly")
    yield from usual_losses(source, "policy", "seed", "split")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the folder.

    Raises:
        ConfigError: observations or actions are not one array each, or something that it needs is not known.
    """
    import pyarrow as pa

    source.needs("final_observation", "terminated", "truncated", format_name="imitation")
    observed, acted = single_leaves(source.spaces, "imitation")
    kinds = {
        "obs": list_type(observed.dtype, len(observed.shape) + 1),
        "acts": list_type(acted.dtype, len(acted.shape) + 1),
        "infos": pa.list_(pa.string()),
        "terminal": pa.bool_(),
        "rews": pa.list_(pa.float64()),
    }
    if "reward" in source.unsaid:
        del kinds["rews"]
    features = {name: _feature(kind) for name, kind in kinds.items()}
    described = json.dumps({"info": {"features": features}})
    schema = pa.schema(kinds.items(), metadata={"huggingface": described})
    told = [column for column in source.declared if _holds(column)]
    path.mkdir()
    with pa.OSFile(str(path / ROWS), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for trajectory in source.trajectories():
            row = _row(trajectory, told)
            stream.write_batch(pa.record_batch([row[name] for name in kinds], schema=schema))
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    _write_json(path / "dataset_info.json", info)
    _write_json(path / "state.json", _state(source))


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """A type as every release of `datasets` reads it: `Sequence`, which those before 4 know alone."""
    if hasattr(kind, "value_type"):
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


def _holds(column: Declared) -> bool:
    """Whether `infos` have a place for a column: what they say of the ending comes first."""
    said = column.table == "transitions" and column.name.startswith(f"{FAMILY}.")
    return said and key_of(column) not in FLAGS


def _row(trajectory: Trajectory, told: Sequence[Declared]) -> dict[str, pa.Array]:
    import pyarrow as pa

    infos = json_of_steps(told, trajectory)
    infos[-1] |= _ending_of(trajectory)

    (observations,) = trajectory.all_observations()
    row = {
        "obs": to_lists(observations[np.newaxis]),
        "acts": to_lists(trajectory.actions[0][np.newaxis]),
        "infos": pa.array([list(map(json.dumps, infos))]),
        "terminal": pa.array([bool(trajectory.terminated or trajectory.truncated)]),
    }
    if trajectory.rewards is not None:
        row["rews"] = to_lists(trajectory.rewards[np.newaxis])
    return row


def _ending_of(trajectory: Trajectory) -> dict[str, bool]:
    terminated, truncated = bool(trajectory.terminated), bool(trajectory.truncated)
    return {TRUNCATED: truncated and not terminated, "terminated": terminated, "truncated": truncated}


def _state(source: Source) -> dict[str, Any]:
    """What `load_from_disk` wants to know; the fingerprint is of what was exported, not of a moment."""
    chosen = json.dumps(
        [source.manifest.fingerprint, {name: list(one) for name, one in source.chosen.items()}]
    )
    return {
        "_data_files": [{"filename": ROWS}],
        "_fingerprint": hashlib.sha256(chosen.encode()).hexdigest()[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(path: Path, _options: Options) -> Incoming:
    """Open a folder of imitation's, or a file of its older npz form.

    Raises:
        DatasetError: it is neither, is damaged, or its columns do not fit together.
    """
    if not path.is_dir():
        return imitation_npz.read(path)
    files = _files(path)
    known = carried(note_path(path, folder=True))
    spaces, endings, rewarded, seen = _scan(files)
    columns = seen.columns()
    if known:
        spaces = known.spaces
    said = all(ending is not None for ending in endings)
    unsaid = {"reward": not rewarded, "terminated": not said, "truncated": not said, "seed": True}

    def trajectories() -> Iterator[Trajectory]:
        index = 0
        for file in files:
            for batch in streamed_batches(file):
                for row in range(batch.num_rows):
                    ending = endings[index] if said else None
                    found = _Row(batch, row, file)
                    trajectory = _trajectory(found, spaces, (index, ending), known)
                    yield dataclasses.replace(trajectory, extras=_said(found, columns, len(trajectory)))
                    index += 1

    return Incoming(
        spaces=spaces,
        trajectories=trajectories,
        files=(*files, path / "state.json"),
        unsaid=frozenset(name for name, absent in unsaid.items() if absent),
        ended=not said,
        environment=known.environment if known else None,
        policy=known.policy if known else "",
        license=known.license if known else None,
        exported_from=known.fingerprint if known else "",
        columns=columns,
        notes=() if known else tuple(seen.notes()),
    )


def _files(path: Path) -> list[Path]:
    """The files of rows that a folder names.

    Raises:
        DatasetError: it names none, or one that does not lie in it.
    """
    try:
        state = read_json(path / "state.json", NOTE_BYTES)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} is no folder of imitation's: {str(error)[:200]}",
            remedy="one split of it, where it holds several"
            if (path / "dataset_dict.json").exists()
            else None,
        ) from error
    named = state.get("_data_files") if isinstance(state, dict) else None
    listed = named if isinstance(named, list) else []
    names = [one["filename"] for one in listed if isinstance(one, dict) and type(one.get("filename")) is str]
    if not 0 < len(names) <= FILES or len(names) < len(listed):
        raise DatasetError(f"{path / 'state.json'} names no files")
    return [inside(path, name) for name in names]


class _Row:
    """One trajectory, as its file holds it."""

    def __init__(self, batch: pa.RecordBatch, row: int, file: Path) -> None:
        self._batch, self._row = batch, row
        self.where = f"{file}: row {row}"

    def __contains__(self, name: str) -> bool:
        return name in self._batch.schema.names

    def values(self, name: str) -> Array:
        """[n, ...] of a column of lists.

        Raises:
            DatasetError: there are none, or no numbers.
        """
        where = f"{self.where}: {name}"
        if name not in self:
            raise DatasetError(f"{where} is not there")
        found = from_lists(self._batch.column(name).slice(self._row, 1), where)
        if found.ndim < 2:
            raise DatasetError(where, expected="a list")
        steps: Array = found[0]
        return steps

    def ended(self) -> bool:
        """What `terminal` says.

        Raises:
            DatasetError: nothing.
        """
        said = self._batch.column("terminal")[self._row].as_py() if "terminal" in self else None
        if not isinstance(said, bool):
            raise DatasetError(f"{self.where}: terminal", expected="true or false")
        return said

    def last_info(self) -> Any:
        """The last step's info, where it is plain JSON; what jsonpickle put there stays a text."""
        infos = self._batch.column("infos")[self._row] if "infos" in self else None
        return _parsed(infos[-1].as_py()) if infos is not None and infos.is_valid and len(infos) else None

    def infos(self) -> list[dict[str, Any] | None]:
        """What each step said beyond how it ended; None where that is no plain JSON."""
        infos = self._batch.column("infos")[self._row] if "infos" in self else None
        texts = infos.as_py() if infos is not None and infos.is_valid else []
        parsed = [{} if text == "{}" else _parsed(text) for text in texts]
        return [
            {key: value for key, value in info.items() if key not in FLAGS}
            if isinstance(info, dict)
            else None
            for info in parsed
        ]


def _parsed(text: Any) -> Any:
    if not isinstance(text, str) or len(text) > TEXT_BYTES:
        return None
    try:
        return parse_json(text.encode("utf-8"), infinite=True)
    except ValueError:
        return None


def _said(row: _Row, columns: tuple[Declared, ...], steps: int) -> dict[str, Array]:
    """What the steps said, as the columns hold it; nothing where there is not one info for each."""
    infos = row.infos() if columns else []
    return said_in(infos if len(infos) == steps else [None] * steps, columns)


Ending = tuple[bool, bool]
"""Terminated, truncated."""


def _scan(files: list[Path]) -> tuple[Spaces, list[Ending | None], bool, ToldInJson]:
    """The spaces of the first trajectory, how each ended, whether there are rewards, and what infos say."""
    told = ToldInJson()
    spaces: Spaces | None = None
    endings: list[Ending | None] = []
    rewarded = True
    for file in files:
        for batch in streamed_batches(file):
            rewarded = rewarded and "rews" in batch.schema.names
            for number in range(batch.num_rows):
                row = _Row(batch, number, file)
                spaces = spaces or Spaces(_space(row.values("obs")), _space(row.values("acts")))
                endings.append(_ending(row))
                for info in row.infos():
                    told.add(info)
    if spaces is None:
        raise DatasetError(f"{files[0].parent} holds no trajectories")
    return spaces, endings, rewarded, told


def _space(values: Array) -> gym.Space[Any]:
    return unbounded(values.shape[1:], values.dtype)


def _ending(row: _Row) -> Ending | None:
    """How a trajectory ended, where it says so; one that is not `terminal` is a piece that did not end."""
    if not row.ended():
        return False, False
    info = row.last_info()
    if not isinstance(info, dict):
        return None
    flags = info.get("terminated"), info.get("truncated")
    if all(isinstance(flag, bool) for flag in flags):
        return bool(flags[0]), bool(flags[1])
    cut = info.get(TRUNCATED)
    return (not cut, cut) if isinstance(cut, bool) else None


def _trajectory(
    row: _Row, spaces: Spaces, numbered: tuple[int, Ending | None], known: Carried | None
) -> Trajectory:
    index, ending = numbered
    observed, acted = (_only(space) for space in spaces)
    observations = fitted(row.values("obs"), observed, f"{row.where}: obs")
    actions = fitted(row.values("acts"), acted, f"{row.where}: acts")
    rewards = row.values("rews").astype(np.float64) if "rews" in row else None
    if not len(actions) or len(observations) != len(actions) + 1:
        raise DatasetError(f"{row.where}: obs", expected=f"{len(actions) + 1} of them", got=len(observations))
    if rewards is not None and rewards.shape != (len(actions),):
        raise DatasetError(f"{row.where}: rews", expected=f"{len(actions)} of them", got=rewards.shape)
    return Trajectory(
        observations=(observations[:-1],),
        actions=(actions,),
        final=(observations[-1],),
        rewards=rewards,
        terminated=ending[0] if ending else None,
        truncated=ending[1] if ending else None,
        ended=None if ending else row.ended(),
        index=index,
        split=known.split_of(index) if known else "train",
    )


def _only(space: gym.Space[Any]) -> Leaf:
    """The leaf of a space that has one.

    Raises:
        DatasetError: it has several, as no trajectory of imitation's has.
    """
    found = leaves(space)
    if len(found) != 1:
        raise DatasetError("the note beside the data names spaces that imitation does not hold")
    return found[0]


FORMAT = Format(
    name="imitation",
    about="imitation's trajectories (a folder of `datasets`); its older npz is read too",
    suffix="",
    write=write,
    read=read,
    losses=losses,
    holds=_holds,
    labels=True,
    opened='from imitation.data import serialize; trajectories = serialize.load("{path}")',
)
