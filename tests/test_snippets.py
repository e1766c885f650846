"""What the pages show is run, in order, and says what the page says; what is not run is in one list."""

import os
import re

import pytest
import snippet_rules as rules
from hub_server import HubServer
from notebooks import published
from snippets import (
    COMMAND,
    KINDS,
    PATHS,
    Piece,
    Reader,
    agents_of,
    blocks,
    follow,
    followed,
    pieces,
    rule_of,
)

CLONES = {"docs/start.md": 475}
"""Pages that train a clone, and its least return."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PATHS)
def test_what_a_page_shows_runs_and_says_what_the_page_says(tmp_path, page):
    """A line of a `text` block is one that a command before it has printed; `<...>` is anything."""
    with HubServer() as hub:
        published(hub)
        reader = followed(page, rules.GIVEN.get(page, rules.Given()), tmp_path, hub)
    if page in CLONES:
        (mean,) = (
            line.rpartition(" ")[2] for line in reader.told if line.startswith("mean return of the clone")
        )
        assert float(mean) >= CLONES[page]
    if reader.left:
        pytest.skip(f"all but what takes {', '.join(sorted(reader.left))}: make peers")


@pytest.mark.parametrize("page", PATHS)
def test_every_block_is_of_a_kind_that_is_run_compared_or_drawn(page):
    for kind, text in blocks(page):
        assert kind in KINDS, kind
        if kind == "":
            assert not COMMAND.search(text), f"a command in a block without a kind: {text}"


def test_what_is_not_run_says_why_and_every_rule_is_of_something_on_its_page():
    used = set()
    for page in PATHS:
        for piece in pieces(page):
            key, why = rule_of(rules.NOT_RUN, page, piece.text)
            if key is not None:
                assert piece.kind in set(KINDS) - {""}
                assert len(why) > 10
                used.add(key)
    assert used == {(page, words) for page, found in rules.NOT_RUN.items() for words in found}


def test_every_other_rule_is_of_something_on_its_page_too():
    shown = {page: "\n".join(piece.text for piece in pieces(page)) for page in PATHS}
    for page, replaced in rules.SMALLER.items():
        for wanted in replaced:
            assert re.search(wanted, shown[page], re.MULTILINE), (page, wanted)
    for page, given in rules.GIVEN.items():
        for block in given.blocks:
            assert block.words in shown[page], (page, block.words)


def test_a_command_that_fails_and_a_line_that_nothing_has_said_are_seen(tmp_path):
    reader = Reader(tmp_path, dict(os.environ, HOME=str(tmp_path)))
    follow(reader, "README.md", Piece("sh", "echo of 3 episodes"), rules.Given())
    follow(reader, "README.md", Piece("text", "of <number> episodes\n"), rules.Given())
    for piece in (
        Piece("sh", "false"),
        Piece("python", "1 / 0"),
        Piece("text", "4 episodes\n"),
        Piece("toml", "a = 1"),
    ):
        with pytest.raises(AssertionError):
            follow(reader, "README.md", piece, rules.Given())


def test_agents_are_told_from_names_and_repositories():
    assert agents_of("il-builder expert=ppo-lunarlander episodes=2") == {"ppo-LunarLander-v2"}
    assert agents_of("il-builder expert=hub expert.repo_id=sb3/x  # y") == {"x"}
    assert agents_of("il-builder expert=cartpole") == set()
