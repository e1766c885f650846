"""A dataset as a folder of TensorFlow Datasets, with its own writer of ArrayRecord and of metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from builder.episodes.spaces import Array, leaves
from builder.errors import ConfigError
from builder.exchange.contract import Loss, Options, Source, Trajectory
from builder.exchange.rlds.examples import packed
from builder.exchange.rlds.features import STEPS, Part, key_of, part_of
from builder.storage.limits import RLDS_RECORD_BYTES

SHARD_BYTES = 256 << 20
"""After which the next file is begun."""
TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}"
ARRAY_RECORD = "array_record"
VERSION = "1.0.0"
ONE = np.dtype(np.float64)
FLAG = Part((), np.dtype(bool))
OF_STEPS = {
    "reward": Part((), ONE, "bytes"),
    "discount": Part((), np.dtype(np.float32)),
    "is_first": FLAG,
    "is_last": FLAG,
    "is_terminal": FLAG,
}
SEED = Part((), np.dtype(np.uint64))
INDEX = Part((), np.dtype(np.int64))


def losses(_source: Source, _options: Options) -> Iterator[Loss]:
    """What the features do not say."""
    yield Loss("spaces", "features have shapes and dtypes; bounds stand in the note alone")


def write(source: Source, path: Path, _options: Options) -> None:
    """Write the folder.

    Raises:
        ConfigError: a key cannot be a feature's, an episode is too large, or something that it needs
            is not known.
    """
    source.needs("reward", "terminated", "truncated", "final_observation", format_name="rlds")
    parts = _parts(source)
    import tensorflow_datasets as tfds  # with its extra alone, so after what can be refused without

    name = re.sub(r"[^a-z0-9_]+", "_", source.name.lower()).strip("_") or "dataset"
    path.mkdir(parents=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name=name, version=tfds.core.Version(VERSION), data_dir=str(path), module_name="il_builder"
        ),
        features=_features(source, parts, tfds.features),
        description=f"{source.episodes:,} episodes of {source.name}, recorded by il-builder;"
        f" fingerprint {source.manifest.fingerprint}",
    )
    info.set_file_format(ARRAY_RECORD)
    splits = [_written(source, split, name, path, parts) for split in source.chosen]
    info.set_splits(tfds.core.splits.SplitDict(splits))
    info.write_to_directory(str(path))


def _parts(source: Source) -> dict[str, Part]:
    """Of the steps, by their names: the leaves of observation, then those of action."""
    found = {
        key_of(name, leaf): part_of(leaf)
        for name, space in zip(("observation", "action"), source.spaces, strict=True)
        for leaf in leaves(space)
    }
    if len(found) < sum(len(leaves(space)) for space in source.spaces):
        raise ConfigError("two parts of a space have the same name", remedy="rename one in the environment")
    return found


def _features(source: Source, parts: dict[str, Part], kinds: Any) -> Any:
    """The features as TensorFlow Datasets describes them."""
    tree: dict[str, Any] = {}
    for key, part in (parts | OF_STEPS).items():
        *above, last = key.split("/")
        place = tree
        for word in above:
            place = place.setdefault(word, {})
        place[last] = _feature(part, kinds)
    seed = {} if "seed" in source.unsaid else {"seed": _feature(SEED, kinds)}
    episode = {"policy": kinds.Text(), "index": _feature(INDEX, kinds), **seed}
    return kinds.FeaturesDict({STEPS: kinds.Dataset(tree), **episode})


def _feature(part: Part, kinds: Any) -> Any:
    if part.encoding == "image":
        return kinds.Image(shape=part.shape, encoding_format="png")
    encoding = kinds.Encoding.BYTES if part.encoding == "bytes" else kinds.Encoding.NONE
    return kinds.Tensor(shape=part.shape, dtype=part.dtype.type, encoding=encoding)


def _written(source: Source, split: str, name: str, folder: Path, parts: dict[str, Part]) -> Any:
    """Write the files of a split, and say what is in them."""
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter

    template = tfds.core.ShardedFileTemplate(
        dataset_name=name,
        data_dir=str(folder),
        split=split,
        filetype_suffix=ARRAY_RECORD,
        template=TEMPLATE,
    )
    lengths: list[int] = []
    total, size = 0, 0
    writer: Any = None
    for trajectory in source.trajectories(split):
        content = _record(trajectory, parts)
        if writer is None or size >= SHARD_BYTES:
            if writer:
                writer.close()
            file = template.sharded_filepath(shard_index=len(lengths), num_shards=None)
            writer, size = ArrayRecordWriter(str(file), "group_size:1"), 0
            lengths.append(0)
        writer.write(content)
        lengths[-1] += 1
        size += len(content)
        total += len(content)
    if writer:
        writer.close()
    return tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=total, filename_template=template)


def _record(trajectory: Trajectory, parts: dict[str, Part]) -> bytes:
    """One episode of T steps as T + 1 of RLDS; the last has the final observation, and zeros beside it."""
    acted = [_longer(leaf) for leaf in trajectory.actions]
    columns = dict(zip(parts, [*trajectory.all_observations(), *acted], strict=True))
    steps = len(trajectory) + 1
    last = np.arange(steps) == steps - 1
    columns |= {
        "reward": _longer(np.asarray(trajectory.rewards, np.float64)),
        "discount": (~last).astype(np.float32),
        "is_first": np.arange(steps) == 0,
        "is_last": last,
        "is_terminal": last & bool(trajectory.terminated),
    }
    known = parts | OF_STEPS
    arrays = {f"{STEPS}/{name}": (known[name], values) for name, values in columns.items()}
    arrays["index"] = (INDEX, np.array([trajectory.index]))
    if trajectory.seed is not None:
        arrays["seed"] = (SEED, np.array([trajectory.seed], np.uint64))
    content = packed(arrays, {"policy": trajectory.policy})
    if len(content) > RLDS_RECORD_BYTES:
        raise ConfigError(
            f"episode {trajectory.index} takes {len(content):,} bytes",
            expected=f"at most {RLDS_RECORD_BYTES:,}",
            remedy="to=minari holds longer ones",
        )
    return content


def _longer(values: Array) -> Array:
    """With a row of zeros after the last."""
    return np.concatenate([values, np.zeros_like(values[:1])])
