"""Recorded attempts, as flat arrays, and the file they are kept in.

The file is a `safetensors` file: no pickle, one JSON header, readable by anyone. It is written under a
temporary name, then put in its place, and carries the sha256 of all that it holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from builder.errors import DatasetError, storage_error
from builder.spaces import Array
from builder.storage import AnyPath, reading, writing

FORMAT = 1
SUFFIX = ".safetensors"
PER_STEP = ("observations", "actions", "rewards")
"""The columns of a recording that have a row per step; the others have one per attempt."""


@dataclass(frozen=True)
class Recording:
    """Attempts [A] and their steps [R], in attempt order and, within an attempt, in step order.

    Attributes:
        attempts: int64 [A], the attempts' indices, increasing.
        seeds: int64 [A], what `env.reset` was given.
        lengths: int64 [A], steps of each attempt; they add up to R.
        returns: float64 [A], rewards summed in order.
        terminated: bool [A], of the last step.
        truncated: bool [A], of the last step.
        observations: per leaf of the observation space, [R, ...]: what each action was chosen on.
        actions: per leaf of the action space, [R, ...].
        rewards: float64 [R].
        finals: per leaf of the observation space, [A, ...]: the observation after the last step.
    """

    attempts: Array
    seeds: Array
    lengths: Array
    returns: Array
    terminated: Array
    truncated: Array
    observations: tuple[Array, ...]
    actions: tuple[Array, ...]
    rewards: Array
    finals: tuple[Array, ...]

    def __post_init__(self) -> None:
        rows, count = len(self.rewards), len(self.attempts)
        per_attempt = (self.seeds, self.lengths, self.returns, self.terminated, self.truncated, *self.finals)
        per_step = (*self.observations, *self.actions)
        if any(len(array) != count for array in per_attempt) or any(len(array) != rows for array in per_step):
            raise DatasetError("the arrays of a recording differ in length")
        if int(self.lengths.sum()) != rows or (count and int(self.lengths.min()) < 1):
            raise DatasetError("the lengths of a recording do not add up to its steps", expected=rows)

    @property
    def starts(self) -> Array:
        """int64 [A]: the first row of each attempt."""
        return np.cumsum(self.lengths) - self.lengths

    def select(self, keep: Array) -> Recording:
        """The attempts where `keep` (bool [A]) is true."""
        if keep.all():
            return self
        rows = np.repeat(keep, self.lengths)
        chosen: dict[str, Any] = {}
        for field in fields(self):
            mask = rows if field.name in PER_STEP else keep
            value = getattr(self, field.name)
            chosen[field.name] = (
                tuple(array[mask] for array in value) if isinstance(value, tuple) else value[mask]
            )
        return Recording(**chosen)


def pieces(recording: Recording, rows: int) -> Iterator[Recording]:
    """The recording in parts of whole attempts, of at most so many steps unless one attempt has more."""
    ends = np.cumsum(recording.lengths)
    first = 0
    while first < len(ends):
        begin = int(ends[first] - recording.lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + rows, side="right")))
        yield _part(recording, slice(first, last), slice(begin, int(ends[last - 1])))
        first = last


def _part(recording: Recording, attempts: slice, steps: slice) -> Recording:
    """Some consecutive attempts; views, not copies."""
    chosen: dict[str, Any] = {}
    for field in fields(recording):
        part = steps if field.name in PER_STEP else attempts
        value = getattr(recording, field.name)
        chosen[field.name] = (
            tuple(array[part] for array in value) if isinstance(value, tuple) else value[part]
        )
    return Recording(**chosen)


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of neighbouring attempts as one."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {}
    for field in fields(Recording):
        values = [getattr(part, field.name) for part in parts]
        columns[field.name] = (
            tuple(np.concatenate(leaf) for leaf in zip(*values, strict=True))
            if isinstance(values[0], tuple)
            else np.concatenate(values)
        )
    return Recording(**columns)


def episode_returns(rewards: Array, lengths: Array) -> Array:
    """float64 [A]: each attempt's rewards summed one by one, in order (never pairwise)."""
    ends = np.cumsum(lengths)
    return np.array(
        [np.cumsum(rewards[end - length : end])[-1] for end, length in zip(ends, lengths, strict=True)],
        np.float64,
    )


@dataclass(frozen=True)
class Header:
    """What a recorded file says of itself.

    Attributes:
        identity: the chunk identity of the build that played it; empty for a file of the user's own.
        start: first attempt of the range that it covers.
        stop: one past the last.
        policy: the expert's name.
        observation_names: of the leaves, dotted, where their order may not be that of the space; else empty.
        action_names: likewise.
        sha256: of the arrays and of all the above.
    """

    identity: str
    start: int
    stop: int
    policy: str
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    sha256: str = ""


def save(recording: Recording, path: AnyPath, header: Header) -> None:
    """Write a recording, whole or not at all.

    Raises:
        DatasetError: an array does not hold numbers.
        StorageError: the disk is full or not writable.
    """
    from safetensors.numpy import save_file

    tensors = {name: _storable(name, array) for name, array in _columns(recording)}
    content = {"format": FORMAT, **asdict(replace(header, sha256=_digest(header, tensors)))}
    try:
        with writing(path) as file:
            save_file(tensors, file, metadata={"recording": json.dumps(content, sort_keys=True)})
    except Exception as error:
        raise storage_error(error, path) from error


def _columns(recording: Recording) -> Iterator[tuple[str, Array]]:
    for field in fields(recording):
        value = getattr(recording, field.name)
        if isinstance(value, tuple):
            yield from ((f"{field.name}.{i}", array) for i, array in enumerate(value))
        else:
            yield field.name, value


def _storable(name: str, array: Array) -> Array:
    """The array as the file holds it: contiguous and little-endian."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DatasetError(f"{name} cannot be recorded", expected="an array of numbers", got=array.dtype)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _digest(header: Header, tensors: dict[str, Array]) -> str:
    facts = json.dumps(asdict(replace(header, sha256="")), sort_keys=True)
    digest = hashlib.sha256(f"{facts}\n".encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read_header(file: Path, path: AnyPath | None = None) -> Header:
    """The header alone; the arrays are not read.

    Args:
        file: of this machine.
        path: where it comes from; None: it is there already.

    Raises:
        DatasetError: not a recorded file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as opened:
            content = json.loads(opened.metadata()["recording"])
        if content.pop("format") != FORMAT:
            raise DatasetError(f"{path or file} was written by another version of il-builder")
        names = {key: tuple(content[key]) for key in ("observation_names", "action_names")}
        return Header(**{**content, **names})
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path or file} is not a recorded file, or is damaged: {error}") from error


def load(path: AnyPath) -> tuple[Recording, Header]:
    """Read a recording and check its sha256.

    Raises:
        DatasetError: not a recorded file, or its content is not what was written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        with reading(path) as file:
            header, tensors = read_header(file, path), load_file(file)
    except (SafetensorError, OSError) as error:
        raise DatasetError(f"{path} is damaged: {error}") from error
    if (found := _digest(header, tensors)) != header.sha256:
        raise DatasetError(f"{path} is damaged", expected=f"sha256 {header.sha256}", got=found)
    return _assembled(tensors), header


def _assembled(tensors: dict[str, Array]) -> Recording:
    columns: dict[str, Any] = {}
    for field in fields(Recording):
        if field.name in tensors:
            columns[field.name] = tensors[field.name]
        else:
            count = sum(name.startswith(f"{field.name}.") for name in tensors)
            columns[field.name] = tuple(tensors[f"{field.name}.{i}"] for i in range(count))
    return Recording(**columns)
