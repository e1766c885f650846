"""A card against the one that follows from the data: damage is mended, what somebody has written stays."""

import re

import pytest
from card_folders import REWARDS, inputs_of
from sweeps import sweep

from builder.card import mend_card, name_repository, rendered_again, write_card
from builder.card.comparison import named_repository, same_header


@pytest.fixture
def folder(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    write_card(folder, notes="mine")
    name_repository(folder, "user/name")
    return folder


def test_a_whole_card_is_what_is_rendered_again(folder):
    text, expected = rendered_again(folder)
    assert text == expected == (folder / "README.md").read_text()
    assert not mend_card(folder)


@sweep(
    "damage",
    [
        lambda card: card[:-1],
        lambda card: b"",
        lambda card: card.replace(b"observation", b"observatiom", 1),
        lambda card: b"\xff" + card[1:],
    ],
)
def test_a_damaged_card_is_written_anew(folder, damage):
    whole = (folder / "README.md").read_bytes()
    (folder / "README.md").write_bytes(damage(whole))
    assert mend_card(folder)
    text, expected = rendered_again(folder)
    assert text == expected
    assert not mend_card(folder)


def test_a_missing_card_is_written_anew(folder):
    (folder / "README.md").unlink()
    assert mend_card(folder)
    assert len(set(rendered_again(folder))) == 1


def test_what_somebody_has_written_into_a_card_stays(folder):
    card = folder / "README.md"
    card.write_text(card.read_text().replace("# CartPole", "# My CartPole"))
    edited = card.read_text()
    assert not mend_card(folder)
    assert card.read_text() == edited


def test_a_header_of_an_earlier_version_may_lack_what_came_later_and_nothing_else(folder):
    card = (folder / "README.md").read_text()

    def without(key):
        return re.sub(rf"^{key}:.*\n(?:- .*\n)*", "", card, flags=re.MULTILINE)

    assert same_header(card, card)
    assert same_header(without("source_datasets"), card)
    assert same_header(without("annotations_creators"), card)
    assert not same_header(without("tags"), card)
    assert not same_header(card, without("source_datasets"))
    assert not same_header(card.replace("---\n", "---\nviewer: false\n", 1), card)


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ('load_dataset("user/name", split="train")', "user/name"),
        ('load_dataset("path/to/this/folder")', None),
        ('load_dataset("\\x")', None),
        ("", None),
    ],
)
def test_a_card_names_its_repository(card, name):
    assert named_repository(card) == name
