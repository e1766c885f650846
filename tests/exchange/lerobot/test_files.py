"""Files of a size, of which each holds whole episodes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.exchange.lerobot.files import Files

SCHEMA = pa.schema([("step", pa.int64())])


def episode(length):
    return pa.table({"step": pa.array(range(length), pa.int64())})


def test_an_episode_never_lies_in_two_files(tmp_path):
    with Files(tmp_path, SCHEMA, 160) as files:
        places = [files.add(episode(length)) for length in (10, 10, 1, 50, 5)]
    assert places == [(0, 0), (0, 0), (0, 1), (0, 2), (0, 3)]
    lengths = [pq.read_table(path).num_rows for path in sorted(tmp_path.glob("*/*.parquet"))]
    assert lengths == [20, 1, 50, 5]


def test_a_line_of_episodes_says_in_which_file_it_is(tmp_path):
    places = [f"meta/episodes/{which}_index" for which in ("chunk", "file")]
    schema = pa.schema([("length", pa.int64()), *((name, pa.int64()) for name in places)])
    with Files(tmp_path, schema, 24) as files:
        for length in (3, 4):
            files.add_line({"length": length})
    assert [pq.read_table(path).to_pylist() for path in sorted(tmp_path.glob("*/*.parquet"))] == [
        [{"length": 3, places[0]: 0, places[1]: 0}],
        [{"length": 4, places[0]: 0, places[1]: 1}],
    ]


def test_a_chunk_holds_a_thousand_files(tmp_path, monkeypatch):
    monkeypatch.setattr("builder.exchange.lerobot.files.CHUNK_FILES", 2)
    with Files(tmp_path, SCHEMA, 1) as files:
        assert [files.add(episode(1)) for _ in range(3)] == [(0, 0), (0, 1), (1, 0)]


def test_what_fails_raises_its_own_error(tmp_path):
    def failing():
        with Files(tmp_path, SCHEMA, 100) as files:
            files.add(episode(1))
            raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        failing()
