"""What `--help` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from builder.cli.keys import Key


def usage(verb: str, about: str, keys: Iterable[Key], choices: Mapping[str, str]) -> str:
    """How a verb is used.

    Args:
        verb: its name.
        about: what it does.
        keys: of its configuration.
        choices: of its telling key, as it is typed (`parallel=dask`), and what each means.
    """
    width = max(map(len, choices), default=0)
    chosen = [f"  {name:{width}}  {text}" for name, text in choices.items()]
    return "\n".join(
        [
            f"il-builder {verb} [KEY=VALUE ...]",
            "",
            f"  {about}",
            "",
            *([*chosen, ""] if chosen else []),
            f"The keys of {verb}, and what stands there where you say nothing:",
            "",
            *(key.line for key in keys),
            "",
            "--cfg job shows all of a configuration, --hydra-help Hydra's own words.",
        ]
    )


def overview(verbs: Mapping[str, str]) -> str:
    """How the command line is used.

    Args:
        verbs: what each does, and its most important keys.
    """
    lines = [f"  {name:10} {about}" for name, about in verbs.items() if about]
    return "\n".join(
        [
            "il-builder [VERB] [KEY=VALUE ...]   without a verb: build",
            "",
            *lines,
            "",
            "il-builder VERB --help lists the keys of a verb, il-builder experts who has a name.",
            "-m makes a build for each of several values, KEY=A,B; --cfg job shows the configuration.",
        ]
    )
