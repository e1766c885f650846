"""Runs of the examples, and what docs/examples.md says that they print."""

import ast
import os
import re
import subprocess
import sys

import peer
from places import ROOT

EXAMPLES = ROOT / "examples"
SECTION = re.compile(r"\(\.\./examples/(\w+)\.py\).*?```text\n(.*?)```", re.DOTALL)
SPREAD = re.compile(r"^\| `(\w+)` \|.*\| (\d+) \|$", re.MULTILINE)
FIGURE = re.compile(r"^(.+): (-?\d+\.\d+)$", re.MULTILINE)
BESIDE = """
import contextlib, io, runpy, torch
if words[1] == "lerobot":  # torchvision's wheel has no operators beside torch for CPU alone
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
with contextlib.redirect_stdout(io.StringIO()) as told:
    runpy.run_path(words[0], run_name="__main__")
answer(told.getvalue())
"""


def page():
    """What the page says of each example: its figures by name, and how far another run's may be from them."""
    text = (ROOT / "docs/examples.md").read_text()
    spreads = {name: float(most) for name, most in SPREAD.findall(text)}
    return {name: (figures(block), spreads[name]) for name, block in SECTION.findall(text)}


def figures(text):
    """Each line that ends with a figure."""
    return {name: float(value) for name, value in FIGURE.findall(text)}


def agreed(name, folder, library=None):
    """The figures of a run, which are those of the page within what the page allows."""
    told = said(EXAMPLES / f"{name}.py", folder) if library is None else said_beside(library, name)
    found, (stated, most) = figures(told), page()[name]
    assert found.keys() == stated.keys()
    for figure, value in found.items():
        assert abs(value - stated[figure]) <= most, (figure, value, stated[figure])
    return found


def said(example, folder):
    """What an example prints."""
    answer = subprocess.run(
        [sys.executable, example],
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def said_beside(library, name):
    """What one prints that takes another library."""
    return peer.run_beside(library, BESIDE, EXAMPLES / f"{name}.py", library)[0]


def lines_of_code(example):
    """The lines of a script that are no docstring, comment or blank."""
    text, described = example.read_text(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            described |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(1 for number, line in lines if line and not line.startswith("#") and number not in described)
