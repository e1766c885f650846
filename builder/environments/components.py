"""What the components of observations and actions mean, in environments whose documentation says so.

The table beside this module holds what gymnasium 1.4 documents of its own environments, and the choices of
each game of ale-py 0.12. Where a docstring is wrong or silent, it holds what the code and MuJoCo's
documentation say: of `cvel` and `cfrc_ext` the three rotations come first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym

from builder.episodes.spaces import leaves

TABLE = Path(__file__).with_name("components.json")
ATARI = re.compile(r"ALE/(\w+)-v5|([A-Za-z0-9]+?)(?:NoFrameskip|Deterministic)?-v[04]")
"""How the ids of Atari's games are spelt."""


@dataclass(frozen=True)
class Component:
    """One number of an observation or an action.

    Attributes:
        name: what it is.
        unit: of its values; empty where there is none.
    """

    name: str
    unit: str


def components(env_id: str, part: str, space: gym.Space[Any]) -> tuple[Component, ...]:
    """The components of a space, flattened leaf by leaf; a Discrete leaf is one.

    Args:
        env_id: the environment's.
        part: observation or action.
        space: which of an environment's forms it is; of another size than any of these it is not known.

    Returns:
        As many as there are numbers; none where they are not documented.
    """
    known = _environment(env_id)
    size = sum(math.prod(leaf.shape) for leaf in leaves(space)) if known.get(part) else 0
    for form in known.get(part, ()):
        found = tuple(_components(form))
        hidden = tuple(_components(known.get("hidden", ()))) if part == "observation" else ()
        for candidate in (found, (*hidden, *found)):
            if len(candidate) == size:
                return candidate
    return ()


def component_names(env_id: str, part: str, space: gym.Space[Any]) -> tuple[str, ...]:
    """The names of a space's components: see `components`."""
    return tuple(component.name for component in components(env_id, part, space))


def choice_names(env_id: str, part: str, space: gym.Space[Any]) -> tuple[str, ...]:
    """What each value of a Discrete space means, from its lowest on; none where that is not documented."""
    if not isinstance(space, gym.spaces.Discrete):
        return ()
    forms = [form for form in _environment(env_id).get(part, ()) if all(isinstance(x, str) for x in form)]
    if part == "action" and not forms:
        forms = list(_atari(env_id))
    return next((tuple(form) for form in forms if len(form) == space.n), ())


def _environment(env_id: str) -> dict[str, Any]:
    found: Any = _table()["environments"].get(env_id, {})
    return _environment(found) if isinstance(found, str) else found


def _components(form: Sequence[Any]) -> Iterator[Component]:
    """The components of a form of the table; an entry of parts stands for as many as it names."""
    for entry in form:
        if isinstance(entry, dict):
            for part in entry["of"]:
                yield from (Component(name.replace("{}", part), unit) for name, unit in entry["are"])
        elif not isinstance(entry, str):
            yield Component(*entry)


def _atari(env_id: str) -> Iterator[list[str]]:
    """The forms of a game's actions: its own choices, and all that there are."""
    matched = ATARI.fullmatch(env_id)
    own = _table()["atari_games"].get((matched[1] or matched[2]).lower()) if matched else None
    if own is not None:
        choices = _table()["atari_actions"]
        yield [choices[index] for index in own]
        yield choices


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table
