"""Datasets as Minari writes them in Arrow and Parquet, made here: its own layout, padded rows and all."""

import json
import shutil

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.exchange.export import ExportRequest, export
from builder.exchange.minari.reading import read


def column(space, arrays, pad=0):
    """A space's leaves, in order, as `_encode_space` of minari/dataset/_storages/arrow_storage.py."""
    if isinstance(space, gym.spaces.Dict):
        children = [column(child, arrays, pad) for child in space.spaces.values()]
        return pa.StructArray.from_arrays(children, names=list(space.spaces))
    if isinstance(space, gym.spaces.Tuple):
        children = [column(child, arrays, pad) for child in space.spaces]
        return pa.StructArray.from_arrays(children, names=[str(place) for place in range(len(children))])
    array = next(arrays)
    rows = np.pad(array.reshape(len(array), -1), ((0, pad), (0, 0)))
    if isinstance(space, gym.spaces.Discrete):
        return pa.array(rows[:, 0])
    kind = pa.list_(pa.from_numpy_dtype(space.dtype), rows.shape[1])
    return pa.FixedSizeListArray.from_arrays(rows.reshape(-1), type=kind)


def put(path, batch):
    """Rows as a file of the kind that its name ends with."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_batches([batch]), path)
        return
    with pa.ipc.new_file(path, batch.schema) as writer:
        writer.write_batch(batch)


def rows_of(spaces, episode):
    """The record batch of an episode."""
    return pa.RecordBatch.from_pydict(
        {
            "observations": column(spaces.observation, iter(episode.all_observations())),
            "actions": column(spaces.action, iter(episode.actions), 1),
            "rewards": np.append(episode.rewards, 0.0),
            **{
                name: np.append(flags, False)
                for name, flags in zip(("terminations", "truncations"), episode.flags(), strict=True)
            },
        }
    )


@pytest.fixture(scope="session")
def made_in(dataset_of, tmp_path_factory):
    """`made_in(kind, data_format)`: the folder of a dataset in Minari's layout, and the one in HDF5."""

    def make(kind, data_format):
        root = tmp_path_factory.mktemp("minari")
        hdf5 = export(dataset_of(kind), ExportRequest("minari", root, options={"id": "x-v0"})).path
        (hdf5 / "il_builder.json").unlink()
        folder = shutil.copytree(hdf5, root / "other" / "x-v0", ignore=shutil.ignore_patterns("*.hdf5"))
        about = json.loads((folder / "data" / "metadata.json").read_text()) | {"data_format": data_format}
        (folder / "data" / "metadata.json").write_text(json.dumps(about))
        incoming = read(hdf5, {"id": None})
        for number, episode in enumerate(incoming.trajectories()):
            place = folder / "data" / str(number)
            place.mkdir()
            put(place / f"part-0.{data_format}", rows_of(incoming.spaces, episode))
            facts = {"id": number, "total_steps": len(episode), "seed": episode.seed}
            (place / "metadata.json").write_text(json.dumps(facts))
        return folder, hdf5

    return make
