"""What is to be made of recorded files: as `build.json` says, else what they tell themselves."""

import json

import pytest
from recordings import SPACES, recording_of
from sweeps import case

from builder.dataset.collation import Collation, collation_of
from builder.episodes.acceptance import Acceptance
from builder.episodes.recording_file import Header, write_recording
from builder.errors import DatasetError, SpaceError
from builder.storage.layout import BUILD


def test_a_plan_survives_its_file():
    plan = Collation(
        {}, "mine", *SPACES, optional=("next_observation",), acceptance=Acceptance(475.0), episodes=3
    )
    assert Collation.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.to_json()["accepted_returns"] == ["475.0", "inf"]


def test_files_alone_give_the_columns_that_they_hold(tmp_path):
    for masks, optional in ((True, ("next_observation", "action_mask")), (False, ("next_observation",))):
        path = tmp_path / f"{masks}"
        write_recording(recording_of((2, 1), masks=masks), path, Header("", 0, 2, "mine"))
        assert collation_of([path]).optional == optional


def test_without_a_file_there_is_nothing_to_collate():
    with pytest.raises(DatasetError, match="no recorded episode"):
        collation_of([])


OTHER_TYPES = [
    {"policy": 3},
    {"episodes": "2"},
    {"every": 0.5},
    {"optional": "next_observation"},
    {"inputs": []},
    {"accepted_returns": ["x", "y"]},
    {"observation_space": {"type": "MultiBinary", "dtype": "int8", "n": [2**24, 24]}},
    {"unknown": 1},
]


def test_a_plan_of_other_types_is_one_error(tmp_path):
    for change in OTHER_TYPES:
        with case(change):
            plan = Collation({}, "x", *SPACES).to_json()
            (tmp_path / BUILD).write_text(json.dumps({**plan, **change}))
            with pytest.raises((DatasetError, SpaceError)):
                collation_of([tmp_path / "chunk"])


def test_a_plan_that_is_no_json_is_one_error(tmp_path):
    (tmp_path / BUILD).write_text("[" * 100_000)
    with pytest.raises(DatasetError, match=r"is damaged: .*nested more than 64 deep"):
        collation_of([tmp_path / "chunk"])
