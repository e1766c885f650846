"""The page of the manifest, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import builder.manifest
from documentation.markdown import code, page, table, words

SCHEMA = Path(builder.manifest.__file__).with_name("manifest.schema.json")
HEAD = ("field", "type", "what it is")
Schema = Mapping[str, Any]


def pages() -> dict[str, str]:
    """The page by its place below `docs/`."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    fields = schema["properties"]
    sections = [_section(name, field) for name, field in fields.items() if _rows(name, field)]
    kinds = [_kind(name, kind) for name, kind in schema["$defs"].items()]
    text = page(
        "The manifest",
        "`manifest.json` of a dataset, field by field: from `builder/manifest/manifest.schema.json`, by"
        " which every manifest is checked before anything in it is used. A field that is not listed here is"
        " refused. `*` marks those that are always there. What they are for is said in [The dataset"
        " folder](../dataset.md) and in [Verify and rebuild](../verify.md).",
        table(HEAD, [_row(name, field, schema) for name, field in fields.items()]),
        *sections,
        "## Kinds of values",
        *kinds,
    )
    return {"reference/manifest.md": text}


def _section(name: str, field: Schema) -> str:
    about = words(field["description"]) + "." if "description" in field else ""
    return "\n\n".join(filter(None, [f"## {name}", about, table(HEAD, _rows(name, field))]))


def _kind(name: str, kind: Schema) -> str:
    about = words(kind.get("description", "")) + "." if "description" in kind else ""
    parts = [f"### {name}", f"{_type(kind)}. {about}".strip(), table(HEAD, _rows("", kind))]
    return "\n\n".join(filter(None, parts))


def _rows(name: str, field: Schema) -> list[tuple[str, str, str]]:
    """What is within a field, with dots."""
    return list(_within(f"{name}." if name else "", field))


def _within(prefix: str, field: Schema) -> Iterator[tuple[str, str, str]]:
    for name, inner in field.get("properties", {}).items():
        yield _row(name, inner, field, prefix)
        yield from _within(f"{prefix}{name}.", inner)
    if isinstance(inner := field.get("additionalProperties"), dict):
        yield code(f"{prefix}NAME"), _type(inner), words(inner.get("description", ""))
        yield from _within(f"{prefix}NAME.", inner)
    if isinstance(inner := field.get("items"), dict):
        yield from _within(f"{prefix.removesuffix('.')}[].", inner)


def _row(name: str, field: Schema, parent: Schema, prefix: str = "") -> tuple[str, str, str]:
    star = " \\*" if name in parent.get("required", ()) else ""
    return code(f"{prefix}{name}") + star, _type(field), words(field.get("description", ""))


def _type(field: Schema) -> str:
    """What values it takes, in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "const" in field:
        return code(json.dumps(field["const"]))
    if "enum" in field:
        return ", ".join(code(json.dumps(value)) for value in field["enum"])
    if choices := field.get("anyOf", field.get("oneOf")):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    kind = field.get("type", "any")
    if kind == "array" and "items" in field:
        return f"list of {_type(field['items'])}"
    return str(kind) if isinstance(kind, str) else " or ".join(kind)
