"""OGBench's own reader, held against what the environment gives."""

import kinds
import numpy as np
import peer
import pytest

from builder import load
from builder.exchange.export import ExportRequest, export

pytestmark = peer.needs("ogbench")
READ = """
from ogbench.utils import load_dataset
kinds = dict(ob_dtype=np.dtype(words[1]), action_dtype=np.dtype(words[2]))
answer(None, **load_dataset(words[0], **kinds))
"""


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind not in ("dict", "tuple")])
def test_its_reader_finds_what_the_environment_gives(kind, dataset_of, tmp_path):
    path = export(dataset_of(kind), ExportRequest("ogbench", tmp_path / "x.npz")).path
    for file, split in ((path, "train"), (tmp_path / "x-val.npz", "test")):
        recorded = load(dataset_of(kind), split=split)
        dtypes = [space.dtype for space in recorded.manifest.spaces]
        _, arrays = peer.run("ogbench", READ, file, *dtypes)
        start = 0
        for episode in recorded:
            rows = slice(start, start := start + len(episode))
            observations, _, _ = kinds.restep(kind, episode.seed, episode.actions)
            np.testing.assert_array_equal(arrays["observations"][rows], np.array(observations[:-1]))
            np.testing.assert_array_equal(arrays["next_observations"][rows], np.array(observations[1:]))
            np.testing.assert_array_equal(arrays["actions"][rows], episode.actions)
            assert np.flatnonzero(arrays["terminals"][rows]).tolist() == [len(episode) - 1]
        assert len(arrays["terminals"]) == start
