"""The rooms of the package are guarded: import-linter knows the inside of each, and finds no circle."""

import tomllib

from places import PACKAGE, ROOT

MANY = 4
"""A package of more files than this has an order of its own."""


def contracts():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_every_package_of_many_files_says_in_what_order_they_import():
    ordered = {
        container
        for contract in contracts()
        if contract["type"] == "layers" and contract.get("exhaustive")
        for container in contract["containers"]
    }
    large = set()
    for folder in (PACKAGE, *(path.parent for path in PACKAGE.rglob("__init__.py"))):
        modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        if len(modules) > MANY:
            large.add(".".join(folder.relative_to(ROOT).parts))
    assert large - ordered == set()


def test_no_two_siblings_may_import_each_other_at_any_depth():
    assert [contract["ancestors"] for contract in contracts() if contract["type"] == "acyclic_siblings"] == [
        ["builder"]
    ]
