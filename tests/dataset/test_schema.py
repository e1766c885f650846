import json
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import gymnasium as gym
import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import case, sweep
from table_features import as_datasets, episode_features, transition_features

from builder.dataset import schema, writer
from builder.dataset.features import arrow_schema, image, value, yaml_features
from builder.episodes.spaces import leaves, next_observation_default
from builder.errors import DatasetError, SpaceError

INFINITE = np.float64("inf")
EXTREME = {
    "float32": [
        -0.0,
        0.0,
        np.finfo("f4").max,
        np.finfo("f4").tiny,
        np.finfo("f4").smallest_subnormal,
        INFINITE,
    ],
    "float64": [
        -0.0,
        0.0,
        np.finfo("f8").max,
        np.finfo("f8").tiny,
        np.finfo("f8").smallest_subnormal,
        -INFINITE,
    ],
    "uint8": [0, 255],
    "int64": [-(2**63), 2**63 - 1],
}
NAMES = [
    "position",
    "list",
    "sequence",
    "name",
    "dtype",
    "struct",
    "bytes",
    "path",
    "feature",
    "0",
    "a.b",
    "ß Ω",
]
shapes = st.integers(0, 3).flatmap(lambda rank: st.tuples(*[st.integers(1, 4)] * rank))


def box(dtype, shape, *, high=None):
    """A Box with the widest bounds of its dtype."""
    if np.dtype(dtype).kind == "f":
        return spaces.Box(-np.inf, np.inf, shape, np.dtype(dtype).type)
    info = np.iinfo(dtype)
    low, high = (np.full(shape, bound, dtype) for bound in (info.min, info.max if high is None else high))
    return spaces.Box(low, high, shape, np.dtype(dtype).type)


boxes = st.builds(box, st.sampled_from(sorted(EXTREME)), shapes)
# Half of them images: the others have the wrong bounds or the wrong number of channels.
pixels = st.builds(
    lambda size, rest, high: box("uint8", (*size, *rest), high=high),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from([(), (3,), (3,), (4,)]),
    st.sampled_from([255, 255, 254]),
)
discretes = st.builds(
    lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 2**40), st.integers(-(2**62), 2**62)
)
multi_discretes = hnp.arrays(
    np.int64, st.sampled_from([(1,), (3,), (2, 2)]), elements=st.integers(1, 99)
).map(lambda nvec: spaces.MultiDiscrete(nvec, start=-nvec))
multi_binaries = st.sampled_from([1, 4, [2, 3]]).map(spaces.MultiBinary)
plain = st.one_of(boxes, pixels, discretes, multi_discretes, multi_binaries)
any_space = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=5,
)


def values_of(leaf, rows):
    """Arrays [rows, *shape] of a leaf's values, its extremes among them."""
    space, shape = leaf.space, (rows, *leaf.shape)
    if isinstance(space, spaces.Box):
        extremes = [x for x in EXTREME[leaf.dtype.name] if leaf.dtype.kind == "f" or x <= space.high.max()]
        limits = {"allow_nan": False} if leaf.dtype.kind == "f" else {"max_value": int(space.high.max())}
        elements = st.sampled_from(extremes) | hnp.from_dtype(leaf.dtype, **limits)
        return hnp.arrays(leaf.dtype, shape, elements=elements)
    if isinstance(space, spaces.Discrete):
        elements = st.integers(int(space.start), int(space.start + space.n - 1))
        return hnp.arrays(leaf.dtype, shape, elements=elements)
    if isinstance(space, spaces.MultiDiscrete):
        return hnp.arrays(leaf.dtype, shape, elements=st.integers(-99, -1))
    return hnp.arrays(leaf.dtype, shape, elements=st.integers(0, 1))


few = st.integers(1, 5)


@st.composite
def recorded(draw, space=any_space, rows=few):
    """A space and rows of it: per leaf an array."""
    found, count = draw(space), draw(rows)
    return found, tuple(draw(values_of(leaf, count)) for leaf in leaves(found))


def assert_same(actual, expected):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


def leaf_rows(leaf, rows):
    """A leaf's array from the rows that `datasets` gives."""
    picked = []
    for row in rows:
        value = row
        for key in leaf.path:
            value = value[str(key)]
        array = np.asarray(value)
        assert array.dtype.kind == leaf.dtype.kind or schema.is_image(leaf) or leaf.dtype.kind == "u"
        picked.append(array.astype(leaf.dtype))
    return np.stack(picked)


def write(folder, columns, arrays, split="train"):
    layout = arrow_schema(columns)
    with writer.ShardWriter(folder, split, schema=layout) as out:
        out.write(pa.Table.from_arrays(arrays, schema=layout))
    return [str(folder / shard.name) for shard in out.shards]


def transitions(space, values, action_space, actions):
    """All columns of "transitions", in order."""
    rows = len(values[0])
    observation = schema.to_arrow(space, values)
    return [
        pa.array(np.zeros(rows, np.int64)),
        pa.array(np.arange(rows)),
        observation,
        schema.to_arrow(action_space, actions),
        pa.array(np.linspace(-1, 1, rows)),
        observation,
        pa.array(np.zeros(rows, np.bool_)),
        pa.array(np.arange(rows) == rows - 1),
    ]


@pytest.mark.slow
@given(recorded(rows=st.integers(0, 5)))
@settings(max_examples=60)
def test_values_come_back_from_arrow_bit_for_bit(case):
    space, values = case
    column = schema.to_arrow(space, values)
    assert column.null_count == 0
    assert_same(schema.from_arrow(space, column), values)


@given(recorded(rows=st.integers(2, 5)), st.data())
@settings(max_examples=20)
def test_slices_and_chunks_come_back_as_their_rows(case, draw):
    space, values = case
    rows = len(values[0])
    column = schema.to_arrow(space, values)
    start = draw.draw(st.integers(0, rows))
    assert_same(schema.from_arrow(space, column[start:]), [part[start:] for part in values])
    assert_same(schema.from_arrow(space, pa.chunked_array([column[:start], column[start:]])), values)


@given(recorded(), recorded(space=plain, rows=st.just(5)))
@settings(max_examples=20)
def test_values_come_back_from_parquet_and_load_dataset_bit_for_bit(case, acting):
    (space, values), (action_space, actions) = case, acting
    rows = len(values[0])
    actions = tuple(part[:rows] for part in actions)
    columns = transition_features(space, action_space, next_observation=True)
    with TemporaryDirectory() as folder:
        files = write(Path(folder), columns, transitions(space, values, action_space, actions))
        read = pq.read_table(files[0])
        opened = datasets.load_dataset(
            "parquet", data_files=files, split="train", cache_dir=f"{folder}/cache"
        )
        assert opened.features == as_datasets(columns)
        for name, kind, expected in (
            ("observation", space, values),
            ("action", action_space, actions),
            ("next_observation", space, values),
        ):
            assert_same(schema.from_arrow(kind, read.column(name)), expected)
            assert_same(schema.from_arrow(kind, opened.data.column(name)), expected)
            found = opened[name][:]
            assert_same([leaf_rows(leaf, found) for leaf in leaves(kind)], expected)
        assert opened["reward"][:] == np.linspace(-1, 1, rows).tolist()
        del opened


@given(any_space, plain)
@settings(max_examples=20)
def test_the_card_declares_the_same_features(space, action_space):
    columns = transition_features(space, action_space, next_observation=False)
    text = yaml.safe_dump(yaml_features(columns), sort_keys=False)
    assert datasets.Features._from_yaml_list(yaml.safe_load(text)) == as_datasets(columns)
    metadata = json.loads(arrow_schema(columns).metadata[b"huggingface"])
    assert datasets.Features.from_dict(metadata["info"]["features"]) == as_datasets(columns)
    assert arrow_schema(columns) == as_datasets(columns).arrow_schema
    assert '"_type": "List"' not in json.dumps(metadata)


CARTPOLE = spaces.Box(-np.inf, np.inf, (4,), np.float32)


def test_transitions_have_the_columns_of_the_contract_in_order():
    columns = transition_features(CARTPOLE, spaces.Discrete(2), next_observation=True)
    assert yaml_features(columns) == [
        {"name": "episode_index", "dtype": "int64"},
        {"name": "step_index", "dtype": "int64"},
        {"name": "observation", "sequence": "float32", "length": 4},
        {"name": "action", "dtype": "int64"},
        {"name": "reward", "dtype": "float64"},
        {"name": "next_observation", "sequence": "float32", "length": 4},
        {"name": "terminated", "dtype": "bool"},
        {"name": "truncated", "dtype": "bool"},
    ]
    assert "next_observation" not in transition_features(CARTPOLE, spaces.Discrete(2), next_observation=False)


def test_episodes_have_the_columns_of_the_contract_in_order():
    assert yaml_features(episode_features(CARTPOLE)) == [
        {"name": "episode_index", "dtype": "int64"},
        {"name": "attempt_index", "dtype": "int64"},
        {"name": "seed", "dtype": "int64"},
        {"name": "policy", "dtype": "string"},
        {"name": "length", "dtype": "int64"},
        {"name": "episode_return", "dtype": "float64"},
        {"name": "terminated", "dtype": "bool"},
        {"name": "truncated", "dtype": "bool"},
        {"name": "final_observation", "sequence": "float32", "length": 4},
        {"name": "row_start", "dtype": "int64"},
        {"name": "row_end", "dtype": "int64"},
    ]


def test_metadata_speaks_the_words_that_older_versions_of_datasets_know():
    space = spaces.Dict({"list": CARTPOLE, "grid": box("float64", (2, 3)), "view": box("uint8", (4, 5))})
    columns = {"observation": transition_features(space, space, next_observation=False)["action"]}
    assert json.loads(arrow_schema(columns).metadata[b"huggingface"]) == {
        "info": {
            "features": {
                "observation": {
                    "grid": {"shape": [2, 3], "dtype": "float64", "_type": "Array2D"},
                    "list": {
                        "feature": {"dtype": "float32", "_type": "Value"},
                        "length": 4,
                        "_type": "Sequence",
                    },
                    "view": {"_type": "Image"},
                }
            }
        }
    }
    assert yaml_features(columns) == [
        {
            "name": "observation",
            "struct": [
                {"name": "grid", "dtype": {"array2_d": {"shape": [2, 3], "dtype": "float64"}}},
                {"name": "list", "sequence": "float32", "length": 4},
                {"name": "view", "dtype": "image"},
            ],
        }
    ]


NUMBERS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64"]
NUMBERS += ["uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 3), (2, 1, 1, 3), (1, 2, 1, 1, 3)])
def test_each_dtype_of_each_rank_comes_back_from_parquet(shape, tmp_path):
    parts = {dtype: box(dtype, shape) for dtype in NUMBERS}
    values, columns = {}, {}
    for dtype, space in parts.items():
        bits = np.random.default_rng(0).bytes(4 * int(np.prod(shape)) * np.dtype(dtype).itemsize)
        values[dtype] = np.frombuffer(bits, dtype).reshape(4, *shape)
        columns[dtype] = transition_features(space, space, next_observation=False)["action"]
    arrays = [schema.to_arrow(parts[dtype], [values[dtype]]) for dtype in NUMBERS]
    (file,) = write(tmp_path, columns, arrays)
    table = pq.read_table(file)
    for dtype, space in parts.items():
        with case(dtype):
            assert_same(schema.from_arrow(space, table.column(dtype)), [values[dtype]])


def test_a_discrete_space_keeps_its_dtype():
    space, values = spaces.Discrete(3, start=-1, dtype=np.int8), np.array([-1, 1], np.int8)
    columns = transition_features(space, space, next_observation=False)
    assert columns["action"] == value("int8")
    assert_same(schema.from_arrow(space, schema.to_arrow(space, [values])), [values])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_bools_come_back_from_parquet(shape, tmp_path):
    space = spaces.Box(0, 1, shape, np.bool_)
    values = np.random.default_rng(0).integers(0, 2, (9, *shape)).astype(np.bool_)
    columns = {"action": transition_features(space, space, next_observation=False)["action"]}
    (file,) = write(tmp_path, columns, [schema.to_arrow(space, [values])])
    assert_same(schema.from_arrow(space, pq.read_table(file).column("action")), [values])


def test_nan_keeps_its_bits():
    values = np.array([0x7FC00000, 0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)
    space = box("float32", ())
    assert_same(schema.from_arrow(space, schema.to_arrow(space, [values])), [values])


PLAIN = [np.array([True, False, True] * 3), np.array(["ß", "", "a b"], object), np.arange(5, dtype=np.uint64)]
PLAIN += [np.array([np.nan, -0.0, np.inf], dtype) for dtype in ("f2", "f4", "f8")]


@pytest.mark.parametrize("values", PLAIN, ids=lambda values: str(values.dtype))
def test_plain_values_are_the_arrow_array_that_pyarrow_makes_and_come_back(values):
    for rows in (values, values[1:], values[::2], values[:0]):
        stored = schema.plain_to_arrow(rows)
        made = pa.array(rows, stored.type)
        stored.validate(full=True)
        assert [str(value) for value in stored] == [str(value) for value in made]
        for column in (stored, made, pa.chunked_array([made, made])[len(made) :]):
            back = schema.plain_from_arrow(column)
            assert back.dtype == rows.dtype
            assert (
                back.tolist() == rows.tolist() if rows.dtype == object else back.tobytes() == rows.tobytes()
            )


def test_plain_values_are_there_in_each_row():
    with pytest.raises(DatasetError, match="a column of the dataset holds nulls"):
        schema.plain_from_arrow(pa.array([1, None]))


def test_numbers_are_shared_with_arrow_and_not_copied():
    space, values = box("float32", (2, 3)), np.ones((5, 2, 3), np.float32)
    column = schema.to_arrow(space, [values])
    assert np.shares_memory(schema.from_arrow(space, column)[0], values)


def test_a_dataset_folder_opens_with_typed_features_streamed_or_not(tmp_path):
    space = spaces.Dict({"view": box("uint8", (4, 5, 3)), "speed": box("float64", (2, 2))})
    columns = transition_features(space, CARTPOLE, next_observation=True)
    ends = episode_features(space)
    rng = np.random.default_rng(0)
    speed, view = rng.random((6, 2, 2)), rng.integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
    actions = rng.random((6, 4)).astype(np.float32)
    (tmp_path / "data").mkdir()
    (tmp_path / "episodes").mkdir()
    write(tmp_path / "data", columns, transitions(space, [speed, view], CARTPOLE, [actions]))
    one = (
        [pa.array([7])] * 3 + [pa.array(["expert"]), pa.array([6]), pa.array([0.5])] + [pa.array([True])] * 2
    )
    final = schema.to_arrow(space, [speed[-1:], view[-1:]])
    write(tmp_path / "episodes", ends, [*one, final, pa.array([0]), pa.array([6])])
    header = {
        "configs": [
            {"config_name": name, "data_files": [{"split": "train", "path": f"{folder}/train-*.parquet"}]}
            for name, folder in (("transitions", "data"), ("episodes", "episodes"))
        ],
        "dataset_info": [
            {"config_name": name, "features": yaml_features(features)}
            for name, features in (("transitions", columns), ("episodes", ends))
        ],
    }
    header["configs"][0]["default"] = True
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n")

    for streaming in (False, True):
        cache = str(tmp_path / "cache")
        opened = datasets.load_dataset(str(tmp_path), split="train", streaming=streaming, cache_dir=cache)
        assert opened.features == as_datasets(columns)
        rows = list(opened)
        assert np.array_equal([np.asarray(row["observation"]["view"]) for row in rows], view)
        assert np.array_equal([row["next_observation"]["speed"] for row in rows], speed)
        assert [row["action"] for row in rows] == actions.tolist()
        opened = datasets.load_dataset(
            str(tmp_path), "episodes", split="train", streaming=streaming, cache_dir=cache
        )
        assert opened.features == as_datasets(ends)
        (row,) = opened
        assert np.array_equal(np.asarray(row["final_observation"]["view"]), view[-1])
        assert (row["policy"], row["seed"], row["row_end"]) == ("expert", 7, 6)


IMAGES = [
    (box("uint8", (4, 5, 3)), True),
    (box("uint8", (4, 5)), True),
    (box("uint8", (4, 5, 3), high=254), False),
    (spaces.Box(1, 255, (4, 5), np.uint8), False),
    (box("uint8", (4, 5, 1)), False),
    (box("uint8", (3, 4, 5)), False),
    (box("uint8", (128,)), False),
    (spaces.Box(0, 255, (4, 5), np.float32), False),
    (spaces.MultiBinary([4, 5]), False),
    (spaces.MultiDiscrete(np.full((4, 5), 3), dtype=np.uint8), False),
]


def test_images_are_uint8_boxes_with_one_or_three_channels_and_full_bounds():
    for space, stored in IMAGES:
        with case(space, stored):
            column = transition_features(space, space, next_observation=False)["observation"]
            assert (column == image()) is stored


BY_DEFAULT = [
    (CARTPOLE, True),
    (spaces.Discrete(16), True),
    (box("uint8", (128,)), True),
    (box("float32", (2, 3)), True),
    (box("uint8", (210, 160, 3)), False),
    (box("uint8", (4, 84, 84)), False),
    (spaces.Dict({"speed": CARTPOLE, "view": box("uint8", (4, 5))}), False),
]


def test_next_observations_are_stored_by_default_unless_they_are_pixels():
    for space, default in BY_DEFAULT:
        with case(space, default):
            assert next_observation_default(space) is default


NOT_STORED = [
    (box("float32", (1, 1, 1, 1, 1, 2)), "too many axes"),
    (spaces.Dict({"a": CARTPOLE, "b": spaces.Dict({})}), "a part that is empty"),
    (spaces.Dict({"a": CARTPOLE, "b": spaces.Tuple([])}), "a part that is empty"),
    (spaces.Dict({"_type": CARTPOLE}), "a part named '_type'"),
    (spaces.Dict({"": CARTPOLE}), "a part named ''"),
    (spaces.Dict({1: CARTPOLE}), "a part named 1"),
    (spaces.Dict({"a": spaces.Box(0, 1, (0,))}), "no values"),
    (spaces.Text(3), "Text space"),
]


def test_a_space_that_cannot_be_stored_is_refused_before_play():
    for space, message in NOT_STORED:
        with case(space, message):
            with pytest.raises(SpaceError, match=message) as caught:
                transition_features(space, spaces.Discrete(2), next_observation=True)
            assert "observation space" in str(caught.value)
            with pytest.raises(SpaceError, match="action space"):
                transition_features(CARTPOLE, space, next_observation=True)
            with pytest.raises(SpaceError):
                episode_features(space)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((5, 4), np.float64),
        np.zeros((5, 3), np.float32),
        np.zeros((4,), np.float32),
        np.zeros((5, 4, 1), np.float32),
    ],
)
def test_values_of_another_dtype_or_shape_are_refused(values):
    with pytest.raises(SpaceError, match=r"float32 \[rows, \*\(4,\)\]"):
        schema.to_arrow(CARTPOLE, [values])


def test_a_missing_leaf_is_refused():
    with pytest.raises(SpaceError, match="expected 2 arrays; got 1"):
        schema.to_arrow(spaces.Tuple([CARTPOLE, CARTPOLE]), [np.zeros((5, 4), np.float32)])


MISMATCHES = [
    (CARTPOLE, pa.array([[1.0, 2.0, 3.0]], pa.list_(pa.float32(), 3))),
    (CARTPOLE, pa.array([[1.0, 2.0, 3.0, 4.0]], pa.list_(pa.float64(), 4))),
    (CARTPOLE, pa.array([[1.0, 2.0, 3.0, None]], pa.list_(pa.float32(), 4))),
    (CARTPOLE, pa.array([None], pa.list_(pa.float32(), 4))),
    (CARTPOLE, pa.array([1.0], pa.float32())),
    (box("int64", (2, 2)), pa.array([[[1, 2, 3], [4]]], pa.list_(pa.list_(pa.int64())))),
    (box("int64", (2, 2)), pa.array([[[1, 2]], [[1, 2], [3, 4], [5, 6]]], pa.list_(pa.list_(pa.int64())))),
    (spaces.Discrete(2), pa.array([1, None])),
    (spaces.Dict({"a": spaces.Discrete(2)}), pa.array([{"b": 1}])),
    (spaces.Dict({"a": spaces.Discrete(2)}), pa.array([1])),
    (spaces.Dict({"a": spaces.Discrete(2)}), pa.array([{"a": 1}, None])),
    (box("uint8", (2, 2)), pa.array([1])),
]


def test_a_column_of_something_else_is_refused():
    for space, column in MISMATCHES:
        wrong = pytest.raises(DatasetError, match="does not hold the values of its space")
        with case(space, column), wrong:
            schema.from_arrow(space, column)


@sweep("name", ["CartPole-v1", "Pendulum-v1", "Blackjack-v1"])
def test_real_environments_have_columns(name):
    with gym.make(name) as env:
        observation, _ = env.reset(seed=0)
        columns = transition_features(env.observation_space, env.action_space, next_observation=True)
        values = [
            np.asarray(leaf.pick(observation), leaf.dtype)[None] for leaf in leaves(env.observation_space)
        ]
        column = schema.to_arrow(env.observation_space, values)
        assert column.type == arrow_schema(columns).field("observation").type
        assert_same(schema.from_arrow(env.observation_space, column), values)
