"""LeRobot's own reader and writer, held against ours."""

import kinds
import numpy as np
import peer

from builder import load
from builder.exchange.export import ExportRequest, export
from builder.exchange.lerobot import FORMAT

pytestmark = peer.needs("lerobot")
# torchvision's wheel has no operators beside torch for CPU alone; LeRobot needs its transforms.
START = """
import torch
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from lerobot.datasets.lerobot_dataset import LeRobotDataset
"""
READ = """
arrays = {}
for kind in sorted(os.listdir(words[0])):
    found = LeRobotDataset("il/x", root=os.path.join(words[0], kind))
    items = [found[index] for index in range(len(found))]
    for name in items[0]:
        if name != "task":
            arrays[f"{kind} {name}"] = np.stack([item[name].numpy() for item in items])
answer(None, **arrays)
"""
WRITE = """
rng = np.random.default_rng(0)
axes = ["height", "width", "channels"]
features = {
    "observation.state": {"dtype": "float32", "shape": (3,), "names": None},
    "observation.images.top": {"dtype": "image", "shape": (8, 6, 3), "names": axes},
    "action": {"dtype": "float32", "shape": (2,), "names": None},
    "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
}
made = LeRobotDataset.create("il/x", fps=10, features=features, root=words[0], use_videos=False)
rows = []
for length in (3, 1):
    for _ in range(length):
        row = {
            "observation.state": rng.normal(size=3).astype("f4"),
            "observation.images.top": rng.integers(0, 256, (8, 6, 3), np.uint8),
            "action": rng.normal(size=2).astype("f4"),
            "next.reward": rng.normal(size=1).astype("f4"),
        }
        made.add_frame({**row, "task": "Reach."})
        rows.append(row)
    made.save_episode()
made.finalize()
answer(None, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
"""


def test_its_reader_finds_what_the_environment_gives(dataset_of, tmp_path):
    for kind in kinds.KINDS:
        export(dataset_of(kind), ExportRequest("lerobot", tmp_path / kind))
    _, arrays = peer.run("lerobot", START + READ, tmp_path)
    for kind in kinds.KINDS:
        recorded = [*load(dataset_of(kind)), *load(dataset_of(kind), split="test")]
        steps, rewards, ends = [], [], []
        for episode in recorded:
            observations, given, _ = kinds.restep(kind, episode.seed, episode.actions)
            steps += observations[:-1]
            rewards += [*given]
            ends += [False] * (len(given) - 1) + [True]
        np.testing.assert_array_equal(arrays[f"{kind} next.reward"], np.float32(rewards))
        np.testing.assert_array_equal(arrays[f"{kind} next.done"], ends)
        acted = np.concatenate([episode.actions for episode in recorded])
        found = arrays[f"{kind} action"]
        np.testing.assert_array_equal(found.reshape(acted.shape), narrowed(acted))
        names = [name for name in arrays if name.startswith(f"{kind} observation.")]
        assert names
        for name in names:
            key = name.removeprefix(f"{kind} observation.").removeprefix("images.")
            seen = np.array([part(step, key) for step in steps])
            np.testing.assert_array_equal(pixels(arrays[name], seen), narrowed(seen))


def part(step, key):
    if isinstance(step, dict):
        return step[key]
    return step[int(key)] if isinstance(step, tuple) else step


def pixels(found, seen):
    """Pictures as they were recorded: LeRobot has channels first, and values from 0 to 1."""
    if seen.dtype == np.uint8:
        found = np.round(found * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return found.reshape(seen.shape)


def narrowed(values):
    return values.astype(np.float32) if values.dtype == np.float64 else values


def test_what_its_writer_wrote_is_read(tmp_path):
    _, arrays = peer.run("lerobot", START + WRITE, tmp_path / "made")
    came = FORMAT.read(tmp_path / "made", {"leave_out_videos": False})
    assert came.unsaid == {"terminated", "truncated", "final_observation", "seed"}
    assert came.about == "Reach."
    found = list(came.trajectories())
    assert [len(one) for one in found] == [3, 1]
    names = [f"observation.{key}" for key in came.spaces.observation.spaces]
    for place, name in enumerate(names):
        values = np.concatenate([one.observations[place] for one in found])
        np.testing.assert_array_equal(values, arrays[name])
    np.testing.assert_array_equal(np.concatenate([one.actions[0] for one in found]), arrays["action"])
    rewards = np.concatenate([one.rewards for one in found])
    np.testing.assert_array_equal(rewards, arrays["next.reward"][:, 0])
    peer.assert_comes_back("lerobot", tmp_path / "made", tmp_path)
