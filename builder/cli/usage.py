"""What `--help` says before Hydra lists the keys."""

from __future__ import annotations

from collections.abc import Mapping


def usage(verb: str, verbs: Mapping[str, str], choices: Mapping[str, str]) -> str:
    """How the command line is used.

    Args:
        verb: the one that was asked about.
        verbs: what each does, and its most important keys.
        choices: of the verb's telling key, as it is typed (`parallel=dask`), and what each means.
    """
    width = max(map(len, choices), default=0)
    lines = [f"  {name:8} {about}" for name, about in verbs.items() if about]
    chosen = [f"  {name:{width}}  {about}" for name, about in choices.items()]
    return "\n".join(
        [
            "il-builder [VERB] [KEY=VALUE ...]   without a verb: build",
            "",
            *lines,
            "",
            *chosen,
            "",
            "-m makes a build for each of several values, KEY=A,B; --cfg job shows the configuration.",
            f"The README says what the keys mean. Those of {verb}, with their defaults:",
            "",
        ]
    )
