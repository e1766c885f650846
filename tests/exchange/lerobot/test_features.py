"""What LeRobot's policies find a leaf by."""

import gymnasium as gym
import kinds
import numpy as np
import pytest

from builder.episodes.spaces import Spaces
from builder.errors import ConfigError
from builder.exchange.lerobot.features import features_of, schema_of

EYE = gym.spaces.Box(0, 255, (4, 4, 3), np.uint8)


def names(observed, acted=kinds.BOX):
    return [feature.name for side in features_of(Spaces(observed, acted)) for feature in side]


def test_a_state_a_camera_and_the_action_have_the_names_that_policies_look_for():
    assert names(kinds.BOX) == ["observation.state", "action"]
    assert names(EYE) == ["observation.image", "action"]
    nested = gym.spaces.Dict({"state": kinds.BOX, "top": EYE, "image": EYE, "images.left": EYE})
    assert names(nested) == [
        "observation.image",
        "observation.images.left",
        "observation.state",
        "observation.images.top",
        "action",
    ]
    assert names(kinds.OBSERVED["tuple"], gym.spaces.Dict({"arm": kinds.BOX})) == [
        "observation.0",
        "observation.1",
        "action.arm",
    ]


def test_a_scalar_has_one_axis_and_a_grey_picture_one_channel():
    observed, _ = features_of(Spaces(kinds.OBSERVED["dict"], kinds.BOX))
    assert {feature.name: (feature.dtype, feature.shape) for feature in observed} == {
        "observation.count": ("int64", (1,)),
        "observation.images.eye": ("image", (32, 32, 1)),
        "observation.position": ("float32", (3,)),
    }


def test_what_lerobot_has_no_name_for_is_refused():
    with pytest.raises(ConfigError, match="no '/' in a name"):
        names(gym.spaces.Dict({"a/b": kinds.BOX}))
    with pytest.raises(ConfigError, match="at most 5 axes"):
        names(gym.spaces.Box(0, 1, (1,) * 6))
    with pytest.raises(ConfigError, match=r"'observation\.images\.top'"):
        names(gym.spaces.Dict({"top": EYE, "images.top": EYE}))


def test_datasets_reads_the_types_from_the_schema():
    import datasets

    observed, acted = features_of(Spaces(EYE, gym.spaces.Box(0, 1, (2, 2))))
    found = datasets.Features.from_arrow_schema(schema_of([*observed, *acted]))
    assert found == {"observation.image": datasets.Image(), "action": datasets.Array2D((2, 2), "float32")}
