"""The line of Python that opens an export, held against what its reader has: an empty prompt."""

import ast
import builtins
from importlib.util import find_spec


def undefined(line):
    """The names that a line uses and nothing in it gives."""
    names = [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)]
    given = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    given |= {alias.asname or alias.name for node in _imports(line) for alias in node.names}
    return {node.id for node in names} - given - {*dir(builtins)}


def installed(line):
    """Whether this environment has all packages that a line imports."""
    names = [getattr(node, "module", None) or node.names[0].name for node in _imports(line)]
    return all(find_spec(name.partition(".")[0]) for name in names)


def _imports(line):
    return [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Import | ast.ImportFrom)]
