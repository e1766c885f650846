"""What the pages show is run: every command and every Python block, in a folder of their own, in order."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from places import ROOT

from builder.experts.catalogue import read_table

PAGES = ["start", *sorted(f"comparison/{path.stem}" for path in (ROOT / "docs/comparison").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """The kind and the text of each block of a page."""
    return BLOCK.findall((ROOT / f"docs/{page}.md").read_text())


def needs_the_hub(words):
    """Whether a command brings something from the Hub: it is composed by another test, and not run."""
    named = {f"expert={row.name}" for row in read_table()}
    return any(word in named or "repo_id=" in word for word in words)


def commands(text):
    """The words of each command of ours that is run."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [words for line in lines if (words := shlex.split(line, comments=True))]
    return [words[1:] for words in found if words[0] == "il-builder" and not needs_the_hub(words)]


def said(words, folder):
    """What a program says that has to succeed."""
    answer = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "cache"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, (words, answer.stderr)
    return answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_runs_and_says_what_the_page_says(tmp_path, page):
    """A line of a `text` block is one that a command before it has printed; `<...>` is anything."""
    told = []
    for kind, text in blocks(page):
        if kind == "sh":
            for words in commands(text):
                told += said(["-m", "builder", *words], tmp_path).splitlines()
        elif kind == "python":
            told += said(["-c", text], tmp_path).splitlines()
        else:
            for line in text.splitlines():
                wanted = re.sub(r"<[^>]+>", ".+", re.escape(line).replace(r"\<", "<").replace(r"\>", ">"))
                assert any(re.fullmatch(wanted, one) for one in told), line
    clones = [
        float(line.rpartition(" ")[2]) for line in told if line.startswith("mean return of the clone: ")
    ]
    assert all(mean >= 475 for mean in clones)
    assert len(clones) == (page == "start")
