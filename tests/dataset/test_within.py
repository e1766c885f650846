"""Actions are of their space; observations beyond theirs are counted, and both are said."""

import dataclasses
import json
import logging

import gymnasium as gym
import numpy as np
import pytest
from recordings import recording_of

from builder.card.contents import read_contents
from builder.card.limits import limits
from builder.dataset.collation import Collation
from builder.dataset.folder import write_dataset
from builder.dataset.within import count_beyond, first_outside, refuse_outside, tell_of_beyond
from builder.episodes.recording_file import Header, write_recording
from builder.episodes.spaces import Spaces
from builder.errors import SpaceError
from builder.verify.tables import check_tables

NESTED = gym.spaces.Dict({"arm": gym.spaces.Box(-1, 1, (2,)), "door": gym.spaces.Discrete(3, start=-1)})


@pytest.mark.parametrize(
    ("arm", "door", "found"),
    [
        ([[0, 1], [-1, 0.5]], [-1, 1], None),
        ([[0, 1], [-1, 1.5]], [-1, 1], (1, "arm", "-1.0 to 1.0", "1.5")),
        ([[0, 1], [np.nan, 0]], [-1, 1], (1, "arm", "-1.0 to 1.0", "nan")),
        ([[0, 1], [0, 9]], [2, 1], (0, "door", "-1 to 1", "2")),
    ],
)
def test_the_first_action_outside_its_space_is_named_with_its_part(arm, door, found):
    outside = first_outside(NESTED, [np.array(arm, np.float32), np.array(door)])
    assert outside is None if found is None else dataclasses.astuple(outside) == found


def test_an_infinite_action_is_of_no_space():
    space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    assert first_outside(space, [np.array([[1e30], [np.inf]], np.float32)]).row == 1


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (gym.spaces.Box(-np.inf, np.inf, (1,), np.float64), 0),
        (gym.spaces.Box(0, 4, (1,), np.float64), 1 + 3),  # the step 5, and all final ones
        (gym.spaces.Box(0, 100, (1,), np.float64), 2),
    ],
)
def test_observations_beyond_their_bounds_are_counted_final_ones_included(space, count):
    assert count_beyond(space, recording_of([2, 1, 3])) == count


def test_infinite_observations_are_counted_and_pixels_are_not_looked_at():
    recording = recording_of([2, 1])
    infinite = dataclasses.replace(recording, finals=(np.array([[np.inf], [0.0]]),))
    assert count_beyond(gym.spaces.Box(-np.inf, np.inf, (1,), np.float64), infinite) == 1
    pixels = dataclasses.replace(
        recording, observations=(np.zeros((3, 1), np.uint8),), finals=(np.zeros((2, 1), np.uint8),)
    )
    assert count_beyond(gym.spaces.Box(0, 255, (1,), np.uint8), pixels) == 0


def test_a_recorded_action_outside_its_space_is_refused_with_its_place():
    spaces = Spaces(gym.spaces.Box(-np.inf, np.inf, (1,), np.float64), gym.spaces.Discrete(1))
    with pytest.raises(
        SpaceError, match=r"attempt 3 recorded, at step 1, an action .*expected 0 to 0; got 1"
    ):
        refuse_outside(recording_of([2, 1, 3]), spaces)


def written(tmp_path, recordings, spaces, **plan):
    files = []
    for number, recording in enumerate(recordings):
        path = tmp_path / "recorded" / f"chunk-{number}"
        first, last = int(recording.attempts[0]), int(recording.attempts[-1])
        write_recording(recording, path, Header("", first, last + 1, "mine"))
        files.append(path)
    collation = Collation({}, "mine", *spaces, **plan)
    (tmp_path / "recorded" / "build.json").write_text(json.dumps(collation.to_json()))
    return write_dataset(tmp_path / "x", files)


BOUNDED = Spaces(gym.spaces.Box(0, 100, (1,), np.float64), gym.spaces.Discrete(2))


def test_what_is_beyond_the_bounds_is_in_manifest_log_and_card_and_verified(tmp_path, caplog):
    caplog.set_level(logging.INFO, "builder")
    manifest = written(tmp_path, [recording_of([2, 1, 3])], BOUNDED)
    assert manifest.beyond_bounds == 2
    tell_of_beyond(manifest)
    assert "2 of 9 observations are beyond the bounds" in caplog.text
    assert "of all observations, final ones included" in limits(read_contents(tmp_path / "x"))
    assert check_tables(tmp_path / "x", manifest).difference is None
    wrong = dataclasses.replace(manifest, beyond_bounds=1)
    assert "beyond their bounds" in str(check_tables(tmp_path / "x", wrong).difference)


def test_verification_refuses_an_action_outside_the_declared_space(tmp_path):
    manifest = written(tmp_path, [recording_of([2, 1, 3])], BOUNDED)
    narrow = dataclasses.replace(manifest, action_space={**manifest.action_space, "n": 1})
    found = check_tables(tmp_path / "x", narrow).difference
    assert (found.column, found.step, found.expected, found.got) == ("action", 1, "0 to 0", "1")


def test_failed_attempts_up_to_the_last_accepted_one_are_counted_and_said(tmp_path):
    """Attempts 3 to 7, of which 4, 6 and 7 failed; 5 is the last that is wanted."""
    manifest = written(tmp_path, [recording_of([2, 0, 3, 0, 0])], BOUNDED, episodes=2)
    assert (manifest.attempts, manifest.accepted, manifest.failed) == (6, 2, 1)
    assert "1 attempt of 6 failed and count" in limits(read_contents(tmp_path / "x"))
