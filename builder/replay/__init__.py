"""A dataset against its environment: stepped again with the recorded seeds and actions."""

from builder.replay.again import play_again
from builder.replay.difference import Difference
from builder.replay.recorded import RecordedSplit, check_ranges
from builder.replay.replay import (
    Replayed,
    choose,
    compare,
    playable,
    recorded_environment,
    replay,
    settle,
)

__all__ = [
    "Difference",
    "RecordedSplit",
    "Replayed",
    "check_ranges",
    "choose",
    "compare",
    "play_again",
    "playable",
    "recorded_environment",
    "replay",
    "settle",
]
