"""The notebooks of docs/tutorials, executed anew: they say what is committed."""

import nbformat
import notebooks
import pytest
from hub_server import HubServer
from places import AGENTS

NEEDS = {"clone_a_walker": AGENTS / "a2c-HalfCheetah-v3"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", notebooks.TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_says_what_is_committed(path, tmp_path):
    needed = NEEDS.get(path.stem)
    if needed is not None and not needed.exists():
        pytest.skip(f"it plays an agent of the Hub: {needed.name}")
    with HubServer() as hub:
        notebooks.published(hub)
        now = notebooks.executed(path, tmp_path, hub)
    assert notebooks.said(now) == notebooks.said(nbformat.read(path, 4))


@pytest.mark.parametrize("path", notebooks.TUTORIALS, ids=lambda path: path.stem)
def test_a_committed_tutorial_has_its_outputs_and_nothing_of_this_machine(path):
    text = path.read_text()
    notebook = nbformat.read(path, 4)
    assert any(cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code")
    for private in ("/tmp/", "/root/", "/work/", "127.0.0.1", "Traceback"):
        assert private not in text, private


def test_what_varies_is_compared_as_such():
    def cell(text):
        stream = nbformat.v4.new_output("stream", text=text)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[stream])])

    one, other = (cell(f"built at {speed} steps/s, 10 episodes") for speed in ("1,200", "9,999.5"))
    assert notebooks.said(one) == notebooks.said(other)
    assert notebooks.said(one) != notebooks.said(cell("built at 1,200 steps/s, 11 episodes"))
