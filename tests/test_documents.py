"""What the documents say of the code is there, and what is there they say."""

import re

import pytest
from places import PACKAGE, ROOT

from builder.storage import limits


def rooms():
    """The rooms of the package: its folders and the modules beside them."""
    hidden = {"__init__.py", "__main__.py", "__pycache__", "py.typed", "conf"}
    names = {path.name + "/" * path.is_dir() for path in PACKAGE.iterdir()} - {f"{name}/" for name in hidden}
    return {f"builder/{name}" for name in names - hidden}


def test_contributing_has_a_line_for_every_room_and_for_no_other():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"^\| `(builder/[^`]+)`", text, re.MULTILINE)) == rooms()


@pytest.mark.parametrize("page", ["architecture", "glossary", "adding"])
def test_every_module_that_a_page_names_is_there(page):
    text = (ROOT / f"docs/{page}.md").read_text()
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?|[a-z_]+\.py)`", text)
    assert named
    roots = (PACKAGE, ROOT)
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_the_glossary_is_in_order_and_says_each_word_once():
    words = re.findall(r"^\| ([a-z][^|]*) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)[1:]
    assert words == sorted(set(words))


def test_the_table_of_limits_is_that_of_the_code():
    """Each limit with its value: bytes in MiB and so on, all others as numbers."""
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    text = (ROOT / "docs/security.md").read_text()
    stated = {}
    for name, value in re.findall(r"^\| `([A-Z0-9_]+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE):
        number, _, unit = value.partition(" ")
        stated[name] = int(number.replace(",", "")) * units.get(unit, 1)
    known = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert stated == {name: known[name] for name in stated}
    assert known.keys() - stated.keys() == {"SEED", "LEAST_TEST_FRACTION"}
