"""imitation's own reader and writer, held against ours."""

import kinds
import numpy as np
import peer
import pytest

from builder import load
from builder.exchange.export import ExportRequest, export
from builder.exchange.imitation import FORMAT

pytestmark = peer.needs("imitation")
READ = """
from imitation.data import serialize
found = serialize.load_with_rewards(words[0])
arrays = {}
for number, one in enumerate(found):
    arrays |= {f"{name}_{number}": getattr(one, name) for name in ("obs", "acts", "rews")}
answer([[bool(one.terminal), one.infos[-1]] for one in found], **arrays)
"""
WRITE = """
from imitation.data import serialize, types
made = []
for length, cut in ((2, False), (1, True), (4, True)):
    infos = [{"TimeLimit.truncated": False} for _ in range(length)]
    infos[-1] = {"TimeLimit.truncated": cut, "terminal_observation": np.ones(2, np.float32)}
    made.append(types.TrajectoryWithRew(
        obs=np.random.rand(length + 1, 2).astype(np.float32), acts=np.arange(length), infos=np.array(infos),
        terminal=True, rews=np.random.rand(length)))
serialize.save(words[0], made)
arrays = {}
for number, one in enumerate(made):
    arrays |= {f"{name}_{number}": getattr(one, name) for name in ("obs", "acts", "rews")}
answer(None, **arrays)
"""


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")])
def test_its_reader_finds_what_the_environment_gives(kind, dataset_of, tmp_path):
    path = export(dataset_of(kind), ExportRequest("imitation", tmp_path / "x")).path
    said, arrays = peer.run("imitation", READ, path)
    recorded = [*load(dataset_of(kind)), *load(dataset_of(kind), split="test")]
    assert len(said) == len(recorded)
    for number, (episode, (terminal, info)) in enumerate(zip(recorded, said, strict=True)):
        observations, rewards, ends = kinds.restep(kind, episode.seed, episode.actions)
        np.testing.assert_array_equal(arrays[f"obs_{number}"], np.array(observations))
        np.testing.assert_array_equal(arrays[f"acts_{number}"], episode.actions)
        np.testing.assert_array_equal(arrays[f"rews_{number}"], rewards)
        assert terminal is True
        assert (info["terminated"], info["truncated"]) == ends


def test_what_its_writer_wrote_is_read(tmp_path):
    _, arrays = peer.run("imitation", WRITE, tmp_path / "x")
    came = FORMAT.read(tmp_path / "x", {})
    assert came.unsaid == {"seed"}
    for number, one in enumerate(came.trajectories()):
        np.testing.assert_array_equal(one.all_observations()[0], arrays[f"obs_{number}"])
        np.testing.assert_array_equal(one.actions[0], arrays[f"acts_{number}"])
        np.testing.assert_array_equal(one.rewards, arrays[f"rews_{number}"])
        assert (one.terminated, one.truncated) == ((True, False) if number == 0 else (False, True))
    peer.assert_comes_back("imitation", tmp_path / "x", tmp_path)
