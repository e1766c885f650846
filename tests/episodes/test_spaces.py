"""Spaces as leaves, and as JSON and back."""

import json
import tracemalloc

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import plain_spaces, sampled_spaces
from space_strategies import spaces as any_space
from sweeps import case

from builder.episodes.spaces import assemble, describe, from_description, leaves, mask_space
from builder.errors import SpaceError

NESTED = spaces.Dict(
    [
        ("speed", spaces.Box(-1, 1, (2,), np.float32)),
        ("arm", spaces.Tuple([spaces.Discrete(3), spaces.Dict({"grip": spaces.MultiBinary(4)})])),
    ]
)


def test_a_plain_space_is_one_leaf_without_a_path():
    space = spaces.Box(0, 255, (4, 5, 3), np.uint8)
    (leaf,) = leaves(space)
    assert (leaf.path, leaf.name, leaf.space, leaf.shape, leaf.dtype) == ((), "", space, (4, 5, 3), np.uint8)


def test_the_leaves_of_a_nested_space_come_in_its_own_order_with_their_paths():
    found = [(leaf.path, leaf.name, leaf.shape, leaf.dtype.name) for leaf in leaves(NESTED)]
    assert found == [
        (("speed",), "speed", (2,), "float32"),
        (("arm", 0), "arm.0", (), "int64"),
        (("arm", 1, "grip"), "arm.1.grip", (4,), "int8"),
    ]


def test_a_leaf_picks_its_part_of_a_value():
    value = {"speed": [0.5, 1.0], "arm": (2, {"grip": [1, 0, 1, 1]})}
    assert [leaf.pick(value) for leaf in leaves(NESTED)] == [[0.5, 1.0], 2, [1, 0, 1, 1]]


@given(sampled_spaces)
def test_leaves_have_the_shape_and_dtype_of_what_the_space_samples(space):
    space.seed(0)
    value = space.sample()
    for leaf in leaves(space):
        part = np.asarray(leaf.pick(value))
        assert (part.shape, part.dtype) == (leaf.shape, leaf.dtype)


def assert_same_objects(left, right):
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert list(left) == list(right)
        left, right = tuple(left.values()), tuple(right.values())
    if isinstance(left, tuple):
        for one, other in zip(left, right, strict=True):
            assert_same_objects(one, other)
    else:
        assert left is right


@given(sampled_spaces)
def test_what_is_assembled_from_the_leaves_of_a_value_is_that_value(space):
    space.seed(0)
    value = space.sample()
    assert_same_objects(assemble(space, [leaf.pick(value) for leaf in leaves(space)]), value)


def test_a_dict_is_assembled_with_dicts_and_a_tuple_with_tuples():
    assert assemble(NESTED, ["a", "b", "c"]) == {"speed": "a", "arm": ("b", {"grip": "c"})}


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        (spaces.Text(5), "Text"),
        (spaces.Graph(spaces.Discrete(2), None), "Graph"),
        (spaces.Sequence(spaces.Discrete(2)), "Sequence"),
        (spaces.OneOf([spaces.Discrete(2)]), "OneOf"),
    ],
)
def test_a_kind_of_space_that_cannot_be_recorded_is_refused(space, kind):
    with pytest.raises(SpaceError) as caught:
        leaves(space, "action space")
    assert str(caught.value) == (
        f"the action space is a {kind} space, which cannot be recorded; expected Box, Discrete,"
        " MultiDiscrete, MultiBinary, Dict or Tuple; wrap the environment so that its space is one of these"
    )


def test_a_refused_part_is_named_by_its_path():
    space = spaces.Dict({"arm": spaces.Tuple([spaces.Discrete(2), spaces.Text(5)])})
    with pytest.raises(SpaceError, match=r"the observation space at 'arm\.1' is a Text space"):
        leaves(space, "observation space")


@pytest.mark.parametrize("space", [spaces.Dict({}), spaces.Tuple([]), spaces.Dict({"a": spaces.Tuple([])})])
def test_a_space_without_leaves_is_refused(space):
    with pytest.raises(SpaceError, match=r"the action space .* is empty"):
        leaves(space, "action space")


def test_a_space_of_zero_size_is_refused():
    with pytest.raises(SpaceError, match=r"the space has no values: its shape is \(3, 0\)"):
        leaves(spaces.Box(0, 1, (3, 0)))


def test_a_dtype_that_no_column_holds_is_refused():
    with pytest.raises(SpaceError, match="the space has dtype float128, which cannot be stored"):
        leaves(spaces.Box(0, 1, (2,), np.longdouble))


def leaf_facts(space):
    return [(leaf.path, leaf.shape, leaf.dtype) for leaf in leaves(space)]


@given(any_space)
def test_a_space_survives_its_description_as_json(space):
    text = json.dumps(describe(space), sort_keys=True, allow_nan=False)
    again = from_description(json.loads(text))
    assert again == space
    assert leaf_facts(again) == leaf_facts(space)  # a Dict space equals one with its keys in another order
    assert describe(again) == describe(space)


def test_the_bounds_of_a_box_survive_bit_for_bit():
    low = np.array(
        [-np.inf, -0.1, -np.finfo(np.float32).max, np.finfo(np.float32).smallest_subnormal], np.float32
    )
    space = spaces.Box(low, np.full(4, np.inf, np.float32))
    again = from_description(json.loads(json.dumps(describe(space), allow_nan=False)))
    assert again.low.tobytes() == space.low.tobytes()
    assert again.high.tobytes() == space.high.tobytes()


def test_equal_bounds_are_written_as_one_number():
    assert describe(spaces.Box(0, 255, (84, 84, 3), np.uint8)) == {
        "type": "Box",
        "dtype": "uint8",
        "shape": [84, 84, 3],
        "low": 0,
        "high": 255,
    }


def test_infinite_bounds_are_written_as_text():
    description = describe(spaces.Box(-np.inf, np.array([1.0, np.inf]), (2,), np.float64))
    assert (description["low"], description["high"]) == ("-inf", [1.0, "inf"])


def test_a_space_of_a_derived_class_is_described_as_its_base():
    class Angle(spaces.Box):
        pass

    again = from_description(describe(Angle(-np.pi, np.pi, (1,), np.float64)))
    assert type(again) is spaces.Box
    assert again.low.tolist() == [-np.pi]


def test_a_space_that_cannot_be_recorded_cannot_be_described():
    with pytest.raises(SpaceError, match="a Text space cannot be described"):
        describe(spaces.Text(5))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(json_values)
def test_what_is_no_description_is_refused(value):
    with pytest.raises(SpaceError, match="not the description of a space"):
        from_description(value)


def test_a_description_with_numbers_that_its_dtype_cannot_hold_is_refused():
    with pytest.raises(SpaceError, match="not the description of a space"):
        from_description(describe(spaces.MultiDiscrete([1])) | {"dtype": "int32", "nvec": [2147483648.0]})


def test_a_description_of_more_than_memory_holds_is_refused_whatever_the_other_parts_say():
    box = describe(spaces.Box(0, 1, (1,)))
    parts = [box | {"shape": [10**12]}, box | {"shape": [-(10**12)]}]
    with pytest.raises(SpaceError, match="not the description of a space"):
        from_description({"type": "Tuple", "spaces": parts})


BOX, BITS = describe(spaces.Box(0, 1, (1,))), describe(spaces.MultiBinary(2))
DISCRETE = describe(spaces.Discrete(2))


TOO_LARGE = [
    BITS | {"n": [2**24, 24]},
    BITS | {"n": [2**13, 2**13]},
    BITS | {"n": [True, 2**25]},
    BOX | {"shape": [2**12, 2**11], "dtype": "float64"},
    BOX | {"shape": [1] * 40},
    BOX | {"dtype": "V2147483647"},
    BOX | {"dtype": "U536870912"},
    BOX | {"dtype": "i4,i4"},
    {"type": "Tuple", "spaces": [BOX | {"shape": [2**12, 2**9], "dtype": "float64"}] * 3},
    {"type": "Tuple", "spaces": [DISCRETE] * 1001},
    {"type": "Dict", "spaces": [["a", BITS | {"n": [2**23]}], ["b", BITS | {"n": [2**23 + 1]}]]},
]


def test_the_product_of_all_sizes_is_bounded_before_anything_is_made():
    for description in TOO_LARGE:
        with case(description):
            tracemalloc.start()
            try:
                with pytest.raises(SpaceError, match="not the description of a space"):
                    from_description(description)
                assert tracemalloc.get_traced_memory()[1] < 1 << 20
            finally:
                tracemalloc.stop()


def test_a_description_nested_without_end_is_refused():
    nested = DISCRETE
    for _ in range(500):
        nested = {"type": "Tuple", "spaces": [nested]}
    with pytest.raises(SpaceError, match="nested more than 16 deep"):
        from_description(nested)


@given(plain_spaces, st.data())
def test_a_description_with_a_wrong_entry_is_refused_or_describes_a_space(space, data):
    description = describe(space)
    entry = data.draw(st.sampled_from(sorted(description)))
    try:
        found = from_description({**description, entry: data.draw(json_values)})
    except SpaceError:
        return
    assert isinstance(found, gym.Space)


def test_two_parts_of_one_name_are_refused():
    inner = spaces.Dict({"b": spaces.Discrete(2)})
    with pytest.raises(SpaceError, match=r"two parts of the space are both called 'a\.b'"):
        leaves(spaces.Dict({"a.b": spaces.Discrete(2), "a": inner}))


@pytest.mark.parametrize(
    ("actions", "choices"),
    [
        (gym.spaces.Discrete(4, start=-1), 4),
        (gym.spaces.MultiDiscrete([2, 3]), 5),
        (gym.spaces.MultiBinary(3), 6),
    ],
)
def test_a_mask_has_a_bool_for_each_choice_of_an_action(actions, choices):
    assert mask_space(actions) == gym.spaces.Box(0, 1, (choices,), np.bool_)
    assert from_description(describe(mask_space(actions))) == mask_space(actions)


@pytest.mark.parametrize(
    "actions",
    [gym.spaces.Box(-1, 1, (2,)), gym.spaces.MultiBinary([2, 2]), gym.spaces.Tuple([gym.spaces.Discrete(2)])],
)
def test_actions_that_are_no_choices_have_no_masks(actions):
    with pytest.raises(SpaceError, match="cannot be masked; expected Discrete, MultiDiscrete or MultiBinary"):
        mask_space(actions)
