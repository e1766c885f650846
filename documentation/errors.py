"""The pages of the errors: what each class means, and what each place says that raises it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import builder
from builder import errors
from builder.errors import BuilderError
from documentation.markdown import code, page, table, words

PACKAGE = Path(builder.__file__).parent
CLASSES: Mapping[str, type[BuilderError]] = {
    name: member
    for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, BuilderError)
}


@dataclass(frozen=True, order=True)
class Place:
    """What one place in the code says.

    Attributes:
        name: the class that is raised.
        what: what failed; what varies stands in braces.
        remedy: what the user can do; "": the message says all.
        room: where it is raised.
    """

    name: str
    what: str
    remedy: str
    room: str


def pages() -> dict[str, str]:
    """Each page by its place below `docs/`."""
    found = places()
    made = {f"reference/errors/{name}.md": _class(name, found) for name in CLASSES}
    return {"reference/errors.md": _overview(), **made}


def places() -> tuple[Place, ...]:
    """Every place of the package that makes an error of ours with words of its own."""
    return tuple(sorted({place for path, tree in trees().items() for place in _places(path, tree)}))


@cache
def trees() -> Mapping[Path, ast.Module]:
    """The modules of the package that name an error, read as code."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    return {path: ast.parse(text) for path, text in texts.items() if "Error" in text}


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Every place of a module that makes an error of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES:
            yield node


def _places(path: Path, tree: ast.Module) -> Iterator[Place]:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    constants = _constants(tree)
    for node in calls(tree):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        given = {word.arg: word.value for word in node.keywords}
        for what in _texts(node.args[0], constants) if node.args else ():
            for remedy in _remedies(given, constants):
                yield Place(name, what, remedy, room)


def _remedies(given: Mapping[str | None, ast.expr], constants: Mapping[str, str]) -> list[str]:
    """What it says that can be done; where it does not, what it says that it expects."""
    remedies = _texts(given["remedy"], constants) if "remedy" in given else []
    expected = _texts(given["expected"], constants) if "expected" in given else []
    return remedies or [f"expected: {text}" for text in expected] or [""]


def _constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives a name."""
    return {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _texts(node: ast.expr, constants: Mapping[str, str]) -> list[str]:
    """The texts that an expression can be; none where it is put together elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            found = [text]
        case ast.JoinedStr(values=values):
            found = ["".join(_part(value) for value in values)]
        case ast.IfExp(body=body, orelse=orelse):
            found = [*_texts(body, constants), *_texts(orelse, constants)]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            found = [a + b for a in _texts(left, constants) for b in _texts(right, constants)]
        case ast.Name(id=name) if name in constants:
            found = [constants[name]]
        case ast.Call(func=ast.Name(id="suggest")):
            found = ["it names the nearest that is known"]
        case _:
            found = []
    return found


def _part(value: ast.expr) -> str:
    """A part of a text: what varies by its last name."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=inner):
            return f"{{{_name(inner)}}}"
    return "{...}"


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return _name(inner)
    return "..."


def _overview() -> str:
    rows = [
        (
            f"[`{name}`](errors/{name}.md)",
            _meaning(kind),
            code(kind.__bases__[0].__name__),
            str(kind.exit_code),
        )
        for name, kind in CLASSES.items()
    ]
    return page(
        "Errors",
        "Every error of ours is a `BuilderError`: one line that says what failed and where, what was"
        " expected, what was there, and what you can do. On the command line it ends with the exit code"
        " below; in Python it has the attributes `what`, `expected`, `got` and `remedy`. `debug=true` shows"
        " the traceback. The page of a class has what each place says that raises it: search for the words"
        " of your message. What a check finds has codes: [Checks](../checks.md#codes).",
        table(("class", "means", "is a", "exit code"), rows),
        "\n".join(f"- [{name}](errors/{name}.md)" for name in CLASSES),
    )


def _class(name: str, found: Iterable[Place]) -> str:
    kind = CLASSES[name]
    below = [
        f"[`{other.__name__}`]({other.__name__}.md)"
        for other in CLASSES.values()
        if other.__bases__[0] is kind
    ]
    base = kind.__bases__[0].__name__
    rows = [
        (words(place.what), words(place.remedy), code(place.room)) for place in found if place.name == name
    ]
    return page(
        name,
        _meaning(kind),
        f"It is a [`{base}`]({base}.md); exit code {kind.exit_code}."
        if base in CLASSES
        else f"Exit code {kind.exit_code}.",
        f"More exactly: {', '.join(below)}." if below else "",
        table(("what it says", "what you can do", "raised in"), rows),
    )


def _meaning(kind: type) -> str:
    return words((kind.__doc__ or "").strip().partition("\n")[0])
