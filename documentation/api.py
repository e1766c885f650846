"""The pages of the Python API, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import builder
from builder import testing
from documentation.markdown import code, page, words

SECTIONS = {
    "Args": "Takes",
    "Attributes": "Has",
    "Returns": "Gives",
    "Yields": "Yields",
    "Raises": "Raises",
}
HEADING = re.compile(rf"({'|'.join(SECTIONS)}):")
ENTRY = re.compile(r"(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): (.*)", re.DOTALL)
WIDTH = 88
TESTING = ("check_environment", "check_policy", "check_enjoy")


def pages() -> dict[str, str]:
    """Each page by its place below `docs/`."""
    members = {name: getattr(builder, name) for name in builder.__all__}
    classes = {name: member for name, member in members.items() if inspect.isclass(member)}
    functions = {name: member for name, member in members.items() if name not in classes}
    made = {f"reference/api/{name}.md": _class(name, kind) for name, kind in classes.items()}
    checks = {name: getattr(testing, name) for name in TESTING}
    made["reference/api/functions.md"] = page(
        "Functions",
        "All of them are in `builder`.",
        *(_member(name, it, "builder") for name, it in functions.items()),
    )
    made["reference/api/testing.md"] = page(
        "builder.testing",
        _prose((testing.__doc__ or "").split("\n\n")[0]),
        "[Checks](../../checks.md) has what they find.",
        *(_member(name, it, "builder.testing") for name, it in checks.items()),
    )
    return {"reference/api.md": _overview(members), **made}


def _overview(members: dict[str, Any]) -> str:
    rows = []
    for name, member in members.items():
        place = f"api/{name}.md" if inspect.isclass(member) else f"api/functions.md#{name}"
        rows.append(f"- [`{name}`]({place}): {words(_first(member))}")
    return page(
        "Python",
        "`from builder import ...`; nothing else is public, but for [`builder.testing`](api/testing.md).",
        "\n".join(rows),
        "By page:",
        "\n".join(
            [
                "- [Functions](api/functions.md)",
                *(
                    f"- [{name}](api/{name}.md)"
                    for name, member in members.items()
                    if inspect.isclass(member)
                ),
                "- [builder.testing](api/testing.md)",
            ]
        ),
    )


def _first(member: Any) -> str:
    return (inspect.getdoc(member) or "").partition("\n\n")[0]


def _class(name: str, kind: type) -> str:
    members = [_member(attribute, it, name) for attribute, it in _public(kind)]
    return page(name, _signature(name, kind), _documented(kind), *members)


def _public(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class offers by a name without an underscore, and says something of; the sorted names."""
    for name in sorted(name for name in dir(kind) if not name.startswith("_")):
        if any(base.__module__.startswith("builder") and name in vars(base) for base in kind.__mro__):
            member = inspect.getattr_static(kind, name)
            if callable(member) or isinstance(member, (property, cached_property, classmethod, staticmethod)):
                yield name, member


def _member(name: str, member: Any, within: str) -> str:
    """A function, a method or a property: a heading that can be linked to, its signature, what it says."""
    plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
    kind = " (a property)" if isinstance(plain, (property, cached_property)) else ""
    shown = "" if kind else _signature(f"{within}.{name}", plain)
    return "\n\n".join(
        filter(
            None,
            [f"## {name}", kind.strip(" ()").capitalize() + "." if kind else "", shown, _documented(plain)],
        )
    )


def _signature(name: str, member: Any) -> str:
    """As it is called; one line for each parameter where one line is too short for all."""
    signature = inspect.signature(member)
    shown = _parameters(each for each in signature.parameters.values() if each.name not in ("self", "cls"))
    back = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(shown)}){back}"
    if len(line) > WIDTH:
        line = "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){back}"])
    return f"```python\n{line}\n```"


def _parameters(parameters: Iterable[inspect.Parameter]) -> list[str]:
    shown: list[str] = []
    starred = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred = starred or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = "*" * (each.kind is each.VAR_POSITIONAL) or "**" * (each.kind is each.VAR_KEYWORD)
        kind = "" if each.annotation is each.empty else f": {each.annotation}"
        value = getattr(
            each.default, "__name__", repr(each.default)
        )  # of a function its name, not its address
        default = "" if each.default is each.empty else f" = {value}"
        shown.append(f"{stars}{each.name}{kind}{default}")
    return shown


def _documented(member: Any) -> str:
    """A docstring (Google style) as Markdown."""
    parts = []
    for paragraph in (inspect.getdoc(member) or "").split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if heading := HEADING.fullmatch(first.strip()):
            parts.append(f"**{SECTIONS[heading[1]]}**\n\n{_entries(rest)}")
        else:
            parts.append(_prose(paragraph))
    return "\n\n".join(filter(None, parts))


def _entries(text: str) -> str:
    """The entries of a section as a list; each begins at the least indent."""
    lines = inspect.cleandoc(text).split("\n")
    entries: list[str] = []
    for line in lines:
        if line.startswith(" ") and entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    if any(ENTRY.fullmatch(entry) is None for entry in entries):
        return words(" ".join(entries))
    matches = [match for entry in entries if (match := ENTRY.fullmatch(entry))]
    return "\n".join(f"- {code(match[1])}: {words(match[2])}" for match in matches)


def _prose(paragraph: str) -> str:
    """A paragraph; a list stays one, and what is indented is code."""
    lines = paragraph.strip("\n").split("\n")
    if all(line.startswith("    ") for line in lines):
        return "```python\n" + "\n".join(line.removeprefix("    ") for line in lines) + "\n```"
    if not any(line.startswith(("* ", "- ")) for line in lines):
        return words(paragraph)
    items: list[str] = []
    for line in lines:
        if line.startswith(("* ", "- ")) or not items:
            items.append(line)
        else:
            items[-1] += f" {line.strip()}"
    return "\n".join(
        f"- {words(item[2:])}" if item[:2] in ("* ", "- ") else words(item) + "\n" for item in items
    )
