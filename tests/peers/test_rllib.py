"""RLlib's own reading of our Parquet files as they are, held against what was recorded."""

import kinds
import numpy as np
import peer
import pytest

from builder import load

pytestmark = peer.needs("rllib")
READ = """
import glob, pyarrow.parquet as pq, gymnasium as gym
from ray.rllib.algorithms.bc import BCConfig
from ray.rllib.offline.offline_prelearner import OfflinePreLearner
schema = {"eps_id": "episode_index", "obs": "observation", "actions": "action", "rewards": "reward",
          "new_obs": "next_observation", "terminateds": "terminated", "truncateds": "truncated",
          "t": "step_index"}
folder = words[0]
reader = object.__new__(OfflinePreLearner)
reader.config = BCConfig().offline_data(input_=[f"{folder}/data"], input_read_schema=schema)
rows = pq.read_table(glob.glob(f"{folder}/data/train-*.parquet")).to_pydict()
rows = {name: [np.asarray(value) for value in values] for name, values in rows.items()}
read = reader._map_to_episodes(rows, to_numpy=True)["episodes"]
answer(
    [[int(one.id_), bool(one.is_terminated), bool(one.is_truncated)] for one in read],
    obs=np.stack([one.get_observations(0) for one in read]),
    following=np.stack([one.get_observations(-1) for one in read]),
    actions=np.stack([one.get_actions(0) for one in read]),
    rewards=np.array([one.get_rewards(0) for one in read]),
)
"""


@pytest.mark.parametrize("kind", ["vector", "float64", "choices", "start"])
def test_it_reads_our_files_as_they_are(kind, dataset_of):
    said, arrays = peer.run("rllib", READ, dataset_of(kind))
    columns = load(dataset_of(kind)).arrays()
    for name, column in (("obs", "observation"), ("following", "next_observation"), ("actions", "action")):
        np.testing.assert_array_equal(arrays[name], columns[column])
    np.testing.assert_array_equal(arrays["rewards"], columns["reward"])
    flags = [columns[name].tolist() for name in ("episode_index", "terminated", "truncated")]
    assert [tuple(one) for one in said] == list(zip(*flags, strict=True))
    first = load(dataset_of(kind))[0]
    observed, rewards, _ = kinds.restep(kind, first.seed, first.actions)
    np.testing.assert_array_equal(arrays["obs"][: len(first)], np.array(observed[:-1]))
    np.testing.assert_array_equal(arrays["rewards"][: len(first)], rewards)
