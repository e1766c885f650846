"""The pages that are made from the code are those that it makes, and name all there is."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import PACKAGE, ROOT

import builder
from builder.cli.keys import keys
from builder.cli.verbs import VERBS
from builder.experts.catalogue import read_table
from builder.experts.policy import conf_folder
from documentation import api, errors, gallery, manifest
from documentation import keys as verbs
from documentation.__main__ import made, write
from documentation.site import faults

DOCS = ROOT / "docs"


def page(name):
    """What a page says, without what Markdown needs."""
    return re.sub(r"\\([^\w\s])", r"\1", (DOCS / name).read_text())


@pytest.fixture(scope="module")
def pages():
    """The pages that the code makes."""
    return made()


def test_the_made_pages_are_what_the_code_makes(pages):
    stale = [
        name
        for name, text in pages.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text() != text
    ]
    assert stale == [], "run `make pages` and commit what it writes"


def test_writing_the_pages_again_changes_nothing_and_what_is_made_no_more_goes(tmp_path, pages):
    assert write(tmp_path, pages) == len(pages)
    (tmp_path / "reference/verbs/gone.md").write_text("of a verb that is no more")
    assert write(tmp_path, pages) == 0
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")}
    assert left == set(pages)


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if verb.about])
def test_every_key_of_a_verb_is_on_its_page_and_every_verb_has_one(verb):
    text = (DOCS / f"reference/verbs/{verb}.md").read_text()
    said = {cell.replace("\\|", "|") for cell in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)}
    known = [key for key in keys(verb, conf_folder()) if not (key.heads and key.default == "default")]
    assert {key.name for key in known} <= said
    assert f"verbs/{verb}.md" in (DOCS / "reference/verbs.md").read_text()


def test_every_word_that_expert_takes_is_on_one_of_two_pages():
    both = (DOCS / "reference/experts.md").read_text() + (DOCS / "reference/catalogue.md").read_text()
    names = {path.stem for path in (conf_folder() / "expert").glob("*.yaml")} - {"base"}
    assert {name for name in names if f"`{name}`" not in both and f"`expert={name}`" not in both} == set()


def test_every_class_of_errors_has_a_page():
    text = (DOCS / "reference/errors.md").read_text()
    for name in errors.CLASSES:
        assert f"[`{name}`](errors/{name}.md)" in text
        assert (DOCS / f"reference/errors/{name}.md").exists()


def test_an_error_is_found_with_what_varies_in_braces_and_its_remedy():
    tree = ast.parse(
        "HOW = 'write it'\\n"
        "raise ConfigError(f'no {path.name} in {folder()}', remedy=HOW)\\n"
        "raise ConfigError('one' if a else 'two', expected='three')\\n"
        "raise HubError(put_together, remedy='four')".replace("\\n", "\n")
    )
    found = sorted(errors._places(PACKAGE / "room/module.py", tree))
    assert [(place.name, place.what, place.remedy, place.room) for place in found] == [
        ("ConfigError", "no {name} in {folder}", "write it", "room"),
        ("ConfigError", "one", "expected: three", "room"),
        ("ConfigError", "two", "expected: three", "room"),
    ]


def test_nearly_every_error_that_is_raised_with_words_is_on_a_page():
    """Those put together elsewhere cannot be read from the code; they may not become many."""
    shown = len(errors.places())
    assert shown > 0.9 * sum(1 for tree in errors.trees().values() for _ in errors.calls(tree))


def test_every_field_of_the_manifest_is_on_its_page():
    text = page("reference/manifest.md")
    fields = json.loads(manifest.SCHEMA.read_text())
    for name in {*fields["properties"], *fields["properties"]["inputs"]["properties"]}:
        assert re.search(rf"`(inputs\.)?{name}`", text), name
    for name in fields["$defs"]:
        assert f"\n### {name}\n" in text, name


def test_every_public_name_and_each_of_its_methods_is_documented():
    text = (DOCS / "reference/api.md").read_text()
    for name in builder.__all__:
        assert f"- [`{name}`]" in text
    methods = (DOCS / "reference/api/Trajectories.md").read_text()
    for name in ("arrays", "batches", "to_sb3", "filter", "episode_table"):
        assert f"\n## {name}\n" in methods


def test_a_signature_says_its_defaults_as_python_does():
    def play(count: "int", *, seed: "int" = 0, to: "str | None" = "x", by=api.page) -> "bool": ...

    assert api._signature("play", play) == (
        "```python\nplay(count: int, *, seed: int = 0, to: str | None = 'x', by = page) -> bool\n```"
    )


def test_every_page_is_listed_once_by_the_page_of_its_section():
    """The site's navigation; `docs/conf.py` says which pages those are."""
    conf = runpy.run_path(str(DOCS / "conf.py"))
    pages = {
        path.relative_to(DOCS).with_suffix("") for kind in ("md", "ipynb") for path in DOCS.rglob(f"*.{kind}")
    }
    listed = [
        os.path.normpath(page.parent / name)
        for page in pages
        if page.name in {"index", *conf["ALWAYS"]} or (DOCS / page).is_dir()
        for name in set(conf["LISTED"].findall((DOCS / page).with_suffix(".md").read_text()))
    ]
    assert sorted(listed) == sorted(str(page) for page in pages - {Path("index")})


def test_the_choices_of_an_export_are_its_formats():
    assert "| `to=minari` |" in verbs.pages()["reference/verbs/export.md"]
    assert "| `from=minari` |" in verbs.pages()["reference/verbs/import.md"]


def test_the_gallery_is_made_of_its_facts_and_each_strip_is_small():
    shown = gallery.known(DOCS / "gallery")
    assert list(shown) == [*gallery.BUNDLED, *gallery.PUBLISHED]
    assert (DOCS / "gallery/index.md").read_text() == gallery.page(shown)
    for name in shown:
        assert (DOCS / f"gallery/{name}.png").stat().st_size <= gallery.LARGEST
    assert {path.stem for path in (DOCS / "gallery").glob("*.png")} == set(shown)


def test_names_of_the_gallery_are_in_the_catalogue_and_its_figures_near_what_is_published():
    rows = {row.name: row for row in read_table()}
    for name, it in gallery.known(DOCS / "gallery").items():
        if name in gallery.PUBLISHED:
            row = rows[name]
            assert row.repo_id.partition("/")[2] == gallery.PUBLISHED[name]
            assert it.mean > row.mean_return - max(2 * row.std_return, 0.1 * abs(row.mean_return))


@pytest.mark.slow
def test_what_the_gallery_says_of_an_expert_is_what_a_build_gives(tmp_path):
    shown = gallery.show("acrobot", tmp_path / "acrobot", tmp_path / "strip.png", {})
    assert shown == gallery.known(DOCS / "gallery")["acrobot"]
    assert 1_000 < (tmp_path / "strip.png").stat().st_size <= gallery.LARGEST


def test_a_strip_of_many_colours_is_made_to_fit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "strip.png")
    gallery.shrink(tmp_path / "strip.png")
    assert (tmp_path / "strip.png").stat().st_size <= gallery.LARGEST


def test_a_site_is_held_against_its_links_and_what_it_fetches(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h2 id="here"></h2><a href="b.html#there">1</a><a href="#here">2</a><a href="https://example.org">3</a>'
    )
    (tmp_path / "b.html").write_text('<h2 id="there"></h2><img src="data:image/png;base64,AA">')
    assert faults(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<a href="c.html">1</a><a href="a.html#no">2</a><script src="//cdn.example/x.js"></script>'
        '<link rel="stylesheet" href="https://fonts.example/x.css"><img src="no.png">'
    )
    (tmp_path / "x.css").write_text("@import url('https://fonts.example/y.css');")
    assert faults(tmp_path) == [
        "a.html: b.html#there leads nowhere",
        "b.html: a.html#no leads nowhere",
        "b.html: c.html leads nowhere",
        "b.html: fetches //cdn.example/x.js",
        "b.html: fetches https://fonts.example/x.css",
        "b.html: no.png is not there",
        "x.css: fetches from elsewhere",
    ]


def test_a_folder_without_pages_is_no_site(tmp_path):
    assert faults(tmp_path) == [f"{tmp_path}: there is no page"]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_every_link_of_it_holds(tmp_path):
    pytest.importorskip("pydata_sphinx_theme", reason="the extra docs is not installed")
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        tmp_path / "read",
        DOCS,
        tmp_path / "site",
    ]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert faults(tmp_path / "site") == []
    assert (tmp_path / "site/searchindex.js").exists()
