"""What was pushed loads with the `datasets` library alone, bit for bit, in a process without us."""

import json
import sys

import hub_clients
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hub_cases import REPOSITORY, build, held, repository

PROGRAM = """
import itertools, sys
import pyarrow as pa
from datasets import load_dataset

repo, revision, where = sys.argv[1:]
revision = None if revision == "None" else revision

def keep(name, table):
    with pa.OSFile(f"{where}/{name}", "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write(table)

for config, split in itertools.product(["transitions", "episodes"], ["train", "test"]):
    at = {"split": split, "revision": revision}
    keep(f"{config}-{split}-whole", load_dataset(repo, config, **at).with_format("arrow")[:])
    streamed = load_dataset(repo, config, streaming=True, **at).with_format("arrow")
    keep(f"{config}-{split}-streamed", pa.concat_tables(streamed.iter(batch_size=7)))
assert load_dataset(repo, split="train", revision=revision).column_names[:1] == ["episode_index"]
assert "builder" not in sys.modules
print("done")
"""


def rows(path):
    with pa.OSFile(str(path), "rb") as source:
        return pa.ipc.open_file(source).read_all()


@pytest.mark.slow
@pytest.mark.parametrize("case", [("Corridor-v0", "main"), ("Corridor-v0", "tag"), ("Nested-v0", "commit")])
def test_rows_of_both_configs_and_splits_are_those_of_the_folder(hub, clients, shell, tmp_path, case):
    env_id, by = case
    folder = build(tmp_path / "x", **{"env.id": env_id})
    pushed = clients(hub_clients.push, folder, REPOSITORY)
    revision = {"main": "None", "tag": pushed.tag, "commit": pushed.commit}[by]
    if by != "main":
        hub.store.write(repository(hub), {}, remove=["README.md"], title="somebody moves main on")
    answer = shell(sys.executable, "-c", PROGRAM, REPOSITORY, revision, tmp_path, HF_TOKEN="", PYTHONPATH="")
    assert answer.stdout == "done\n", answer.stderr
    for config, place in (("transitions", "data"), ("episodes", "episodes")):
        for split in ("train", "test"):
            expected = pq.read_table(folder / place / f"{split}-00000-of-00001.parquet")
            for how in ("whole", "streamed"):
                found = rows(tmp_path / f"{config}-{split}-{how}")
                assert found.column_names == expected.column_names
                assert json.dumps(found.to_pylist(), default=bits) == json.dumps(
                    expected.to_pylist(), default=bits
                )


def bits(value):
    return value.hex() if isinstance(value, (bytes, float)) else repr(value)


@pytest.mark.slow
def test_the_format_is_one_that_datasets_2_21_and_3_6_read_too(hub, clients, folder):
    """Seen with both, streaming and not: they know `Sequence`, and not the `List` of later versions."""
    clients(hub_clients.push, folder, REPOSITORY)
    there = held(hub)
    header = yaml.safe_load(there["README.md"].decode().split("---")[1])
    columns = [column for info in header["dataset_info"] for column in info["features"]]
    assert {"name": "observation", "sequence": {"dtype": "float64", "length": 2}} in plain(columns)
    assert "list" not in {key for column in columns for key in column}
    for path in (path for path in there if path.endswith(".parquet")):
        metadata = pq.read_schema(pa.BufferReader(there[path])).metadata[b"huggingface"]
        assert b'"Sequence"' in metadata
        assert b'"List"' not in metadata


def plain(columns):
    return [
        {"name": column["name"], "sequence": {"dtype": column["sequence"], "length": column["length"]}}
        for column in columns
        if "sequence" in column and isinstance(column["sequence"], str)
    ]
