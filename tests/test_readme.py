"""What the README says can be typed can be typed."""

import re
import shlex

from places import ROOT
from sweeps import case

from builder.cli.verbs import VERBS
from builder.composition import build_config, compose, expand_sweep
from builder.exchange.config import Chosen, ExportConfig, ImportConfig
from builder.exchange.formats import format_named
from builder.hub.config import TransferConfig

README = (ROOT / "README.md").read_text()
TOUR = (ROOT / "docs/tour.md").read_text()
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")))]
COMMANDS = [
    words
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if (words := shlex.split(line, comments=True)) and words[0] == "il-builder"
]


def test_the_readme_holds_commands():
    assert len(COMMANDS) >= 8


def test_the_readme_is_about_one_screen():
    """What is more than that belongs to docs/tour.md."""
    assert len(README.splitlines()) <= 90


def test_every_command_of_the_readme_and_the_docs_composes():
    for words in COMMANDS:
        with case(words):
            verb, rest = (words[1], words[2:]) if words[1] in VERBS else ("build", words[1:])
            if verb in ("push", "pull"):
                assert compose(TransferConfig, verb, rest).hub.repo_id
            if verb in ("export", "import"):
                key, kind = ("to", ExportConfig) if verb == "export" else ("from", ImportConfig)
                config = compose(kind, verb, rest)
                chosen = Chosen.of(key, config.to if verb == "export" else config.from_)
                known = format_named(chosen.name)
                known.with_defaults(
                    chosen.options, known.options if verb == "export" else known.import_options
                )
            if verb != "build":
                continue
            for job in expand_sweep([word for word in rest if word != "-m"]):
                build_config(job)


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_readme_says_what_it_is_and_one_command_with_its_result_in_its_first_lines():
    head = "\n".join(README.splitlines()[:30])
    assert "![" in README.split("\n\n")[1]
    assert "load_dataset" in head
    assert "make dataset" in head
    assert "fingerprint" in head


def test_every_key_of_the_readme_exists():
    from builder.composition.defaults import composed
    from builder.composition.errors import keys_of

    said = re.findall(r"^\| `([a-z_.]+)`", README + TOUR, re.MULTILINE)
    assert len(said) > 15
    assert set(said) <= set(keys_of(composed("build", [])))


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`", README)) <= targets
