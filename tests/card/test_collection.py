"""The table of how a dataset was collected."""

import numpy as np
import pytest
from card_folders import REWARDS, inputs_of, table

from builder.card import render_card
from builder.experts.sources.table import described_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = {"source": "hub", "repo_id": "sb3/ppo-CartPole-v1", "filename": "a.zip", "commit": COMMIT}


def test_text_says_how_it_was_collected(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=4", "threshold=-1", "seed=7"), accepted=(-1, np.inf))
    card = render_card(folder)
    collected = dict(table(card, "How it was collected"))
    assert collected["environment"] == "`CartPole-v1`"
    assert collected["root seed"] == "7"
    assert collected["accepted"] == "return at least -1"
    assert collected["its archive's sha256"] == f"`{inputs_of()['expert']['sha256']}`"
    assert "4 of 5 attempts" in card
    assert "1 attempt of 5 were rejected by return" not in card
    assert "1 attempt of 5 was rejected by return" in card


@pytest.mark.parametrize(
    ("keys", "unless"),
    [
        ([], ""),
        (["rollout.on_error=reject"], ", unless it failed"),
        (["dataset.unique=true"], ", unless it repeats an accepted one"),
        (
            ["rollout.on_error=reject", "dataset.unique=true"],
            ", unless it failed or it repeats an accepted one",
        ),
    ],
)
def test_what_is_not_accepted_whatever_its_return_is_said(dataset, keys, unless):
    every = inputs_of("expert=random", "env.id=CartPole-v1", "episodes=5", *keys)
    card = render_card(dataset(REWARDS, inputs=every))
    assert dict(table(card, "How it was collected"))["accepted"] == f"every attempt{unless}"
    assert f"Every attempt is *accepted*{unless}; the dataset holds" in card


def test_an_expert_of_the_hub_is_a_link_to_its_repository_at_its_commit(dataset):
    expert = {**inputs_of("episodes=5")["expert"], **HUB}
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5", expert=expert))
    collected = dict(table(render_card(folder), "How it was collected"))
    address = f"https://huggingface.co/sb3/ppo-CartPole-v1/tree/{COMMIT}"
    assert collected["its repository"] == f"[`sb3/ppo-CartPole-v1` on the Hub]({address})"


@pytest.mark.parametrize("source", ["cleanrl", "sample-factory"])
def test_a_model_of_another_library_is_a_link_likewise(source):
    expert = {**HUB, "source": source}
    assert (
        described_source(expert).page(expert) == f"https://huggingface.co/sb3/ppo-CartPole-v1/tree/{COMMIT}"
    )
    local = {name: expert[name] for name in ("source", "filename")}
    assert described_source(local).page(local) is None


@pytest.mark.parametrize(
    "said",
    [
        {"repo_id": "sb3/ppo](https://evil.example)"},
        {"repo_id": "a/b/c"},
        {"repo_id": None},
        {"commit": "main"},
        {"source": "bundled"},
    ],
    ids=str,
)
def test_what_is_no_name_of_a_repository_is_no_link(said):
    expert = {**HUB, **said}
    assert described_source(expert).page(expert) is None
