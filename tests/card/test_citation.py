"""The author's BibTeX: shown as it is, with links to what it names, and never more than text."""

import pytest
from card_folders import REWARDS, inputs_of
from markdown_it import MarkdownIt
from sweeps import case, sweep

from builder.card import render_card
from builder.card.citation import check_citation, citation
from builder.errors import ConfigError

ENTRY = """@article{me2026,
  title = {A {Policy} that walks},
  doi = {10.1000/xyz_(1)},
  eprint = {1707.06347},
  url = {https://example.org/~me/paper.pdf?v=1}
}"""


def test_an_entry_stands_in_a_block_below_links_to_its_paper():
    assert citation(ENTRY) == (
        "Paper: <https://arxiv.org/abs/1707.06347> · <https://doi.org/10.1000/xyz_(1)>"
        f" · <https://example.org/~me/paper.pdf?v=1>\n\n```bibtex\n{ENTRY}\n```"
    )


LINKED = [
    ("@misc{x, journal={arXiv preprint arXiv:2101.00001}}", ["https://arxiv.org/abs/2101.00001"]),
    ("@misc{x, url={https://arxiv.org/abs/2101.00001v2}}", []),
    ("@misc{x, url={https://arxiv.org/abs/2101.00001}}", ["https://arxiv.org/abs/2101.00001"]),
    ('@misc{x, eprint = "cs/0701001"}', ["https://arxiv.org/abs/cs/0701001"]),
    ("@misc{x, doi={https://doi.org/10.1000/182}}", ["https://doi.org/10.1000/182"]),
    ("@misc{x, url={javascript:alert(1)}}", []),
    ("@misc{x, title={1707.06347 steps}}", []),
]


def test_only_addresses_of_papers_are_links():
    for entry, links in LINKED:
        with case(entry, links):
            said = citation(entry).partition("```")[0]
            assert said == (f"Paper: {' · '.join(f'<{link}>' for link in links)}\n\n" if links else "")


@sweep(
    "entry",
    [
        "@misc{x}\n```\n<script>alert(1)</script>",
        "@misc{x}\n`````\n## Notes\nmine",
        "@misc{x, url={https://a.b/c><script>alert(1)</script>}}",
        "@misc{x}\r\n---\r\nlicense: mit\x00\x1b[31m{{ title }}",
    ],
    quick=2,
)
def test_whatever_an_entry_holds_is_text(dataset, entry):
    inputs = inputs_of("episodes=5")
    inputs["config"]["dataset"]["citation"] = entry
    card = render_card(dataset(REWARDS, inputs=inputs))
    html = MarkdownIt("commonmark", {"html": True}).render(card.partition("\n---\n")[2])
    assert "<script" not in html
    assert "<h2>Notes</h2>" not in html
    assert "\x1b" not in card
    assert card.count("\n## Citation\n\n") == 1
    assert "## Licence" in card.partition("## Citation")[2]


def test_without_one_the_card_has_no_such_section(dataset):
    assert "## Citation" not in render_card(dataset(REWARDS, inputs=inputs_of("episodes=5")))


@pytest.mark.parametrize("text", ["", "Me (2026)", "@misc{" + 10_000 * "x"], ids=["empty", "prose", "long"])
def test_what_is_no_entry_is_refused_before_play(text):
    with pytest.raises(ConfigError, match=r"dataset\.citation is no BibTeX entry"):
        check_citation(text)
    check_citation(None)
    check_citation(ENTRY)


def test_an_entry_can_be_given_on_the_command_line():
    entry = "@misc{me2026, title={A, b = c}, year=2026}"
    assert inputs_of("episodes=5", f"dataset.citation='{entry}'")["config"]["dataset"]["citation"] == entry
    assert "citation" not in inputs_of("episodes=5")["config"]["dataset"]
