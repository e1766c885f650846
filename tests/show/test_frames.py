import dataclasses

import numpy as np
import pytest

from builder.dataset.column import Rows
from builder.environments.drawing import drawable
from builder.environments.environment import make
from builder.episodes.spaces import Spaces
from builder.errors import ConfigError, NotRepeatedError
from builder.manifest.manifest import read_manifest
from builder.replay import recorded_environment
from builder.replay.recorded import RecordedSplit
from builder.show.frames import drawn, held, image_leaf


@pytest.fixture
def recorded(short_cartpole):
    manifest = read_manifest(short_cartpole)
    return RecordedSplit(short_cartpole, manifest, "train").episode(1), recorded_environment(manifest)


def moments(recorded, wanted=lambda _: True, **changes):
    """What is drawn of an episode whose recording was changed."""
    episode, spec = recorded
    recording = dataclasses.replace(episode.rows.recording, **changes)
    rows = Rows(recording, episode.rows.episode_index, episode.rows.policies)
    environment = make(drawable(spec))
    try:
        episode = dataclasses.replace(episode, rows=rows)
        return list(drawn(environment, episode, wanted, limit=spec.max_episode_steps))
    finally:
        environment.close()


def tampered(array, row):
    """A copy with one bit of a row turned."""
    changed = array.copy()
    changed.reshape(len(array), -1)[row].view(np.uint8)[..., :1] ^= 1
    return changed


def test_every_moment_is_drawn_from_the_first_to_the_one_after_the_last_step(recorded):
    found = moments(recorded)
    assert [moment.step for moment in found] == list(range(21))
    assert [moment.total for moment in found] == list(map(float, range(21)))
    assert {(moment.image.shape, moment.image.dtype.name) for moment in found} == {((400, 600, 3), "uint8")}
    assert (found[0].image != found[20].image).any()


def test_only_wanted_moments_are_drawn_and_look_as_they_do_among_all(recorded):
    some = moments(recorded, {0, 13}.__contains__)
    assert [moment.step for moment in some] == [0, 13]
    assert (some[1].image == moments(recorded)[13].image).all()


def test_another_action_fails_at_its_step(recorded):
    actions = recorded[0].rows.recording.actions[0].copy()
    actions[7] = 1 - actions[7]
    with pytest.raises(
        NotRepeatedError, match="episode 1, stepped again, differs after step 8 in observation"
    ):
        moments(recorded, actions=(actions,))


@pytest.mark.parametrize(
    ("field", "row", "column", "step"),
    [
        ("observations", 0, "observation", 0),
        ("observations", 5, "observation", 5),
        ("rewards", 3, "reward", 4),
    ],
)
def test_a_bit_of_what_is_recorded_fails_at_its_step(recorded, field, row, column, step):
    known = getattr(recorded[0].rows.recording, field)
    changed = tampered(known, row) if field == "rewards" else (tampered(known[0], row),)
    extra = {"returns": np.array([changed.sum()])} if field == "rewards" else {}
    with pytest.raises(NotRepeatedError, match=f"after step {step} in {column}"):
        moments(recorded, **{field: changed}, **extra)


def test_a_final_observation_and_an_ending_that_are_another_fail(recorded):
    finals = (tampered(recorded[0].rows.recording.finals[0], 0),)
    with pytest.raises(NotRepeatedError, match="after step 20 in observation"):
        moments(recorded, finals=finals)
    with pytest.raises(NotRepeatedError, match="after step 20 in truncated"):
        moments(recorded, truncated=np.array([False]))
    with pytest.raises(NotRepeatedError, match="after step 20 in terminated"):
        moments(recorded, terminated=np.array([True]))


def test_an_action_that_the_environment_does_not_take_is_said_with_its_step(recorded):
    actions = recorded[0].rows.recording.actions[0].copy()
    actions[4] = 9
    with pytest.raises(NotRepeatedError, match=r"after step 5.*AssertionError"):
        moments(recorded, actions=(actions,))


@pytest.mark.parametrize("kind", ["image", "dict"])
def test_images_that_a_dataset_holds_are_its_moments(dataset_of, kind):
    folder = dataset_of(kind)
    manifest = read_manifest(folder)
    episode = RecordedSplit(folder, manifest, "train").episode(0)
    leaf = image_leaf(manifest.spaces.observation)
    found = list(held(episode, leaf))
    recording = episode.rows.recording
    assert len(found) == len(recording.rewards) + 1
    first, last = recording.observations[leaf][0], recording.finals[leaf][0]
    for moment, image in ((found[0], first), (found[-1], last)):
        assert (moment.image == (image if image.ndim == 3 else image[..., None])).all()
        assert moment.image.shape[2] == 3
    assert found[-1].total == recording.returns[0]


def test_a_column_of_images_is_found_by_its_name(dataset_of):
    spaces: Spaces = read_manifest(dataset_of("dict")).spaces
    assert image_leaf(spaces.observation, "observation.eye") == image_leaf(spaces.observation)
    with pytest.raises(ConfigError, match=r"auto or environment or observation\.eye"):
        image_leaf(spaces.observation, "observation.position")
    assert image_leaf(read_manifest(dataset_of("vector")).spaces.observation) is None
