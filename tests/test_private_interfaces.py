"""What other packages call their own is used in one file alone."""

import ast

from places import PACKAGE

ALLOWED = {"composition/environment_variables.py", "experts/own_noise.py", "hub_client/private.py"}
"""OmegaConf's nodes, which tell an interpolation only so; the generators that a program cannot be kept from;
and one file for all others, whose test notices when they change."""
PUBLIC = ("_asdict", "_fields", "_replace")
"""Of named tuples, whose documentation has them."""
OURS = ("self", "cls", "builder")


def private(name):
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC


def taken(node):
    """What of others, and private, this part of the code names."""
    if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("builder"):
        names = [*node.module.split("."), *(alias.name for alias in node.names)]
        return [name for name in names if private(name)]
    if isinstance(node, ast.Attribute) and private(node.attr):
        own = isinstance(node.value, ast.Name) and node.value.id in (*OURS, "_kept", "_cancel")
        return [] if own else [node.attr]
    return []


def defined(tree):
    """Names that a module's own classes have."""
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return names | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_other_file_uses_what_another_package_calls_its_own():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        own = defined(tree)
        names = {name for node in ast.walk(tree) for name in taken(node)} - own
        if names:
            found[path.relative_to(PACKAGE).as_posix()] = names
    assert found.keys() == ALLOWED, found
