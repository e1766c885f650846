"""YAML that Python wrote, with Python's tags, as plain data.

The companions of published agents (`config.yml`, `args.yml`, `env_kwargs.yml`) carry tags that PyYAML's own
loaders either refuse or obey, and obeying them runs code. Here the containers become plain lists and dicts,
and every other Python tag is refused.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

import yaml

from builder.errors import ArchiveError, UnsafeArchiveError
from builder.storage.limits import YAML_BYTES

_MAX_DEPTH = 50
_MAX_NODES = 10_000
_PYTHON = "tag:yaml.org,2002:python/"
_DAMAGED = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class _PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader with Python's containers as plain ones, and without merge keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys copy what they merge, again and again: a short text would become a huge mapping."""
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise ValueError("merge keys")


def _refuse(_loader: _PlainLoader, suffix: str, node: yaml.Node) -> Any:
    raise UnsafeArchiveError(
        f"the tag !!python/{suffix[:60]} in line {node.start_mark.line + 1} would run code",
        expected="plain data",
        remedy="nothing of it was run",
    )


def _sequence(loader: _PlainLoader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise TypeError("a sequence is missing")
    return loader.construct_sequence(node, deep=True)


def _ordered(loader: _PlainLoader, node: yaml.Node) -> dict[Any, Any]:
    """`OrderedDict` as PyYAML writes it: its one argument is a list of pairs."""
    arguments = _sequence(loader, node)
    return dict(arguments[0] if arguments else ())


def _mapping(loader: _PlainLoader, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise TypeError("a mapping is missing")
    return loader.construct_mapping(node, deep=True)


_PlainLoader.add_multi_constructor(_PYTHON, _refuse)
for _name in ("tuple", "list"):
    _PlainLoader.add_constructor(_PYTHON + _name, _sequence)
_PlainLoader.add_constructor(_PYTHON + "dict", _mapping)
_PlainLoader.add_constructor(_PYTHON + "object/apply:collections.OrderedDict", _ordered)
for _name, _plain in (
    ("str", "str"),
    ("unicode", "str"),
    ("int", "int"),
    ("bool", "bool"),
    ("float", "float"),
):
    _PlainLoader.add_constructor(
        _PYTHON + _name, _PlainLoader.yaml_constructors[f"tag:yaml.org,2002:{_plain}"]
    )


def read_yaml(content: bytes, where: str) -> dict[str, Any]:
    """A YAML mapping as plain data.

    Args:
        content: the file.
        where: its name, for messages.

    Raises:
        ArchiveError: it is damaged, too large or too deep, or not a mapping with text keys.
        UnsafeArchiveError: it carries a tag that would run code.
    """
    if len(content) > YAML_BYTES:
        raise ArchiveError(f"{where}: {len(content)} bytes", expected=f"at most {YAML_BYTES}")
    if _flow_depth(content) > _MAX_DEPTH:
        raise ArchiveError(f"{where}: brackets more than {_MAX_DEPTH} deep")
    try:
        value = yaml.load(content, Loader=_PlainLoader)  # noqa: S506  (a safe loader)
    except UnsafeArchiveError as error:
        raise UnsafeArchiveError(
            f"{where}: {error.what}", expected=error.expected, remedy=error.remedy
        ) from error
    except _DAMAGED as error:
        raise ArchiveError(f"{where}: not readable YAML ({type(error).__name__})") from error
    value = {} if value is None else value
    _check_plain(value, where)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ArchiveError(f"{where}: not a mapping", got=type(value).__name__)
    return value


def _flow_depth(content: bytes) -> int:
    """How many brackets are open at most; PyYAML takes seconds over a few thousand of them."""
    depth = deepest = 0
    for letter in content:
        if letter in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in b"]}":
            depth -= 1
    return deepest


def _check_plain(value: Any, where: str) -> None:
    """Aliases can make a small file a huge or endless structure: walk it once, within bounds."""
    waiting, seen = [value], 0
    while waiting:
        part = waiting.pop()
        seen += 1
        if seen > _MAX_NODES:
            raise ArchiveError(f"{where}: more than {_MAX_NODES} values")
        if isinstance(part, dict):
            waiting.extend(part.keys())
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif part is not None and type(part) not in {bool, int, float, str}:
            raise ArchiveError(f"{where}: a {type(part).__name__}", expected="plain values")


def read_mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping with text keys that a file holds, or spells as Python; nothing is an empty one.

    Raises:
        ArchiveError: it is something else.
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return read_literal(value, where)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ArchiveError(where, expected="a mapping", got=type(value).__name__)
    return value


def read_literal(text: str, where: str) -> dict[str, Any]:
    """A Python dict that a YAML file holds as text: `{'a': 1}` or `dict(a=1)`, of literals only.

    Raises:
        ArchiveError: it is something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in the text
            expression = ast.parse(text.strip()[:2000], mode="eval").body
            if isinstance(expression, ast.Call):
                return _dict_call(expression)
            value = ast.literal_eval(expression)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ArchiveError(f"{where}: not a dict of literals", got=repr(text[:80])) from error
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ArchiveError(f"{where}: not a dict of literals", got=repr(text[:80]))
    return value


def _dict_call(call: ast.Call) -> dict[str, Any]:
    if not isinstance(call.func, ast.Name) or call.func.id != "dict" or call.args:
        raise ValueError("not a call of dict with keywords")
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError("an unpacked argument")
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
