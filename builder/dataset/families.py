"""The columns that a build may declare: their families, and what is known of each.

A family's entry is all that rooms above need; which columns a dataset has stands in its inputs
(`builder.episodes.declared`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import gymnasium as gym

from builder.dataset.column import Column, Kind
from builder.episodes.declared import COLUMNS, CONTROLLER, EXPERT_ACTION, TEXT, Declared
from builder.errors import DatasetError


@dataclass(frozen=True)
class Family:
    """Columns that a build declares, of one kind.

    Attributes:
        meaning: what the card says of one, by what comes after the dot of its name.
        replayed: whether the environment gives them, so that a replay compares them.
        single: there is one of that name alone, of whatever space; else a word after a dot names each.
        of_episodes: what the card adds where the table "episodes" has it.
    """

    meaning: Callable[[str], str]
    replayed: bool = False
    single: bool = True
    of_episodes: str = ""


_THOUGHTS = {
    "log_prob": "the log of how likely the expert's distribution makes {action}",
    "value": "what the expert's critic thought the state worth",
    "q_value": "what the expert's critics thought {action} worth, or of discrete ones each",
    "entropy": "of the expert's distribution",
    "distribution": "the expert's: logits, or means and deviations, or quantiles of returns",
}


def _thought(name: str) -> str:
    """What the card says of a teacher's column."""
    about, _, label = name.partition(".")
    action = "`expert_action`" if label else "`action`"
    return _THOUGHTS.get(about, f"the expert's {about}").format(action=action)


FAMILIES: dict[str, Family] = {
    CONTROLLER: Family(lambda _: "who has chosen the action: 0 the expert, 1 the other policy"),
    EXPERT_ACTION: Family(lambda _: "what the expert would have done there"),
    "info": Family(
        lambda key: f"`{key}` of the environment's `info`",
        replayed=True,
        single=False,
        of_episodes=", as `reset` returned it",
    ),
    "simulator_state": Family(lambda _: "what it takes to go on from here, before the action", replayed=True),
    "final_simulator_state": Family(lambda _: "the same after the last step", replayed=True),
    "policy_observation": Family(lambda _: "what the expert saw behind its wrappers"),
    "teacher": Family(_thought, single=False),
    "behaviour_log_prob": Family(
        lambda _: "the log of how likely `action` was to be chosen; null where that is not defined"
    ),
}
"""By what comes before the first dot of their names."""


def family_of(column: Declared) -> Family:
    """The family of a column.

    Raises:
        DatasetError: it is of none that is known.
    """
    head = column.name.partition(".")[0]
    if head not in FAMILIES:
        raise DatasetError("a column of the manifest is unknown", expected=list(FAMILIES), got=column.name)
    return FAMILIES[head]


def _added(column: Declared) -> Column:
    """The column that a build has declared."""
    family, rest = family_of(column), column.name.partition(".")[2]
    kind: Kind = TEXT
    if isinstance(space := column.kind, gym.Space):
        kind = lambda _: space  # noqa: E731  (a kind is a function of the dataset's spaces; this one of none)
    of_steps = column.table == "transitions"
    return Column(
        column.name,
        kind,
        "extras" if of_steps else "attempt_extras",
        family.meaning(rest) + ("" if of_steps else family.of_episodes),
        replayed=family.replayed,
        key=COLUMNS,
        nullable=column.nullable,
    )


def declared_columns(columns: Iterable[Declared], table: str = "transitions") -> tuple[Column, ...]:
    """Those of the columns that a build has declared which a table has.

    Raises:
        DatasetError: one is of no known family.
    """
    return tuple(_added(column) for column in columns if column.table == table)
