"""Ours, `datasets` and plain torch on the same folder. Arguments: FOLDER WHICH."""

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peer_scripts.answers import BATCH, access_rate, answer, epoch


def ours(folder: str, item: int = 1, **options: Any) -> None:
    """`Trajectories.batches`: the first epoch reads the files, the next one has them in memory or not.

    Args:
        folder: of the dataset.
        item: how many steps one of a batch has; the seconds are those of as many steps as the dataset has.
        **options: of `batches`.
    """
    from builder import load

    began = time.perf_counter()
    dataset = load(folder)
    next(dataset.batches(BATCH, seed=0, **options))
    opened = time.perf_counter() - began
    rows = dataset.manifest.splits["train"].rows
    taken = epoch(dataset.batches(BATCH, seed=1, **options), rows // item, most=rows)
    dataset[0]
    answer(opened=opened, **taken, access=access_rate(dataset))


def theirs(folder: str) -> None:
    """A `DataLoader` over the table of `datasets`."""
    import datasets
    from torch.utils.data import DataLoader

    began = time.perf_counter()
    table = datasets.load_dataset(folder, split="train").with_format("torch")
    opened = time.perf_counter() - began
    loader = DataLoader(table, batch_size=BATCH, shuffle=True)
    answer("datasets", opened=opened, **epoch(loader, len(table), most=200))


def torchs(folder: str, whole_batches: bool) -> None:
    """A `DataLoader` over tensors in memory; asked row by row, or with a whole batch's rows at once."""
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

    from builder import load

    began = time.perf_counter()
    tensors = TensorDataset(*load(folder).tensors().values())
    opened = time.perf_counter() - began
    if whole_batches:
        batches = BatchSampler(RandomSampler(tensors), BATCH, drop_last=False)
        loader = DataLoader(tensors, sampler=batches, batch_size=None)
    else:
        loader = DataLoader(tensors, batch_size=BATCH, shuffle=True)
    answer("torch", opened=opened, **epoch(loader, len(tensors)))


READERS: dict[str, Callable[[str], None]] = {
    "ours": ours,
    "streamed": lambda folder: ours(folder, memory=100 * 2**20),
    "windows": lambda folder: ours(folder, 20, window=20),
    "n-step": lambda folder: ours(folder, n_step=3, gamma=0.99),
    "datasets": theirs,
    "torch": lambda folder: torchs(folder, whole_batches=False),
    "torch-batches": lambda folder: torchs(folder, whole_batches=True),
}

if __name__ == "__main__":
    READERS[sys.argv[2]](sys.argv[1])
