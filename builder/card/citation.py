"""How a dataset is to be cited: the author's BibTeX, and where the paper that it names can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.card.markdown import block
from builder.errors import ConfigError

MOST_LETTERS = 10_000
_FIELD = r"\b{}\s*=\s*[{{\"]\s*"
ARXIV = re.compile(
    r"(?:arxiv[.:/ ]|arxiv\.org/(?:abs|pdf)/|"
    + _FIELD.format("eprint")
    + r")\s*(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?![\w/])",
    re.IGNORECASE,
)
DOI = re.compile(
    _FIELD.format("doi") + r"(?:https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/[\w.()/:-]+)", re.IGNORECASE
)
URL = re.compile(_FIELD.format("url") + r"(?:\\url{)?(https?://[\w.-]+(?:/[\w./?=&%+~#-]*)?)", re.IGNORECASE)


def check_citation(text: str | None) -> None:
    """Refuse what no card would show as a citation.

    Raises:
        ConfigError: it is no BibTeX entry, or longer than any.
    """
    if text is not None and not (text.lstrip().startswith("@") and len(text) <= MOST_LETTERS):
        raise ConfigError(
            "dataset.citation is no BibTeX entry",
            expected=f"@article{{...}} or another one, of at most {MOST_LETTERS:,} letters",
            got=f"{text[:40]!r}{'...' if len(text) > 40 else ''}",
        )


def citation(text: str) -> str:
    """Links to the paper that a BibTeX entry names, and the entry itself."""
    links = [f"Paper: {' · '.join(found)}"] if (found := list(_links(text))) else []
    return "\n\n".join([*links, block(text, "bibtex")])


def _links(text: str) -> Iterator[str]:
    """The addresses that a reader can follow; of the same paper the first of each kind."""
    if found := ARXIV.search(text):
        yield f"<https://arxiv.org/abs/{found[1]}>"
    if found := DOI.search(text):
        yield f"<https://doi.org/{found[1]}>"
    if (found := URL.search(text)) and not re.search(r"arxiv\.org|doi\.org", found[1]):
        yield f"<{found[1]}>"
