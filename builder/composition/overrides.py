"""Overrides as they are typed, before Hydra reads them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.composition.errors import first_line, unreadable
from builder.errors import ConfigError

OPEN = ("env.kwargs", "expert.env_kwargs")
"""Keys under which the user may add any other."""
OPTIONS = ("to", "from")
"""Keys under which a format has its own."""
CHOSEN = {"rollout.noise": "kind", "rollout.switch": "policy"}
"""Keys of the build that are a mapping, and what of it a plain value stands for."""
LISTS = ("dataset.teacher",)
"""Keys that are a list, where one word stands for a list of it."""
COUNTS = {"baseline": ("demos",)}
"""By verb: keys that are a list of whole numbers, which may come without brackets: `demos=1,5,25`."""
SHORT = {
    "export": {"to": "to.name"},
    "render": {"to": "to.name"},
    "import": {"from": "from.name"},
    "experts": {"env": "env_id"},
}
"""By verb: keys that stand for another where a plain value is given: `to=minari` is `to.name=minari`."""


def expand_sweep(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The overrides of each job of a sweep: every combination of the comma-separated values.

    Raises:
        ConfigError: an override that Hydra cannot read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException, OverrideParseException

    choices = []
    for text in overrides:
        try:
            (override,) = OverridesParser.create().parse_overrides([quoted(text)])
            if override.is_sweep_override():
                key = override.get_key_element()
                choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
            else:
                choices.append([text])
        except OverrideParseException as error:
            raise unreadable(error.override) from None
        except HydraException as error:
            raise ConfigError(f"{text!r} cannot be swept: {first_line(error)}") from None
    for combination in itertools.product(*choices):
        yield list(combination)


def is_text(override: str) -> bool:
    """Whether Hydra reads a text in an override, or several: no list, no mapping, no fault of grammar."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (found,) = OverridesParser.create().parse_overrides([quoted(override)])
    except HydraException:
        return False
    return found.is_sweep_override() or not isinstance(found.value(), (list, dict))


def quoted(override: str) -> str:
    """`out=~/x` as `out='~/x'`: Hydra's grammar has no bare `~`, and not every shell expands it here."""
    found = re.fullmatch(r"([\w.+]+)=(~[^'\\,]*)", override)
    return f"{found[1]}='{found[2]}'" if found else override


def opened(override: str) -> str:
    """`env.kwargs.x=1` as `++env.kwargs.x=1`: Hydra takes a key that no file has only so."""
    anything = (
        *(f"{key}{end}" for key in OPEN for end in ".="),
        *(f"{key}." for key in (*OPTIONS, *CHOSEN)),
    )
    return f"++{override}" if override.startswith(anything) else override


def long_form(verb: str, override: str) -> str:
    """`to=minari` as `to.name=minari`, where the verb has it so; a mapping stays what it is."""
    key, given, value = override.partition("=")
    known = {**SHORT.get(verb, {}), **{name: f"{name}.{part}" for name, part in CHOSEN.items()}}
    if key in CHOSEN and value in {"null", ""}:
        return override
    if key in LISTS and re.fullmatch(r"\w+", value) and value != "null":
        return f"{key}=[{value}]"
    if key in COUNTS.get(verb, ()) and re.fullmatch(r"\d+(,\d+)*", value):
        return f"{key}=[{value}]"
    return f"{known[key]}={value}" if given and key in known and not value.startswith("{") else override


def chosen(key: str, value: Any) -> tuple[str, Any]:
    """The same of a value that a program gives: a text in the place of a mapping is a part of it."""
    if key in CHOSEN and isinstance(value, str):
        return f"{key}.{CHOSEN[key]}", value
    if key in LISTS and isinstance(value, str):
        return key, [value]
    if isinstance(value, Mapping):
        below = {name.removeprefix(f"{key}."): part for name, part in CHOSEN.items()}
        parts = {
            name: {below[name]: item}
            for name, item in value.items()
            if name in below and isinstance(item, str)
        }
        return key, {**value, **parts}
    return key, value
