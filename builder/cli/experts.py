"""The verb `experts`: the registry as a table, one expert of it, or its weights as data."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.errors import ConfigError, suggest
from builder.storage.paths import expanded

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExpertsConfig:
    """`il-builder experts`."""

    name: str | None
    save: str | None
    env_id: str | None = None
    ask: bool = False
    debug: bool = False


def experts(overrides: list[str]) -> None:
    """Show the registry, or one expert of it, or save one's weights."""
    from rich.console import Console

    from builder.composition import compose
    from builder.experts.policy import configured

    config = compose(ExpertsConfig, "experts", overrides)
    if config.save is not None:
        _save_expert(config)
        return
    console = Console()
    if not console.is_terminal:
        console.width = 160
    if config.name is not None:
        if config.name not in configured():
            raise ConfigError(
                f"there is no expert {config.name!r}", remedy=suggest(config.name, configured())
            )
        for key, value in configured()[config.name].items():
            if key != "defaults":
                console.print(f"{key:14} {value}", highlight=False)
        return
    _print_table(console, config.env_id, ask=config.ask)


def _print_table(console: Console, env_id: str | None = None, *, ask: bool = False) -> None:
    from rich.table import Table

    from builder.experts.table import COLUMNS, LEFT_OUT, WIDE, rows

    left_out = () if console.width >= WIDE else LEFT_OUT
    shown = [index for index, column in enumerate(COLUMNS) if column not in left_out]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for index in shown:  # what does not fit goes on in a second line, but a name is what one types
        table.add_column(COLUMNS[index], no_wrap=index == 0, overflow="fold")
    for title in ("size", "licence") if ask else ():
        table.add_column(title, overflow="fold")
    for row in rows(env_id):
        facts = _facts(row[COLUMNS.index("source")]) if ask else ()
        table.add_row(*(row[index] for index in shown), *facts)
    console.print(table)
    if left_out:
        log.info("%s: il-builder experts name=..., or a wider terminal", " and ".join(left_out))


def _facts(source: str) -> tuple[str, str]:
    """The size and the licence of what lies in a repository, as the Hub says now; "?" where it does not."""
    from builder.display import shown_size
    from builder.errors import HubError
    from builder.experts.sources.hub import repository_facts

    if "/" not in source:
        return "", ""
    try:
        size, licence = repository_facts(source)
    except HubError as error:
        log.warning("%s", error.finding)
        return "?", "?"
    return shown_size(size) if size is not None else "?", licence or "not stated"


def _save_expert(config: ExpertsConfig) -> None:
    from builder.composition import build_config
    from builder.experts.sources.load import load_expert
    from builder.experts.sources.portable import save_portable

    if config.name is None or config.save is None:
        raise ConfigError("which expert shall be saved?", remedy="add name=... to the command")
    build = build_config([f"expert={config.name}"])
    expert = load_expert(build.expert, build.rollout)
    if expert.trained is None:
        raise ConfigError(f"the expert {config.name!r} has no weights to save")
    folder = expanded(config.save)
    save_portable(expert.trained.portable(), folder)
    plays = f"expert=local expert.path={folder} env.id={expert.policy.name}"
    if build.expert.threshold > -math.inf:  # what was kept holds the policy alone
        plays += f" threshold={build.expert.threshold:g}"
    print(f"saved {config.name} in {folder}; {plays} plays it")
