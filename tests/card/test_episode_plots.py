"""How episodes went: what varies is drawn, what does not is said."""

import dataclasses

import numpy as np
import pytest
from card_folders import inputs_of

from builder.card.contents import distinct_returns, read_contents
from builder.card.episode_plots import episode_sentences, episodes_picture
from builder.manifest.manifest import Distinct, Rejected


def contents(dataset, rewards, *, accepted=(-np.inf, np.inf), threshold="-inf", **changes):
    inputs = inputs_of(f"episodes={len(rewards)}", f"threshold={threshold}")
    found = read_contents(dataset(rewards, inputs=inputs, accepted=accepted))
    return dataclasses.replace(found, manifest=dataclasses.replace(found.manifest, **changes))


def test_what_is_the_same_in_all_episodes_is_a_sentence_and_no_bar(dataset):
    found = contents(dataset, [[1.0] * 3, [1.0] * 3])
    assert episodes_picture(found) is None
    assert episode_sentences(found) == "Every episode has a return of 3 and a length of 3 steps."


def test_of_two_things_only_the_one_that_varies_is_drawn(dataset):
    found = contents(dataset, [[1.0], [2.0]])
    assert episodes_picture(found) is not None
    assert episode_sentences(found) == "Every episode has a length of 1 step."


def test_what_varies_needs_no_sentence(dataset):
    assert episode_sentences(contents(dataset, [[1.0], [2.0, 3.0]])) == ""


def test_rejected_attempts_are_drawn_and_told_of(dataset):
    found = contents(dataset, [[5.0], [-3.0], [-2.0], [5.0]], accepted=(0, np.inf), threshold="0")
    assert found.manifest.rejected == Rejected(2, (-3.0, -2.0))
    assert episodes_picture(found) is not None
    assert episode_sentences(found) == (
        "Every episode has a return of 5 and a length of 1 step. 2 attempts were rejected for a return of"
        " -3 to -2, drawn in grey; 50.00% of attempts were accepted."
    )
    forgotten = dataclasses.replace(found, manifest=dataclasses.replace(found.manifest, rejected=None))
    assert episodes_picture(forgotten) is None
    assert "The returns of the 2 attempts that are not here were not recorded; 50.00%" in episode_sentences(
        forgotten
    )


def test_of_copies_what_differs_is_drawn_by_itself(dataset):
    rewards = [[1.0], [1.0], [1.0], [2.0], [4.0]]
    found = read_contents(dataset(rewards, inputs=inputs_of("episodes=5")))
    assert found.distinct_returns is None
    copies = dataclasses.replace(found, distinct_returns=np.array([1.0, 2.0, 4.0]))
    assert episodes_picture(copies) != episodes_picture(found)


@pytest.mark.parametrize(("episodes", "known"), [(3, [1.0, 2.0, 4.0]), (2, None), (4, None), (5, None)])
def test_distinct_episodes_are_known_where_returns_and_lengths_tell_them_apart(dataset, episodes, known):
    folder = dataset([[1.0], [1.0], [1.0], [2.0], [4.0]], inputs=inputs_of("episodes=5"))
    found = read_contents(folder)
    manifest = dataclasses.replace(found.manifest, distinct=Distinct(episodes))
    returns = distinct_returns(manifest, found.endings)
    assert (None if returns is None else returns.tolist()) == known


def test_returns_that_nobody_knows_are_not_drawn(dataset):
    found = contents(dataset, [[1.0], [2.0]])
    endings = found.endings["train"]
    unknown = dataclasses.replace(endings, returns=np.full(2, np.nan))
    assert episodes_picture(dataclasses.replace(found, endings={"train": unknown})) is None
