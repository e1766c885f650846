"""The features of both tables, as tests ask for them."""

import datasets

from builder.dataset.columns import EPISODES, TRANSITIONS, present
from builder.dataset.schema import features
from builder.episodes.spaces import Spaces


def as_datasets(columns):
    """As `datasets` has them."""
    return datasets.Features.from_dict(columns)


def transition_features(observation_space, action_space, *, next_observation):
    """Of the columns of "transitions"."""
    optional = ["next_observation"] if next_observation else []
    return features(present(TRANSITIONS, optional), Spaces(observation_space, action_space))


def episode_features(observation_space):
    """Of the columns of "episodes"."""
    return features(present(EPISODES), Spaces(observation_space, observation_space))
