"""robomimic's own reader, held against ours."""

import kinds
import numpy as np
import peer

from builder import load
from builder.exchange.export import ExportRequest, export

pytestmark = peer.needs("robomimic")
READ = """
import glob, h5py, torch
operators = torch.library.Library("torchvision", "DEF")  # its wheel has none beside torch for CPU alone
for name in ("nms", "qnms"):
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import robomimic.utils.obs_utils as ObsUtils
from robomimic.utils.dataset import SequenceDataset
arrays, valid = {}, {}
for path in sorted(glob.glob(os.path.join(words[0], "*.hdf5"))):
    kind = os.path.basename(path).removesuffix(".hdf5")
    with h5py.File(path) as file:
        keys = list(file["data/demo_0/obs"])
    pictures = [key for key in keys if key in ("image", "eye")]
    low = [key for key in keys if key not in pictures]
    ObsUtils.initialize_obs_utils_with_obs_specs([{"obs": {"low_dim": low, "rgb": pictures}}])
    wanted = {"obs_keys": keys, "dataset_keys": ("actions", "rewards", "dones")}
    found = SequenceDataset(path, **wanted)
    items = [found[index] for index in range(len(found))]
    for name in wanted["dataset_keys"]:
        arrays[f"{kind} {name}"] = np.concatenate([item[name] for item in items])
    for side in ("obs", "next_obs"):
        for key in keys:
            arrays[f"{kind} {side} {key}"] = np.concatenate([item[side][key] for item in items])
    valid[kind] = len(SequenceDataset(path, filter_by_attribute="valid", **wanted))
answer(valid, **arrays)
"""


def test_its_reader_finds_what_the_environment_gives(dataset_of, tmp_path):
    for kind in kinds.KINDS:
        export(dataset_of(kind), ExportRequest("robomimic", tmp_path / f"{kind}.hdf5"))
    valid, arrays = peer.run("robomimic", READ, tmp_path)
    for kind in kinds.KINDS:
        test = load(dataset_of(kind), split="test")
        recorded = [*load(dataset_of(kind)), *test]
        assert valid[kind] == sum(map(len, test))
        seen, following, rewards, dones = [], [], [], []
        for episode in recorded:
            observations, given, ends = kinds.restep(kind, episode.seed, episode.actions)
            seen += observations[:-1]
            following += observations[1:]
            rewards += [*given]
            dones += [False] * (len(given) - 1) + [ends[0]]
        np.testing.assert_array_equal(arrays[f"{kind} rewards"], rewards)
        np.testing.assert_array_equal(arrays[f"{kind} dones"], dones)
        acted = np.concatenate([episode.actions for episode in recorded])
        found = arrays[f"{kind} actions"]
        assert found.dtype == acted.dtype
        np.testing.assert_array_equal(found.reshape(acted.shape), acted)
        for side, steps in (("obs", seen), ("next_obs", following)):
            names = [name for name in arrays if name.startswith(f"{kind} {side} ")]
            assert names
            for name in names:
                values = np.array([part(step, name.split()[2]) for step in steps])
                assert arrays[name].dtype == values.dtype
                np.testing.assert_array_equal(arrays[name].reshape(values.shape), values)


def part(step, key):
    if isinstance(step, dict):
        return step[key]
    return step[int(key)] if isinstance(step, tuple) else step
