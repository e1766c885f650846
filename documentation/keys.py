"""A page for each verb, with each of its keys, from the files in `conf/`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from builder.cli.keys import Key, keys
from builder.cli.verbs import VERBS, Verb
from builder.exchange.formats import FORMATS
from builder.experts.catalogue import MARK as NAMED
from builder.experts.catalogue import Row, read_table
from builder.experts.policy import conf_folder
from builder.parallel.backends import BACKENDS
from documentation.markdown import code, page, table, words

HEAD = ("key", "default", "what it is")


def pages() -> dict[str, str]:
    """Each page by its place below `docs/`."""
    verbs = {name: verb for name, verb in VERBS.items() if verb.about}
    made = {f"reference/verbs/{name}.md": _verb(name, verb) for name, verb in verbs.items()}
    return {
        "reference/verbs.md": _overview(verbs),
        "reference/experts.md": _experts(),
        "reference/catalogue.md": _catalogue(),
        **made,
    }


def _overview(verbs: dict[str, Verb]) -> str:
    rows = [
        (f"[`{name}`](verbs/{name}.md)", words(verb.about.partition(": ")[0])) for name, verb in verbs.items()
    ]
    links = "\n".join(f"- [il-builder {name}](verbs/{name}.md)" for name in verbs)
    return page(
        "Verbs and keys",
        "`il-builder VERB key=value ...`; without a verb it is `build`. Each verb has a page with all of"
        " its keys, and `il-builder VERB --help` prints the same. `il-builder version` prints which one this"
        " is, `-m` makes a build for each of several values, `--cfg job` prints a configuration as it is"
        " composed.",
        table(("verb", "what it does"), rows),
        "Exit codes: 0 done, 1 an error with its remedy, 2 bad usage or configuration, 130 interrupted.",
        links,
    )


def _verb(name: str, verb: Verb) -> str:
    found = keys(name, conf_folder())
    own = [key for key in found if "." not in key.name and not key.heads]
    sections = [_section(prefix, list(group)) for prefix, group in _groups(found, own)]
    usual = verb.about.partition(": ")[2]
    return page(
        f"il-builder {name}",
        _sentence(verb.about.partition(": ")[0]),
        f"Most used: {code(usual)}." if usual else "",
        _choices(name),
        "## Its keys",
        table(HEAD, map(_row, own)),
        *sections,
    )


def _groups(found: Iterable[Key], own: Iterable[Key]) -> Iterator[tuple[str, Iterator[Key]]]:
    """The keys below a group, by its name, in their order."""
    others = [key for key in found if key not in own]
    return groupby(others, key=lambda key: key.name.partition(".")[0])


def _section(prefix: str, group: list[Key]) -> str:
    heads = [key for key in group if key.heads]
    about = _sentence(heads[0].about) if heads else ""
    chosen = [key for key in heads if key.default != "default"]
    rows = [_row(key) for key in [*chosen, *(key for key in group if not key.heads)]]
    more = "[Every expert](../experts.md)." if prefix == "expert" and chosen else ""
    return "\n\n".join(filter(None, [f"### {prefix}", about, more, table(HEAD, rows)]))


def _sentence(text: str) -> str:
    """What a file or a table says of something, as a sentence."""
    return f"{words(text[:1].upper() + text[1:].rstrip(':'))}." if text else ""


def _row(key: Key) -> tuple[str, str, str]:
    default = "must be given" if key.default == "???" else code(key.default)
    return code(key.name), default, "" if key.heads else words(key.about)


def _choices(verb: str) -> str:
    """What can stand in a verb's telling key."""
    if verb in ("export", "import"):
        key = "to" if verb == "export" else "from"
        kept = {name: entry for name, entry in FORMATS.items() if verb == "import" or entry.write}
        rows = [
            (
                code(f"{key}={name}"),
                words(entry.about),
                " ".join(
                    code(f"{key}.{option}={json.dumps(value)}")
                    for option, value in (entry.options if verb == "export" else entry.import_options).items()
                ),
            )
            for name, entry in kept.items()
        ]
        return "## Formats\n\n" + table(("format", "what it is", "its options, and their defaults"), rows)
    if "  - parallel: " in (conf_folder() / f"{verb}.yaml").read_text(encoding="utf-8"):
        rows = [(code(f"parallel={name}"), words(entry.about), "") for name, entry in BACKENDS.items()]
        return "## Where it plays\n\n" + table(("backend", "plays on"), [row[:2] for row in rows])
    return ""


def _experts() -> str:
    """Every word that `expert=` takes, but for those of the catalogue."""
    files = sorted((conf_folder() / "expert").glob("*.yaml"))
    shown = [path for path in files if path.stem != "base" and not path.read_text().startswith(NAMED)]
    return page(
        "Experts by name",
        "What `expert=` takes. [Experts](../experts.md) says what each source reads, and how. `il-builder"
        " experts` prints those that have a name, `il-builder experts name=X` one of them.",
        table(("expert", "what it is"), [(code(f"expert={path.stem}"), _first(path)) for path in shown]),
        "The published agents have names as well: [the catalogue](catalogue.md).",
    )


def _first(path: Path) -> str:
    return words(path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# "))


def _catalogue() -> str:
    rows = [(code(row.name), code(row.env_id), code(row.repo_id), _published(row)) for row in read_table()]
    return page(
        "The catalogue",
        f"{len(rows)} published agents of the Hub that have a name: `il-builder expert=NAME`. The returns"
        " are those that their authors publish; where nobody says, none is stated.",
        table(("name", "trained on", "repository", "published return"), rows),
    )


def _published(row: Row) -> str:
    if row.mean_return is None:
        return ""
    spread = "" if row.std_return is None else f" ± {row.std_return:,.1f}"
    return f"{row.mean_return:,.1f}{spread}"
