"""What the card says of the scale on which returns are compared: its environment's reference scores."""

from __future__ import annotations

from builder.card.markdown import numbers, plain
from builder.manifest.scores import ReferenceScores

LABEL = "normalised return: mean ± standard deviation"


def scale_sentence(scores: ReferenceScores) -> str:
    """What 0 and 100 stand for, and whose figures these are."""
    low, high = numbers(scores.random, scores.expert)
    less = f"+ {low[1:]}" if low.startswith("-") else f"- {low}"
    return (
        f"*Normalised*: 100 × (return {less}) / ({high} {less}), so that random actions reach 0 and the"
        f" expert 100. Source of both: {plain(scores.source)}"
    ).rstrip(".") + "."
