"""d3rlpy's own reader and writer, held against ours."""

import kinds
import numpy as np
import peer
import pytest

from builder import load
from builder.episodes.spaces import leaves
from builder.exchange.d3rlpy import FORMAT
from builder.exchange.export import ExportRequest, export

pytestmark = peer.needs("d3rlpy")
READ = """
import d3rlpy
replay = d3rlpy.dataset.ReplayBuffer.load(open(words[0], "rb"), d3rlpy.dataset.InfiniteBuffer())
arrays = {}
for number, one in enumerate(replay.episodes):
    seen = one.observations if isinstance(one.observations, (list, tuple)) else [one.observations]
    arrays |= {f"obs_{number}_{place}": leaf for place, leaf in enumerate(seen)}
    arrays |= {f"acts_{number}": one.actions, f"rews_{number}": one.rewards}
answer([[bool(one.terminated), one.transition_count] for one in replay.episodes], **arrays)
"""
WRITE = """
import d3rlpy
rng = np.random.default_rng(0)
made = d3rlpy.dataset.MDPDataset(
    rng.normal(size=(7, 3)).astype("f4"), rng.normal(size=(7, 2)).astype("f4"), rng.normal(size=7),
    terminals=np.array([0, 0, 1, 0, 0, 0, 0]), timeouts=np.array([0, 0, 0, 1, 0, 0, 1]))
with open(words[0], "w+b") as file:
    made.dump(file)
arrays = {}
for number, one in enumerate(made.episodes):
    arrays |= {f"obs_{number}": one.observations, f"acts_{number}": one.actions}
    arrays |= {f"rews_{number}": one.rewards}
answer([bool(one.terminated) for one in made.episodes], **arrays)
"""


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind not in ("dict", "plane")])
def test_its_reader_finds_what_the_environment_gives(kind, dataset_of, tmp_path):
    path = export(dataset_of(kind), ExportRequest("d3rlpy", tmp_path / "x.h5")).path
    said, arrays = peer.run("d3rlpy", READ, path)
    recorded = [*load(dataset_of(kind)), *load(dataset_of(kind), split="test")]
    for number, (episode, (terminated, usable)) in enumerate(zip(recorded, said, strict=True)):
        observations, rewards, ends = kinds.restep(kind, episode.seed, episode.actions)
        for place, leaf in enumerate(leaves(kinds.OBSERVED[kind])):
            seen = np.array([leaf.pick(one) for one in observations[:-1]])
            found = arrays[f"obs_{number}_{place}"]
            assert found.dtype == leaf.dtype
            np.testing.assert_array_equal(found.reshape(seen.shape), seen)
        np.testing.assert_array_equal(
            arrays[f"acts_{number}"].reshape(episode.actions.shape), episode.actions
        )
        np.testing.assert_array_equal(arrays[f"rews_{number}"][:, 0], rewards.astype(np.float32))
        assert terminated == ends[0]
        assert usable == len(episode) - (not terminated)


def test_what_its_writer_wrote_is_read(tmp_path):
    said, arrays = peer.run("d3rlpy", WRITE, tmp_path / "x.h5")
    found = list(FORMAT.read(tmp_path / "x.h5", {}).trajectories())
    assert [one.terminated for one in found] == said
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one.observations[0], arrays[f"obs_{number}"])
        np.testing.assert_array_equal(one.actions[0], arrays[f"acts_{number}"])
        np.testing.assert_array_equal(one.rewards, arrays[f"rews_{number}"][:, 0])
    peer.assert_comes_back("d3rlpy", tmp_path / "x.h5", tmp_path, narrowed=("reward",))
