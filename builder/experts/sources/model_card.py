"""The figure in the card of a model's repository, which has no `results.json`: CleanRL's, Sample Factory's.

Sources: `cleanrl_utils/huggingface.py` and `sample_factory/huggingface/huggingface_utils.py`, which both
write the `model-index` of the Hub with a metric `mean_reward` of "21.00 +/- 0.00".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builder.errors import ExpertError
from builder.experts.archive.plain_yaml import read_yaml
from builder.experts.published import Evidence, Published
from builder.storage.limits import CARD_BYTES
from builder.storage.plain_json import read_bounded

CARD = "README.md"
_HEADER = re.compile(rb"\A---\r?\n(.*?)\r?\n---(?:\r?\n|\Z)", re.DOTALL)
_FIGURE = re.compile(r"\s*(-?\d{1,12}(?:\.\d{1,12})?)\s*(?:(?:\+/-|±)\s*(\d{1,12}(?:\.\d{1,12})?)\s*)?")


def figure_in(card: Path, *, deterministic: bool | None) -> dict[str, Any]:
    """The return that a card publishes, as fields of an `Expert`; none where it has no single one.

    A card is prose, which whoever wrote it may have changed: what cannot be read is no figure, and no error.

    Args:
        card: the file.
        deterministic: how such cards' episodes are played; None: nothing says.
    """
    try:
        header = _HEADER.match(read_bounded(card, CARD_BYTES))
        said = {*_figures(read_yaml(header[1], CARD))} if header else set()
    except (ExpertError, OSError, ValueError, TypeError):
        return {}
    if len(said) != 1:
        return {}
    ((mean, std),) = said
    return {"published": Published(mean, std, deterministic), "evidence": Evidence(CARD)}


def _figures(header: Any) -> Iterator[tuple[float, float]]:
    """The mean return, and its deviation, of every metric of that name."""
    for model in _entries(header, "model-index"):
        for result in _entries(model, "results"):
            for metric in _entries(result, "metrics"):
                found = _FIGURE.fullmatch(str(metric.get("value")))
                if found and metric.get("type") == "mean_reward":
                    yield float(found[1]), float(found[2] or 0)


def _entries(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
