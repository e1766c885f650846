"""Sending: the share of its bytes that the Hub is sent after a change, by how Parquet pages are cut.

The Hub keeps files in chunks that their bytes cut (Xet: gear hash, 8 to 128 KiB, 64 on average) and is sent
those that it does not have. The chunker here cuts by the same rule, with another table of random numbers.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import measuring
from benchmarks.measuring import Options
from benchmarks.report import Section
from builder.dataset.writer import SETTINGS, Packing, ShardWriter

LEAST, MOST = 8 * 1024, 128 * 1024
MASK = np.uint64(0xFFFF000000000000)
GEAR = np.random.default_rng(0).integers(0, 2**64, 256, dtype=np.uint64)
EPISODES, ADDED = 150, 10


def sections(options: Options) -> list[Section]:
    """The table; `episodes=` is how many, of 1,000 steps each."""
    episodes = int(options.get("episodes", EPISODES))
    with tempfile.TemporaryDirectory(dir=options.get("folder")) as folder:
        out = Path(folder) / "x"
        measuring.build(out, "expert=random", "env.id=HalfCheetah-v5", f"episodes={episodes}")
        rows = [_row(name, _table(out), episodes) for name in SETTINGS]
    return [
        Section(
            "Sending",
            f"HalfCheetah, {episodes} random episodes: the size of the transitions, and the share of"
            f" them that the Hub is sent when the last {ADDED} episodes are added to the others, and when the"
            " middle one is left out.",
            ["format of the data", "MB", "added", "left out"],
            rows,
        )
    ]


def _table(out: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((out / "data").glob("train-*"))])


def _row(data_format: str, table: pa.Table, episodes: int) -> list[str]:
    index = table["episode_index"].to_numpy()
    middle = episodes // 2
    shifted = pa.array(np.where(index > middle, index - 1, index))
    without = table.set_column(0, table.schema.field(0), shifted).filter(pa.array(index != middle))
    before = table.filter(pa.array(index < episodes - ADDED))
    whole, fewer, dropped = (_written(part, data_format) for part in (table, before, without))
    shares = (sent(fewer, whole), sent(whole, dropped))
    return [data_format, f"{len(whole) / 1e6:.1f}", *(f"{share:.0%}" for share in shares)]


def _written(table: pa.Table, data_format: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        packing = Packing(data_format=data_format)
        with ShardWriter(Path(folder), "train", schema=table.schema, packing=packing) as writer:
            writer.write(table)
        return b"".join((Path(folder) / shard.name).read_bytes() for shard in writer.shards)


def sent(before: bytes, after: bytes) -> float:
    """The share of `after` in chunks that `before` does not have."""
    known = {hashlib.sha256(chunk).digest() for chunk in chunks(before)}
    new = (chunk for chunk in chunks(after) if hashlib.sha256(chunk).digest() not in known)
    return sum(map(len, new)) / len(after)


def chunks(content: bytes) -> Iterator[bytes]:
    """Pieces that end where a hash of the 64 bytes before says so."""
    hashes = GEAR[np.frombuffer(content, np.uint8)]
    for width in (1, 2, 4, 8, 16, 32):  # the hash of twice as many bytes
        hashes[width:] = hashes[width:] + (hashes[:-width] << np.uint64(width))
    ends = np.flatnonzero((hashes & MASK) == 0) + 1
    start = 0
    while start < len(content):
        found = ends[np.searchsorted(ends, start + LEAST) :][:1]
        end = min([*found.tolist(), start + MOST, len(content)])
        yield content[start:end]
        start = end
