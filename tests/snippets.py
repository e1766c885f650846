"""What the pages show, followed: every command and Python block, in a folder of its own, in the page's order.

`snippet_rules` says what a page takes as given, what is made smaller, and what is not run and why.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import peer
from places import AGENTS, ROOT
from snippet_rules import EVERYWHERE, NOT_RUN, SMALLER

sys.path.append(str(Path(__file__).parent / "servers"))
from hub_cases import environment

from builder.experts.catalogue import read_table

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
KINDS = ("sh", "python", "text", "json", "dockerfile", "")
"""Kinds of blocks: commands, Python, what a command prints, files, and drawings."""
COMMAND = re.compile(r"^(\$ |il-builder\b|make |pip |docker )", re.MULTILINE)
"""A line that would have to stand in a block of commands."""
IN_ONE = """
import shlex, sys
from builder.cli.main import main
for line in sys.argv[1:]:
    assert main(shlex.split(line)[1:]) == 0, line
"""
PATHS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    if FENCE.search(path.read_text()) and "docs/reference" not in path.as_posix()
)
"""The pages with blocks. Those of docs/reference are made from the code, and show signatures."""


@dataclass(frozen=True)
class Piece:
    """A command, or a block of another kind, of a page."""

    kind: str
    text: str


@dataclass
class Reader:
    """Somebody who follows a page.

    Attributes:
        folder: where they work; empty at first.
        variables: of the environment.
        told: all lines that their programs have printed.
        left: libraries that a block takes and that are not there.
    """

    folder: Path
    variables: dict[str, str]
    told: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)


def blocks(page):
    """The kind and the text of each block of a page."""
    return FENCE.findall((ROOT / page).read_text())


def pieces(page):
    """What a page shows, in its order: a command a line, and the other blocks as they are."""
    found = []
    for kind, text in blocks(page):
        if kind == "sh":
            lines = text.replace("\\\n", " ").splitlines()
            found += [Piece("sh", line) for line in lines if shlex.split(line, comments=True)]
        else:
            found.append(Piece(kind, text))
    return found


def rule_of(rules, page, text):
    """The key of the first rule that concerns a text of a page, and what it says; None twice without one."""
    for where in (page, EVERYWHERE):
        for start, says in rules.get(where, {}).items():
            if start in text:
                return (where, start), says
    return None, None


def agents_of(text):
    """The agents of Stable-Baselines3 at the Hub that a command plays."""
    named = {f"expert={row.name}": row.repo_id for row in read_table()}
    repositories = [named.get(word, word.removeprefix("expert.repo_id=")) for word in text.split()]
    return {name.removeprefix("sb3/") for name in repositories if name.startswith("sb3/")}


def followed(page, given, folder, hub):
    """Follow a page to its end.

    Args:
        page: its path.
        given: what it takes as given.
        folder: an empty one.
        hub: the Hub of this machine.

    Returns:
        The `Reader`, who has seen whatever the page's `text` blocks promise.
    """
    home = folder / ".home"
    home.mkdir()
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    more = {"HF_TOKEN": "hf_writer", "HOME": str(home), "PATH": os.pathsep.join(paths), "COLUMNS": "200"}
    variables = environment(hub.url, home, **more, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", USER="ada")
    for shared in ("IL_BUILDER_REFERENCES", "HF_DATASETS_CACHE"):  # of the tests; a reader has none
        variables.pop(shared, None)
    reader = Reader(folder, variables)
    prepare(reader, given.commands)
    for piece in pieces(page):
        if rule_of(NOT_RUN, page, piece.text)[0] is not None:
            continue
        if missing := {name for name in agents_of(piece.text) if not (AGENTS / name).exists()}:
            reader.left |= missing
        else:
            follow(reader, page, piece, given)
    return reader


def prepare(reader, commands):
    """Make what a page takes as given; ours that follow each other in one process, to save time."""
    for ours, lines in groupby(commands, lambda line: line.startswith("il-builder ")):
        if ours:
            said(reader, [sys.executable, "-c", IN_ONE, *lines])
        else:
            said(reader, ["bash", "-ec", "\n".join(lines)])


def follow(reader, page, piece, given):
    """Do what one piece shows."""
    text = piece.text
    for old, new in SMALLER.get(page, {}).items():
        text = re.sub(old, new, text)
    if piece.kind == "sh" and re.match(r"il-builder view (?!.*to=)", text):
        looked_at(reader, text)
    elif piece.kind == "sh":
        reader.told += said(reader, ["bash", "-ec", text])
    elif piece.kind == "python":
        run_python(reader, text, given)
    elif piece.kind == "text":
        for line in text.splitlines():
            wanted = re.sub(r"<[^>]+>", ".+", re.escape(line).replace(r"\<", "<").replace(r"\>", ">"))
            assert not line or any(re.fullmatch(wanted, one) for one in reader.told), line
    else:
        assert piece.kind == "", f"a block of {piece.kind} is neither run nor listed: {text}"


def run_python(reader, text, given):
    """Run a block of Python, after what it takes as given."""
    block = given.of(text)
    if missing := {name for name in block.libraries if not peer.python_of(name).exists()}:
        reader.left |= missing
        return
    python = str(peer.python_of(block.libraries[0])) if block.alone else sys.executable
    packages = [] if block.alone else [str(peer.packages_of(name)) for name in block.libraries]
    start = f"import sys\nsys.path += {packages!r}"
    reader.told += said(reader, [python, "-c", f"{start}\n{block.before}\n{text}\n{block.after}"])


def said(reader, words):
    """The lines that a program prints that has to succeed."""
    answer = subprocess.run(
        words, cwd=reader.folder, env=reader.variables, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, (words, answer.stdout[-2000:], answer.stderr[-4000:])
    return answer.stdout.replace(reader.variables["HOME"], "~").splitlines()


def looked_at(reader, text):
    """Open what `view` says, as a browser would, and end it with ctrl-C."""
    words = ["bash", "-ec", f"exec {text}"]
    with subprocess.Popen(
        words,
        cwd=reader.folder,
        env=reader.variables | {"BROWSER": "true"},
        stdout=subprocess.PIPE,
        text=True,
    ) as viewer:
        try:
            address = next(found for line in viewer.stdout if (found := re.search(r"http://\S+", line)))
            with urllib.request.urlopen(address[0], timeout=30) as page:
                assert b"<html" in page.read()
        finally:
            viewer.send_signal(signal.SIGINT)
        assert viewer.wait(30) in (0, 130)
