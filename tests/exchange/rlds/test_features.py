"""What `features.json` says, and what it may not."""

import gymnasium as gym
import numpy as np
import pytest
from sweeps import case

from builder.episodes.spaces import leaves
from builder.errors import ConfigError, DatasetError
from builder.exchange.rlds.features import Part, flat, key_of, part_of, space_of


def tensor(*dimensions, dtype="float32", encoding="none"):
    return {"tensor": {"shape": {"dimensions": list(dimensions)}, "dtype": dtype, "encoding": encoding}}


def image(*dimensions, form="png", dtype="uint8"):
    described = {"shape": {"dimensions": list(dimensions)}, "encodingFormat": form, "dtype": dtype}
    return {"image": described}


PARTS = [
    (tensor("3"), Part((3,), np.dtype(np.float32))),
    (tensor(dtype="bool"), Part((), np.dtype(bool))),
    (tensor("2", dtype="float64", encoding="zlib"), Part((2,), np.dtype(np.float64), "zlib")),
    (image("4", "5", "3"), Part((4, 5, 3), np.dtype(np.uint8), "image")),
    (image("4", "5", "1", form=""), Part((4, 5, 1), np.dtype(np.uint8), "image", jpeg=True)),
    ({"text": {}}, Part((), np.dtype(object), "text")),
    ({"classLabel": {"numClasses": "3"}}, Part((), np.dtype(np.int64))),
    (tensor("-1"), None),
    (tensor("999999999", "999999999"), None),
    (tensor("9" * 5000), None),
    (tensor("3", dtype="object"), None),
    (tensor("3", dtype="no such"), None),
    (tensor("3", encoding="pickle"), None),
    (image("4", "5", "2"), None),
    (image("4", "5", "3", dtype="uint16"), None),
    ({"sequence": {"feature": tensor("3")}}, None),
    ({"video": {}}, None),
    ("nothing", None),
]


def test_an_array_of_fixed_shape_is_a_part_and_nothing_else_is():
    for feature, part in PARTS:
        with case(feature, part):
            assert dict(flat({"x": feature})) == {"x": part}


def test_nesting_has_an_end():
    feature = tensor("3")
    for _ in range(99):
        feature = {"featuresDict": {"features": {"x": feature}}}
    with pytest.raises(DatasetError, match="nested too deep"):
        list(flat({"x": feature}))


def test_parts_become_a_space_as_they_are_nested():
    parts = {
        "observation/a/b": Part((2,), np.dtype(np.float32)),
        "observation/c": Part((), np.dtype(np.int8)),
    }
    found = space_of(parts, "observation")
    assert [(leaf.path, leaf.shape) for leaf in leaves(found)] == [(("a", "b"), (2,)), (("c",), ())]
    with pytest.raises(DatasetError, match="the action holds 0 arrays"):
        space_of(parts, "action")


def test_what_a_list_of_float32_does_not_hold_is_kept_as_bytes():
    kinds = (np.float16, np.float32, np.float64)
    found = [part_of(*leaves(gym.spaces.Box(-1, 1, (2,), kind))).encoding for kind in kinds]
    assert found == ["bytes", "none", "bytes"]


@pytest.mark.parametrize("key", ["a/b", ""])
def test_a_key_that_no_feature_has_is_refused(key):
    (leaf,) = leaves(gym.spaces.Dict({key: gym.spaces.Discrete(2)}))
    with pytest.raises(ConfigError, match="rlds cannot hold the key"):
        key_of("observation", leaf)
