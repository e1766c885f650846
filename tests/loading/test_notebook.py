"""A split in a REPL and a notebook: cheap, true, and whatever names say is text."""

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from builder import build, load
from builder.cli.main import main
from builder.errors import DatasetError
from builder.loading import notebook

EVIL = "<script>alert(1)</script>\x1b[2J\"'&"


class Tags(HTMLParser):
    """What a page consists of."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("notebook") / "x"
    build(expert="random", env={"id": "CartPole-v1"}, episodes=6, out=str(out))
    return out


def test_a_split_says_what_it_holds(folder):
    dataset = load(folder)
    returns = np.array(dataset.episode_table["episode_return"])
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in repr(dataset).splitlines()]
    assert lines[0] == [f"Trajectories {folder}, split train"]
    assert dict(lines[1:]) == {
        "environment": "CartPole-v1",
        "expert": "random (random)",
        "episodes": "6",
        "steps": f"{int(returns.sum())}",
        "return": f"{returns.mean():.2f} ± {returns.std():.2f}, {returns.min():.2f} to {returns.max():.2f}",
        "columns": "episode_index int64, step_index int64, observation float32 [4], action int64, "
        "reward float64, next_observation float32 [4], terminated bool, truncated bool",
    }


def test_a_view_and_a_stack_say_what_they_are(folder):
    view = load(folder)[1:3]
    assert "episodes     2 of 6" in repr(view)
    assert f"steps        {len(view.arrays()['reward'])}" in repr(view)
    assert "stacked      4 observations" in repr(view.stacked(4))
    assert "observation float32 [4, 4]" in repr(view.stacked(4))
    assert f"steps        {len(view.every(3)['reward'])}, one in 3" in repr(view.every(3))


def test_no_step_is_read_for_it(folder, tmp_path):
    copy = tmp_path / "x"
    shutil.copytree(folder, copy)
    expected = repr(load(copy))
    path = next((copy / "data").iterdir())
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1  # whoever reads the steps compares the sha256 first
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="is not what the manifest says"):
        load(copy).arrays()
    assert repr(load(copy)) == expected
    assert not {"transitions", "episodes"} & set(vars(load(copy)._tables))


def test_what_cannot_be_read_is_said_and_not_raised(folder, tmp_path):
    copy = tmp_path / "x"
    shutil.copytree(folder, copy)
    dataset = load(copy)
    next((copy / "episodes").iterdir()).unlink()
    assert "unreadable" in repr(dataset)
    assert "unreadable" in dataset._repr_html_()


def test_a_dataset_without_a_manifest_shows_what_it_has(tmp_path):
    source = tmp_path / "seed"
    source.mkdir()
    (source / "x.jsonl").write_text(
        '{"obs": [0.5], "actions": 1, "rewards": 2.0, "episode_starts": 1.0}\n' * 3
    )
    dataset = load(source)
    assert "environment  not known" in repr(dataset)
    assert "return       2 ± 0, 2 to 2" in repr(dataset)
    assert "observation float64 [1]" in dataset._repr_html_()
    without = dataclasses.replace(dataset._summary(), returns=np.empty(0))
    assert "return       not known" in notebook.text(without)


def test_names_of_strangers_are_text(folder, tmp_path):
    copy = tmp_path / "x"
    shutil.copytree(folder, copy)
    dataset = load(copy)
    dataset.manifest.inputs["environment"]["id"] = EVIL
    dataset.manifest.inputs["expert"]["name"] = EVIL * 100
    page = Tags(dataset._repr_html_())
    assert {tag for tag, _ in page.tags} == {"div", "p", "strong", "table", "tr", "th", "td", "img"}
    assert "<script>alert(1)</script>" in page.text
    for said in (repr(dataset), dataset._repr_html_(), repr(dataset[0]), dataset[0]._repr_html_()):
        assert "\x1b" not in said
        assert len(said) < 500_000
    assert max(map(len, repr(dataset).splitlines())) < 500


def test_the_preview_is_shown_and_else_the_plot(folder, tmp_path):
    copy = tmp_path / "x"
    shutil.copytree(folder, copy)

    def source():
        images = [attrs["src"] for tag, attrs in Tags(load(copy)._repr_html_()).tags if tag == "img"]
        return images[0].partition(",")[0] if images else None

    assert source() == "data:image/png;base64"
    preview = copy / "assets/preview.webp"
    preview.write_bytes(b"RIFF\0\0\0\0WEBP")
    assert source() == "data:image/webp;base64"
    assert "img" not in load(copy)[1:]._repr_html_()
    preview.write_bytes(b"RIFF" + bytes(notebook.PREVIEW_BYTES))
    assert source() == "data:image/png;base64"
    preview.write_bytes(b"<svg onload=alert(1)>")
    assert source() == "data:image/png;base64"
    preview.unlink()
    preview.symlink_to(tmp_path / "secret.webp")
    (tmp_path / "secret.webp").write_bytes(b"RIFFsecret")
    assert source() == "data:image/png;base64"
    for name in ("returns", "components"):
        assert source() == "data:image/png;base64"
        (copy / f"assets/{name}.png").unlink()
    assert source() is None


def test_a_page_has_no_colour_of_its_own_for_text(folder):
    page = load(folder)._repr_html_() + load(folder)[0]._repr_html_()
    assert not re.search(r"(?<!-)\bcolor\s*:", page)


def test_every_space_is_shown_leaf_by_leaf(dataset_of):
    assert "observation.position float32 [3]" in repr(load(dataset_of("dict")))
    assert "observation.1 int16 [2, 2]" in repr(load(dataset_of("tuple")))
    assert json.loads((Path(dataset_of("dict")) / "manifest.json").read_text())["splits"]


def test_an_imported_dataset_without_rewards_and_endings_is_shown(tmp_path):
    table = tmp_path / "x.csv"
    table.write_text("split,episode,step,observation.0,action\ntrain,0,0,0.5,1\ntrain,0,1,0.25,2\n")
    arguments = [f"path={table}", f"out={tmp_path / 'y'}", "from=csv"]
    assert main(["import", *arguments]) == 0
    dataset = load(tmp_path / "y")
    assert "environment  not known" in repr(dataset)
    assert "return       not known" in repr(dataset)
    assert "return not known, no end recorded" in repr(dataset[0])
    assert "<table>" in dataset._repr_html_()
    assert dataset[0]._repr_html_()
