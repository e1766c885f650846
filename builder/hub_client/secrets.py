"""What must not leave this machine: values that look like secrets.

A value looks like one where it has a token's shape, or where it is that of an environment variable whose name
says so. What is found is named by its kind, never by its value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

NAMES = re.compile(r"token|key|secret|passw", re.IGNORECASE)
"""Names of environment variables whose values are secrets."""
SHORTEST = 8
"""Shorter values of such variables, `true` or `us`, stand in too many texts to mean anything."""
SHAPES = {
    "a token of the Hub": r"\bhf_[A-Za-z0-9]{30,}",
    "a token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeoprs]-[\w-]{10,}",
    "an API key": r"\b(sk-[A-Za-z0-9_-]{20,}|AIza[\w-]{35})",
    "a key of AWS": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""What tokens look like, each as its issuer documents it."""
_SHAPES = {kind: re.compile(shape) for kind, shape in SHAPES.items()}


def secret_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables whose names say that their values are secrets."""
    known = os.environ if environment is None else environment
    return {name: value for name, value in known.items() if NAMES.search(name) and len(value) >= SHORTEST}


def secret_in(text: str, environment: Mapping[str, str] | None = None) -> str | None:
    """What of a text looks like a secret, by its kind; None: nothing does."""
    return next((kind for kind, _ in _found(text, environment)), None)


def redacted(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text with three asterisks in place of what looks like a secret."""
    for _, secret in sorted(_found(text, environment), key=lambda found: -len(found[1])):
        text = text.replace(secret, "***")
    return text


def _found(text: str, environment: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """The kind and the text of everything that looks like a secret."""
    for name, value in sorted(secret_variables(environment).items()):
        if value in text:
            yield f"the value of the environment variable {name}", value
    for kind, shape in _SHAPES.items():
        yield from ((kind, found.group()) for found in shape.finditer(text))
