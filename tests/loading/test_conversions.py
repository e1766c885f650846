"""A view's episodes, and no others, as what other libraries take."""

import csv

import numpy as np
import pytest

from builder import load
from builder.errors import ConfigError


@pytest.mark.parametrize("chosen", [slice(1, 4), slice(None, None, -2)])
def test_a_view_hands_on_its_own_steps_and_final_observations(dataset_of, chosen):
    dataset = load(dataset_of("vector"))
    view, episodes = dataset[chosen], list(dataset)[chosen]
    observations = np.concatenate([episode.observations[:-1] for episode in episodes])
    following = np.concatenate([episode.observations[1:] for episode in episodes])
    buffer = view.to_sb3(scale_actions=False)
    np.testing.assert_array_equal(buffer.observations[:, 0], observations)
    np.testing.assert_array_equal(buffer.next_observations[:, 0], following)
    np.testing.assert_array_equal(view.tensors()["observation"], observations)
    np.testing.assert_array_equal(view.to_torch()[len(observations) - 1]["observation"], observations[-1])
    assert len(view.to_pandas()) == len(observations)


def test_an_empty_view_hands_on_nothing(dataset_of):
    view = load(dataset_of("dict"))[3:3]
    assert len(view.tensors()["reward"]) == len(view.to_pandas()) == 0


def exported(view, path, **options):
    """The rewards in a table that was exported, in its order."""
    lines = csv.DictReader(view.export("csv", path, **options).read_text().splitlines())
    return [float(line["reward"]) for line in lines if line["reward"]]


def test_a_view_exports_its_episodes_in_stored_order(dataset_of, tmp_path):
    dataset = load(dataset_of("vector"))
    assert exported(dataset[3:0:-1], tmp_path / "x.csv") == dataset[1:4]["reward"].tolist()


def test_the_first_of_a_view_or_a_list_of_them_can_be_exported_and_no_other(dataset_of, tmp_path):
    dataset = load(dataset_of("vector"))
    view = dataset[2:5]
    indices = view.episode_table["episode_index"][:]
    assert exported(view, tmp_path / "x.csv", episodes=1) == dataset[2:3]["reward"].tolist()
    assert exported(view, tmp_path / "y.csv", episodes=indices[1:]) == dataset[3:5]["reward"].tolist()
    for wrong in ({"episodes": [0]}, {"episodes": 0}):
        with pytest.raises(ConfigError, match=r"the view has no episode 0|an export needs episodes"):
            view.export("csv", tmp_path / "z.csv", **wrong)
    with pytest.raises(ConfigError, match="an export needs episodes"):
        view[:0].export("csv", tmp_path / "z.csv")
