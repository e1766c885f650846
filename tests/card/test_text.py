"""What the card says in words."""

from card_folders import PACKAGES, REWARDS, inputs_of, table
from huggingface_hub import DatasetCard

from builder.card import render_card
from builder.versions import RELEASE


def test_recorded_files_without_a_configuration_have_a_card_that_says_so(dataset):
    card = render_card(dataset(REWARDS))
    assert "5 episodes (16 steps), put together from recorded files." in card
    assert "no command can play them again" in card
    assert "il-builder expert=" not in card


def test_the_lines_that_load_name_the_repository_or_a_placeholder(dataset):
    folder = dataset(REWARDS, inputs=inputs_of("episodes=5"))
    assert 'load_dataset("path/to/this/folder", "episodes", split="train")' in render_card(folder)
    assert 'load_dataset("me/mine", "episodes", split="train")' in render_card(folder, repo_id="me/mine")
    assert 'load_dataset("me/mine", split="train", streaming=True)' in render_card(folder, repo_id="me/mine")


def test_a_name_cannot_break_out_of_the_markdown(dataset):
    hostile = {
        "name": "a|b`\n## Notes\n",
        "source": "python",
        "algo": "<b>",
        "version": "`1`",
        "target": "a:b",
    }
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5", expert=hostile)))
    assert DatasetCard(card).data.pretty_name == "CartPole-v1: expert trajectories of a|b ## Notes"
    body = card.split("\n---\n", 1)[1]
    assert "\n## Notes" not in body
    assert dict(table(card, "How it was collected"))["its algorithm"] == "`<b>`"


def test_who_wrote_the_card_is_not_the_format_of_the_data(dataset):
    card = render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))
    assert f"| `il-builder` | `{RELEASE}` |" in card
    assert f"| `il-builder`, its format | `{PACKAGES['il-builder']}` |" in card
    assert PACKAGES["il-builder"] != RELEASE
