"""Recorded episodes, made by hand."""

import gymnasium as gym
import numpy as np

from builder.dataset.collation import Collation
from builder.dataset.column import Rows
from builder.dataset.ledger import Portion
from builder.dataset.shard_tasks import ShardTask
from builder.episodes.recording import Recording, episode_returns
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import Spaces

SPACES = Spaces(gym.spaces.Box(-np.inf, np.inf, (1,), np.float64), gym.spaces.Discrete(2))


def recording_of(lengths, *, masks=False):
    """Attempts from 3 on; observations count the steps, final ones from 100; every other is terminated."""
    lengths = np.array(lengths, np.int64)
    rows, attempts = int(lengths.sum()), np.arange(len(lengths))
    rewards = np.arange(rows, dtype=np.float64)
    return Recording(
        attempts=attempts + 3,
        seeds=attempts + 1000,
        lengths=lengths,
        returns=episode_returns(rewards, lengths),
        terminated=attempts % 2 == 0,
        truncated=attempts % 2 == 1,
        observations=(rewards[:, None],),
        actions=(np.arange(rows) % 2,),
        rewards=rewards,
        finals=((attempts + 100.0)[:, None],),
        extras={"action_mask": np.arange(2 * rows).reshape(rows, 2) % 3 > 0} if masks else {},
    )


def rows_of(lengths, *, masks=False):
    """The same as episodes 7, 9, 11, ... of a split, in its rows from 50 on."""
    index = 7 + 2 * np.arange(len(lengths))
    return Rows(recording_of(lengths, masks=masks), index, np.full(len(lengths), "mine", object), 50)


LENGTHS = (2, 1, 3)


def shard_task(folder, start=0, stop=6, *, plan=None, compared=False):
    """Rows of three recorded episodes, attempts 3 to 5."""
    path = folder / "chunk"
    write_recording(recording_of(LENGTHS), path, Header("", 3, 6, "mine"))
    portion = Portion(path, np.arange(3, 6), np.arange(3), np.array(LENGTHS), 0)
    plan = plan or Collation({}, "mine", *SPACES)
    return ShardTask(plan, folder, "train", 0, start, stop, (portion,), compared)
