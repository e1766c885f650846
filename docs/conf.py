"""How Sphinx makes the site of these pages: `make docs`.

The pages are plain Markdown, and read as well where they lie. The site's navigation is what the lists of a
section's page link to, so that no page is listed twice.
"""

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "IL Dataset Builder"
author = "The authors of IL Dataset Builder"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
extensions = ["myst_nb"]
exclude_patterns = ["**.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # the tests execute notebooks; what is committed is shown
highlight_language = "none"
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a made page may go from a heading to one two levels below

html_title = "IL Dataset Builder"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {
    page: [] for page in ("index", "start", "tour", "gallery/index")
}  # those with no page below them
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "logo": {"text": "IL Dataset Builder"},
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": False,
    "navigation_depth": 3,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["sphinx-version"],
    "footer_end": [],
}

LISTED = re.compile(r"^[-*] \[[^\]]+\]\(([\w/.-]+)\.(?:md|ipynb)\)", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()([\w./-]+\.md)(?=[)#])")
ALWAYS = {"index", "howto", "explanation"}
"""Pages whose lists are the navigation; so are those called `index`, and those named as a folder is."""
OUTSIDE = {
    "project/contributing": ROOT / "CONTRIBUTING.md",
    "project/changelog": ROOT / "CHANGELOG.md",
    "project/measurements": ROOT / "benchmarks/RESULTS.md",
    "project/baselines": ROOT / "benchmarks/BASELINES.md",
    "project/agents": ROOT / "benchmarks/experts.md",
}
"""Pages in whose place the site shows a file that does not lie in `docs/`."""


def prepared(app, page, text):  # noqa: ANN001, ANN201  (Sphinx's own types are no dependency of the linters)
    """A page as the site has it: with a file from outside in its place, its links, and its navigation."""
    source = Path(app.srcdir) / page
    stands_for = OUTSIDE.get(page)
    if stands_for:
        text[0] = stands_for.read_text()
    text[0] = LINK.sub(lambda link: within(app, link[0], stands_for or source, source), text[0])
    if page in ALWAYS or source.name == "index" or source.is_dir():
        listed = "\n".join(dict.fromkeys(LISTED.findall(text[0])))
        text[0] += f"\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n" if listed else ""


def within(app, link, written_in, shown_in):  # noqa: ANN001, ANN201
    """Where a link leads in the site: to the page that stands for its file, where one does."""
    target = (written_in.parent / link).resolve()
    pages = {path: Path(app.srcdir) / f"{page}.md" for page, path in OUTSIDE.items()}
    return os.path.relpath(pages.get(target, target), shown_in.parent)


def setup(app):  # noqa: ANN001, ANN201
    """Called by Sphinx."""
    app.connect("source-read", prepared)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
