"""How episodes went: what varies is drawn, what does not is said."""

import dataclasses

import numpy as np
import pytest
from card_folders import inputs_of

from builder.card.contents import read_contents
from builder.card.episode_plots import _panels, distinct_returns, episode_sentences, episodes_picture
from builder.card.sample import read_sample
from builder.manifest.manifest import Distinct, Rejected, read_manifest


def seen(dataset, rewards, *, accepted=(-np.inf, np.inf), threshold="-inf"):
    inputs = inputs_of(f"episodes={len(rewards)}", f"threshold={threshold}")
    folder = dataset(rewards, inputs=inputs, accepted=accepted)
    return read_contents(folder), read_sample(folder, read_manifest(folder))


def test_what_is_the_same_in_all_episodes_is_a_sentence_and_no_bar(dataset):
    found, sample = seen(dataset, [[1.0] * 3, [1.0] * 3])
    assert episodes_picture(found, sample) is None
    assert episode_sentences(found) == "Every episode has a return of 3 and a length of 3 steps."


def test_of_two_things_only_the_one_that_varies_is_drawn(dataset):
    found, sample = seen(dataset, [[1.0], [2.0]])
    assert episodes_picture(found, sample) is not None
    assert episode_sentences(found) == "Every episode has a length of 1 step."


def test_what_varies_needs_no_sentence(dataset):
    assert episode_sentences(seen(dataset, [[1.0], [2.0, 3.0]])[0]) == ""


def test_rejected_attempts_are_drawn_and_told_of(dataset):
    found, sample = seen(dataset, [[5.0], [-3.0], [-2.0], [5.0]], accepted=(0, np.inf), threshold="0")
    assert found.manifest.rejected == Rejected(2, (-3.0, -2.0))
    assert episodes_picture(found, sample) is not None
    assert episode_sentences(found) == (
        "Every episode has a return of 5 and a length of 1 step. 2 attempts were rejected for a return of"
        " -3 to -2, drawn in grey; 50.00% of attempts were accepted."
    )
    forgotten = dataclasses.replace(found, manifest=dataclasses.replace(found.manifest, rejected=None))
    assert episodes_picture(forgotten, sample) is None
    assert "The returns of the 2 attempts that are not here were not recorded; 50.00%" in episode_sentences(
        forgotten
    )


@pytest.mark.parametrize(
    ("bounds", "border"),
    [
        ((-np.inf, np.inf), None),
        ((4.0, np.inf), 4.0),
        ((4.0, 9.0), 4.0),
        ((-np.inf, 4.0), np.nextafter(4.0, 5.0)),
    ],
)
def test_no_bar_has_accepted_and_rejected_returns(dataset, bounds, border):
    """The least accepted return belongs to the bin above the threshold, the greatest one to the bin below."""
    inputs = inputs_of("episodes=2", f"threshold={bounds[0]}", f"max_return={bounds[1]}")
    folder = dataset([[4.0], [3.5], [5.0], [4.0]], inputs=inputs, accepted=bounds)
    panel = next(_panels(read_contents(folder), read_sample(folder, read_manifest(folder))))
    assert panel.border == border


@pytest.mark.parametrize(
    ("rewards", "known"),
    [
        ([[1.0], [1.0, 1.0]], None),
        ([[1.0], [1.0], [1.0, 3.0]], [1.0, 4.0]),
        ([[1.0], [1.0], [2.0, 2.0], [3.0, 3.0]], [1.0, 4.0]),
    ],
    ids=["no copies", "told apart by return and length", "told apart by what was seen and done"],
)
def test_the_returns_of_distinct_episodes_are_known(dataset, rewards, known):
    """Episodes of the same length are copies of each other in these folders."""
    found = seen(dataset, rewards)
    returns = distinct_returns(*found)
    assert (None if returns is None else returns.tolist()) == known


def test_of_steps_that_were_not_read_nobody_knows_which_are_copies(dataset):
    found, sample = seen(dataset, [[1.0], [1.0], [2.0, 2.0], [3.0, 3.0]])
    assert distinct_returns(found, dataclasses.replace(sample, total=100)) is None
    parts = tuple(dataclasses.replace(part, values=None) for part in sample.parts[:1])
    assert distinct_returns(found, dataclasses.replace(sample, parts=parts)) is None


def test_distinct_episodes_have_a_panel_of_their_own(dataset):
    found, sample = seen(dataset, [[1.0], [1.0], [1.0, 3.0]])
    distinct = dataclasses.replace(found.manifest, distinct=Distinct(3))
    without = dataclasses.replace(found, manifest=distinct)
    assert episodes_picture(found, sample) != episodes_picture(without, sample)


def test_returns_that_nobody_knows_are_not_drawn(dataset):
    found, sample = seen(dataset, [[1.0], [2.0]])
    endings = found.endings["train"]
    unknown = dataclasses.replace(endings, returns=np.full(2, np.nan))
    assert episodes_picture(dataclasses.replace(found, endings={"train": unknown}), sample) is None
