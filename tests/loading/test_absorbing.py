"""Absorbing states, step by step."""

import numpy as np
import pytest
import torch
from sweeps import sweep

from builder import load
from builder.errors import ConfigError


def joined(batches):
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


def transitions(dataset, kept):
    """The steps of a dataset with absorbing states, by a loop."""
    for episode, number in zip(dataset, dataset.episode_table["episode_index"], strict=True):
        ended = bool(episode.terminations[-1])
        absorbing = np.append(np.zeros(episode.observations.shape[1]), 1.0)
        for step in range(len(episode)):
            over = ended and step == len(episode) - 1
            seen, after = (np.append(episode.observations[at], 0.0) for at in (step, step + 1))
            if (number, step) in kept:
                action, reward = episode.actions[step], episode.rewards[step]
                yield number, step, seen, action, reward, absorbing if over else after, False
        if ended:
            yield number, len(episode), absorbing, np.zeros_like(episode.actions[0]), 0.0, absorbing, True


@pytest.mark.parametrize("memory", [2**30, 1])
@sweep("seed", [None, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_terminated_episodes_end_in_a_state_that_is_never_left(dataset_of, every, seed, memory):
    dataset = load(dataset_of("vector"))
    thin = dataset if every == 1 else dataset.every(every, seed=1)
    kept = set(zip(thin["episode_index"].tolist(), thin["step_index"].tolist(), strict=True))
    found = joined(thin.batches(4, absorbing=True, seed=seed, memory=memory))
    order = np.lexsort((found["step_index"], found["episode_index"]))
    names = [
        "episode_index",
        "step_index",
        "observation",
        "action",
        "reward",
        "next_observation",
        "absorbing",
    ]
    expected = list(transitions(dataset, kept))
    assert 0 < sum(row[-1] for row in expected) < len(dataset)  # some were terminated, some cut off
    for name, values in zip(names, zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(found[name][order], np.array(values), err_msg=name)
    assert found["observation"].dtype == found["next_observation"].dtype == np.float32
    assert not found["terminated"].any()
    cut = {row for row, flag in enumerate(dataset["truncated"]) if flag}
    if every == 1:
        assert found["truncated"].sum() == len(cut)


def test_chosen_columns_come_with_the_mark(dataset_of):
    batch = next(load(dataset_of("vector")).batches(4, absorbing=True, columns=["observation"]))
    assert {name: tuple(values.shape) for name, values in batch.items()} == {
        "observation": (4, 4),
        "absorbing": (4,),
    }


@sweep("kind", ["image", "dict", "tuple", "whole", "choices", "start"], quick=2)
def test_what_is_no_vector_has_no_absorbing_state(dataset_of, kind):
    with pytest.raises(ConfigError, match="absorbing states are made of vectors, and the"):
        load(dataset_of(kind)).batches(4, absorbing=True)


def test_a_stack_has_no_absorbing_state(dataset_of):
    with pytest.raises(ConfigError, match="not stacked"):
        load(dataset_of("vector")).stacked(2).batches(4, absorbing=True)
