"""What is served: the page, what a manifest lists, and films."""

import json
import shutil
from pathlib import Path

import pytest
from places import ROOT

from builder.errors import DatasetError
from builder.manifest.manifest import read_manifest
from builder.show.film_queue import Films
from builder.show.site import PAGE, PAGE_FILES, Folder, Site


@pytest.fixture
def folder(two_episodes, tmp_path):
    return Path(shutil.copytree(two_episodes, tmp_path / "folder"))


@pytest.fixture
def site(folder):
    return Site(Folder(folder, read_manifest(folder)), None, {"local": True})


def test_the_page_is_what_the_wheel_holds(site):
    assert sorted(path.name for path in PAGE.iterdir()) == sorted(PAGE_FILES)
    assert site("").body == PAGE / "index.html"
    assert site("viewer.js").kind.startswith("text/javascript")
    assert json.loads(site("config.json").body) == {"local": True}


def test_what_the_manifest_lists_is_served_as_bytes_with_its_sha256(site, folder):
    for name, entry in read_manifest(folder).files.items():
        answer = site(f"dataset/{name}")
        assert (answer.body, answer.etag) == (folder / name, entry.sha256)
        assert answer.kind == "application/octet-stream"


def test_manifest_and_card_are_text_and_nothing_else(site):
    for name in ("manifest.json", "README.md"):
        assert site(f"dataset/{name}").kind == "text/plain; charset=utf-8"


def test_what_the_manifest_does_not_list_is_not_there(site, folder):
    (folder / "secret.txt").write_text("secret")
    for name in ("secret.txt", "data", "", "provenance.json", "../secret.txt"):
        assert site(f"dataset/{name}") is None
    for name in ("server.py", "page/viewer.js", "films/train/0.json", "films/../x", "index.html/", "dataset"):
        assert site(name) is None


def test_a_link_that_leads_out_of_the_folder_is_not_followed(site, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    listed = folder / next(iter(read_manifest(folder).files))
    listed.unlink()
    listed.symlink_to(secret)
    with pytest.raises(DatasetError, match="leads out of the dataset"):
        site(f"dataset/{listed.relative_to(folder).as_posix()}")


def test_a_film_is_there_when_it_is_drawn_and_says_before_how_far_it_is(folder, tmp_path):
    def draw(split, episode, path, report):
        if episode:
            raise DatasetError("no screen")
        path.write_bytes(b"film")

    films = Films(tmp_path, draw)
    site = Site(Folder(folder, read_manifest(folder)), films, {})
    assert site("films/train/0.mp4").status == 202
    while films.state("train", 0) != {"ready": True}:
        pass
    assert (site("films/train/0.mp4").body, site("films/train/0.mp4").kind) == (
        films.path("train", 0),
        "video/mp4",
    )
    while "error" not in films.state("train", 1):
        pass
    assert site("films/train/1.mp4").status == 501
    assert json.loads(site("films/train/1.json").body) == {"error": "no screen"}
    assert site("films/test/0.json") is None


def test_the_licences_of_what_the_page_is_built_of_come_with_it():
    package = json.loads((ROOT / "builder/show/viewer/package.json").read_text())
    licences = (PAGE / "licenses.txt").read_text()
    for name, version in package["dependencies"].items():
        assert f"== {name} {version}" in licences


def test_no_source_of_the_page_makes_html_of_text():
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
                 "DOMParser", "srcdoc", "setHTML", "createContextualFragment")  # fmt: skip
    sources = sorted((ROOT / "builder/show/viewer/src").glob("*.ts"))
    assert len(sources) > 10
    for path in (*sources, PAGE / "viewer.js", PAGE / "index.html"):
        text = path.read_text()
        assert [word for word in forbidden if word in text] == [], path


def test_the_page_has_no_script_or_style_of_its_own_text_and_asks_no_other_host():
    page = (PAGE / "index.html").read_text()
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count("src=") == 1
    assert "http" not in page
