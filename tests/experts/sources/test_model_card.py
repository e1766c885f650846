"""The figure in the card of a model's repository: data, or nothing."""

import pytest
from huggingface_hub.repocard import metadata_eval_result, metadata_save

from builder.experts.published import Evidence, Published
from builder.experts.sources.model_card import figure_in


def card(folder, *figures, text="# an agent\n"):
    """A card as CleanRL's `push_to_hub` writes it, by the Hub's own library."""
    path = folder / "README.md"
    path.write_text(text)
    for number, figure in enumerate(figures):
        said = metadata_eval_result(
            model_pretty_name=f"DQN{number}",
            task_pretty_name="reinforcement-learning",
            task_id="reinforcement-learning",
            metrics_pretty_name="mean_reward",
            metrics_id="mean_reward",
            metrics_value=figure,
            dataset_pretty_name=f"CartPole-v{number}",
            dataset_id=f"CartPole-v{number}",
        )
        metadata_save(path, {"tags": ["CartPole-v1"], **said})
    return path


@pytest.mark.parametrize(
    ("figure", "mean", "std"),
    [("498.50 +/- 4.50", 498.5, 4.5), ("-110 ± 0.5", -110.0, 0.5), (21, 21.0, 0.0), (-3.25, -3.25, 0.0)],
)
def test_a_figure_is_read_as_the_hubs_library_writes_it(figure, mean, std, tmp_path):
    found = figure_in(card(tmp_path, figure), deterministic=False)
    assert found == {"published": Published(mean, std, False), "evidence": Evidence("README.md")}


def test_the_same_figure_twice_is_one(tmp_path):
    assert figure_in(card(tmp_path, "1 +/- 0", "1.0 +/- 0"), deterministic=None)["published"].mean == 1


HEADER = "---\nmodel-index:\n- results:\n  - metrics:\n    - type: {}\n      value: {}\n---\n"
NO_FIGURE = {
    "no header": "# an agent",
    "no end": "---\nmodel-index: []\n",
    "another metric": HEADER.format("accuracy", "0.5"),
    "words": HEADER.format("mean_reward", "very good"),
    "not a number": HEADER.format("mean_reward", ".nan"),
    "infinite": HEADER.format("mean_reward", "1e999"),
    "a list": HEADER.format("mean_reward", "[1, 2]"),
    "no value": "---\nmodel-index:\n- results:\n  - metrics:\n    - type: mean_reward\n---\n",
    "no models": "---\nmodel-index: 7\n---\n",
    "no YAML": "---\nmodel-index: [\n---\n",
    "code": "---\nmodel-index: !!python/object/apply:os.abort []\n---\n",
    "deep": f"---\nx: {'[' * 30_000}\n---\n",
    "long": f"---\nx: {'y' * 40_000}\n---\n",
}


@pytest.mark.parametrize("text", NO_FIGURE.values(), ids=NO_FIGURE)
def test_a_card_that_says_something_else_has_no_figure_and_is_no_error(text, tmp_path):
    assert figure_in(card(tmp_path, text=text), deterministic=None) == {}


def test_of_two_figures_none_is_taken(tmp_path):
    text = HEADER.format("mean_reward", "1").replace("---\n", "", 1)
    two = text.replace("- results", "- results", 1).removesuffix("---\n")
    header = f"---\n{two}    - type: mean_reward\n      value: 2\n---\n"
    assert figure_in(card(tmp_path, text=header), deterministic=None) == {}


def test_a_card_that_is_not_there_or_a_file_of_holes_has_none(tmp_path):
    assert figure_in(tmp_path / "README.md", deterministic=None) == {}
    path = card(tmp_path, "1 +/- 0")
    with path.open("r+b") as file:
        file.truncate(12 << 30)
    assert figure_in(path, deterministic=None) == {}
