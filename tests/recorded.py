"""Recorded attempts, made by hand."""

import dataclasses

import numpy as np

from builder.episodes.recording import Recording, episode_returns, flat


def recording(lengths, *, first=0, leaves=("f4",), shape=(2,)):
    """Attempts whose numbers tell their row and column."""
    lengths = np.array(lengths, np.int64)
    attempts, rows = len(lengths), int(lengths.sum())
    rewards = np.arange(rows, dtype=np.float64)

    def numbers(count, leaf):
        size = count * int(np.prod(shape))
        return (np.arange(size).reshape(count, *shape) + 100 * leaf).astype(leaves[leaf])

    return Recording(
        attempts=np.arange(first, first + attempts),
        seeds=np.arange(attempts) + 1000,
        lengths=lengths,
        returns=episode_returns(rewards, lengths),
        terminated=np.arange(attempts) % 2 == 0,
        truncated=np.arange(attempts) % 2 == 1,
        observations=tuple(numbers(rows, leaf) for leaf in range(len(leaves))),
        actions=(np.arange(rows) % 2,),
        rewards=rewards,
        finals=tuple(numbers(attempts, leaf) for leaf in range(len(leaves))),
    )


def with_extras(of):
    """The same with what else may be recorded: masks of each step, a number of each attempt."""
    rows, count = len(of.rewards), len(of.attempts)
    extras = {"action_mask": np.arange(2 * rows).reshape(rows, 2) % 3 == 0, "info.x": np.arange(rows) / 2}
    return dataclasses.replace(of, extras=extras, attempt_extras={"info.x": -np.arange(count, dtype=float)})


def assert_same(left, right):
    arrays = flat(left), flat(right)
    assert sorted(arrays[0]) == sorted(arrays[1])
    for one, other in ((arrays[0][name], arrays[1][name]) for name in arrays[0]):
        assert one.shape == other.shape
        assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
        assert one.astype(one.dtype.newbyteorder("<")).tobytes() == other.tobytes()
