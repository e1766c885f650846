"""Notebooks, executed anew in an empty folder beside a Hub of this machine.

`make tutorials` executes those of docs/tutorials and writes down what they say; the tests compare.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from places import AGENTS, ROOT

sys.path.append(str(Path(__file__).parent / "servers"))
from hub_cases import environment
from hub_server import HubServer

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
HOME = (r"/[^\s'\"<>]*/\.home", "~/.cache")
PROGRESS = re.compile(r"(?:· [\d,]+ attempts ·|\bremain\b|\bpreview\b|^\w+: \d+ of \d+ frames)")
"""Lines that come or not, by how fast the machine is."""
COLOURS = (r"\x1b\[[\d;?]*[a-zA-Z]", "")
VARIES = [
    COLOURS,
    HOME,
    (r"[\d.,]+ ?(?:steps/s|s\b|ms\b|µs\b|seconds|[kMG]?B\b)", "<figure>"),
    (r"https?://[^\s/]+", "<host>"),
    (r"\b[0-9a-f]{40}\b", "<commit>"),
    (r"tcp://[\d.:]+", "<address>"),
    (r"0x[0-9a-f]+", "<object>"),
    (r" +", " "),
]
"""What differs from run to run, or from machine to machine, and what is compared in its place."""


def published(hub):
    """Put the agents that there are on the Hub of this machine, as the real one has them."""
    for folder in sorted(path for path in AGENTS.glob("*") if path.is_dir()):
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        hub.store.add("model", f"sb3/{folder.name}", files)


def executed(path, folder, hub, timeout=600):
    """The notebook at a path with what it says now, executed in an empty folder."""
    notebook = nbformat.read(path, 4)
    home = folder / ".home"
    home.mkdir()
    variables = environment(
        hub.url,
        home,
        HF_TOKEN="hf_writer",
        HOME=str(home),
        IPYTHONDIR=str(home / "ipython"),
        PYTHONPATH=str(ROOT),
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        COLUMNS="100",
        PYTHONWARNINGS="ignore",
    )
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources).execute()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return notebook


def said(notebook):
    """What each of its code cells says, without what varies: streams joined, values as text."""
    return [_said(cell["outputs"]) for cell in notebook.cells if cell["cell_type"] == "code"]


def _said(outputs):
    stream = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    values = [output["data"] for output in outputs if "data" in output]
    texts = [value.get("text/plain", "") for value in values if "image/png" not in value]
    pictures = ["image/png" for value in values if "image/png" in value]
    text = "\n".join([stream, *texts, *pictures])
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return [line for line in text.strip().splitlines() if not PROGRESS.search(line)]


def plain(notebook):
    """The notebook without what is of this run alone."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            cell["outputs"] = [_plain(output) for output in _joined(cell["outputs"])]
    return notebook


def _joined(outputs):
    """The outputs with what came on one stream in one piece."""
    found = []
    for output in outputs:
        if output["output_type"] == "stream" and found and found[-1].get("name") == "stdout":
            found[-1]["text"] += output["text"]
        else:
            found.append(output)
            if output["output_type"] == "stream":
                output["name"] = "stdout"
    return found


def _plain(output):
    output.pop("execution_count", None)
    if output["output_type"] == "execute_result":
        output["execution_count"] = None
    if output["output_type"] == "stream":
        output["text"] = re.sub(*HOME, re.sub(*COLOURS, output["text"]))
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            output["data"][kind] = re.sub(*HOME, value)
    return output


def main(names):
    """Execute tutorials, all or those of a name, and write down what they say."""
    for path in TUTORIALS:
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder, HubServer() as hub:
            published(hub)
            nbformat.write(plain(executed(path, Path(folder), hub)), path)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    main(parser.parse_args().names)
