"""What `manifest.json` and `provenance.json` may hold: every field closed, before anything is made of one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from builder.errors import ConfigError
from builder.storage.plain_json import parse_json

SHOWN = 300
"""Characters of what is wrong."""


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a file, by the name of the file without its ending: manifest or provenance."""
    text = package_files("builder.manifest").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_inputs(inputs: Mapping[str, Any]) -> None:
    """Refuse before play what a manifest could not say: it would not be taken for one afterwards.

    Raises:
        ConfigError: the inputs of a build hold what a manifest may not.
    """
    try:
        parse_json(json.dumps(inputs).encode())
        wrong = next(violations("manifest", inputs, "inputs"), None)
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise ConfigError(
            f"the manifest could not be read again: {wrong}", remedy="give shorter or fewer values"
        )


def violations(name: str, content: Any, part: str | None = None) -> Iterator[str]:
    """What in a file's content its schema does not allow, each with its place; the first tells most.

    Args:
        name: of the schema.
        content: of the file.
        part: the key whose value the content is, with dots where it lies deeper; None: it is all of it.
    """
    for wrong in _validator(name, part).iter_errors(content):
        place = wrong.json_path if part is None else wrong.json_path.replace("$", part, 1)
        yield f"{place}: {wrong.message}"[:SHOWN]


@cache
def _validator(name: str, part: str | None) -> Any:
    import jsonschema

    schema = schema_of(name)
    if part is not None:
        within = schema
        for key in part.split("."):
            within = within["properties"][key]
        schema = {"$defs": schema["$defs"], **within}

    draft = jsonschema.Draft202012Validator
    # To the standard 1.0 is an integer, which no count of ours is.
    types = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return jsonschema.validators.extend(draft, {"pattern": _pattern}, type_checker=types)(schema)


def _pattern(_validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[Any]:
    """What a pattern has against a text: `$` is its end alone, as the standard has it, and no line's."""
    import jsonschema

    if isinstance(text, str) and not re.search(pattern.replace("$", r"\Z"), text):
        yield jsonschema.ValidationError(f"{text!r} does not match {pattern!r}")
