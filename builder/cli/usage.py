"""What `--help` says before Hydra lists the keys."""

from __future__ import annotations

from collections.abc import Mapping


def usage(verb: str, verbs: Mapping[str, str], backends: Mapping[str, str]) -> str:
    """How the command line is used.

    Args:
        verb: the one that was asked about.
        verbs: what each does, and its most important keys.
        backends: what each choice of `parallel=` plays on.
    """
    lines = [f"  {name:8} {about}" for name, about in verbs.items() if about]
    workers = [f"  parallel={name:10} {about}" for name, about in backends.items()]
    return "\n".join(
        [
            "il-builder [VERB] [KEY=VALUE ...]   without a verb: build",
            "",
            *lines,
            "",
            *workers,
            "",
            "-m makes a build for each of several values, KEY=A,B; --cfg job shows the configuration.",
            f"The README says what the keys mean. Those of {verb}, with their defaults:",
            "",
        ]
    )
