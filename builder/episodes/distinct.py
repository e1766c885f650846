"""Which episodes are alike: two are one where their observations and actions are equal."""

from __future__ import annotations

import hashlib

import numpy as np

from builder.episodes.recording import Recording
from builder.episodes.spaces import Array

DIGEST_BYTES = 8
"""Of 10**6 different episodes, two have the same digest once in 10**7 times."""
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""Multipliers of the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""


def trajectory_digests(recording: Recording) -> Array:
    """uint64 [A]: equal for attempts whose observations and actions are equal, bit for bit."""
    columns = [
        np.ascontiguousarray(column)
        for column in (*recording.observations, *recording.actions)
        if column.dtype.itemsize
    ]
    ends = recording.lengths.cumsum()
    digests = np.empty(len(ends), np.uint64)
    for attempt, (end, length) in enumerate(zip(ends, recording.lengths, strict=True)):
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for column in columns:
            digest.update(column[end - length : end].reshape(-1).view(np.uint8).data)
        digests[attempt] = int.from_bytes(digest.digest(), "little")
    return digests


def step_digests(recording: Recording) -> Array:
    """uint64 [R]: equal for steps whose observation and action are equal, bit for bit."""
    rows = len(recording.rewards)
    mixed = np.zeros(rows, np.uint64)
    for column in (*recording.observations, *recording.actions):
        values = np.ascontiguousarray(column).reshape(rows, -1).view(np.uint8)
        padded = np.zeros((rows, -(-values.shape[1] // 8) * 8), np.uint8)
        padded[:, : values.shape[1]] = values
        for word in padded.view(np.uint64).T:
            mixed = _mixed(mixed ^ word)
    return mixed


def _mixed(values: Array) -> Array:
    """SplitMix64's next output for each state."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * MIX[0]
    values = (values ^ (values >> np.uint64(27))) * MIX[1]
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed


def first_of_each(digests: Array, among: Array) -> Array:
    """Bool [n]: of those among which is looked, the first of each digest.

    Args:
        digests: uint64 [n].
        among: bool [n].
    """
    places = np.flatnonzero(among)
    firsts = np.unique(digests[places], return_index=True)[1]
    found = np.zeros(len(digests), bool)
    found[places[firsts]] = True
    return found
