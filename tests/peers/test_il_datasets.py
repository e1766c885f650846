"""The seed project's own reader, held against what the environment gives."""

import kinds
import numpy as np
import peer
import pytest

from builder import load
from builder.exchange.export import ExportRequest, export

pytestmark = peer.needs("il-datasets")
# It imports torchvision, whose wheel has no operators beside torch for CPU alone.
READ = """
import torch
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from imitation_datasets.dataset import BaselineDataset
path, source, split = words
found = BaselineDataset(path, source=source, hf_split=split)
names = ("states", "actions", "next_states", "dones")
answer(float(found.average_reward), **{name: getattr(found, name).numpy() for name in names})
"""


@pytest.mark.parametrize("form", ["huggingface", "npz"])
@pytest.mark.parametrize("kind", ["vector", "float64", "choices"])
def test_its_reader_finds_what_the_environment_gives(kind, form, dataset_of, tmp_path):
    request = ExportRequest("il-datasets", tmp_path / "x", options={"form": form})
    folder = export(dataset_of(kind), request).path
    for split in ("train", "test"):
        path, source = (
            (folder, "huggingface") if form == "huggingface" else (folder / f"{split}.npz", "local")
        )
        mean, found = peer.run("il-datasets", READ, path, source, split, HF_HUB_OFFLINE="1")
        recorded = load(dataset_of(kind), split=split)
        start = 0
        for episode in recorded:
            rows = slice(start, start := start + len(episode))
            observations, _, _ = kinds.restep(kind, episode.seed, episode.actions)
            seen = np.array(observations).reshape(len(observations), -1)
            np.testing.assert_array_equal(found["states"][rows].reshape(len(episode), -1), seen[:-1])
            np.testing.assert_array_equal(found["next_states"][rows].reshape(len(episode), -1), seen[1:])
            np.testing.assert_array_equal(
                found["actions"][rows].reshape(episode.actions.shape), episode.actions
            )
            assert np.flatnonzero(found["dones"][rows]).tolist() == [len(episode) - 1]
        assert len(found["dones"]) == start
        np.testing.assert_allclose(mean, np.mean([sum(episode.rewards) for episode in recorded]))
