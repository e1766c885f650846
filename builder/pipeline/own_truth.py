"""What a user's own `enjoy` recorded, held against the environment: stepped again where that can be known.

Nobody can know which environment a function of the user's own has made. Where the build's own begins as the
recording does, it was that one; then every recorded action must lead to the observation after it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from builder.environments.pool import EnvironmentPool, turn
from builder.episodes.recording import Recording
from builder.episodes.spaces import Array
from builder.errors import VerificationError
from builder.manifest.manifest import Manifest
from builder.pipeline.build import Build
from builder.replay import RecordedSplit, play_again
from builder.replay.difference import shown
from builder.replay.recorded import RecordedEpisode

log = logging.getLogger(__name__)

UNCHECKED = "no episode was stepped again, so whether its actions lead to its observations is unknown"
OTHERS = (
    "{count} of {all} episodes that were to be stepped again begin otherwise in {env_id} with their recorded"
    " seeds, so whether their actions lead to their observations is unknown"
)
REWARDS = "the rewards of its `enjoy` are not those that {env_id} gives for its actions"
ENDS = "its `enjoy` ended episodes otherwise than {env_id} does"


def held_against(
    build: Build, folder: Path, manifest: Manifest, chosen: Mapping[str, Sequence[int]]
) -> tuple[str, ...]:
    """Step some episodes of a user's own `enjoy` again.

    Args:
        build: what was played.
        folder: the dataset folder.
        manifest: of the folder.
        chosen: per split, which of its episodes; none: they are not to be stepped.

    Returns:
        What a reader should know of it.

    Raises:
        VerificationError: an action leads to another observation than the recorded one.
    """
    env_id = build.environment.id
    found: list[set[str] | None] = []
    for split, positions in chosen.items():
        recorded = RecordedSplit(folder, manifest, split)
        found.extend(_compared(build, recorded.episode(position)) for position in positions)
    if not found:
        return (UNCHECKED,)
    known = [differing for differing in found if differing is not None]
    if known:
        log.info("verified: %d of %d episodes stepped again", len(known), manifest.accepted)
    notes = []
    if others := len(found) - len(known):
        notes.append(OTHERS.format(count=others, all=len(found), env_id=env_id))
    for column, note in (("reward", REWARDS), ("end", ENDS)):
        if any(column in differing for differing in known):
            notes.append(note.format(env_id=env_id))
    for note in notes:
        log.warning("%s", note)
    return tuple(notes)


def _compared(build: Build, episode: RecordedEpisode) -> set[str] | None:
    """What else is not the environment's; None: it is not the environment that was played.

    Raises:
        VerificationError: an action leads to another observation.
    """
    recorded, spec = episode.rows.recording, build.environment
    pool = EnvironmentPool(spec)
    with turn(spec):
        environment = pool.take()
        try:
            played = play_again(environment, recorded, spec.max_episode_steps)
        except (Exception, SystemExit) as error:
            raise _untrue(build, episode, f"raises {type(error).__name__}: {error}") from error
        finally:
            environment.close()
            pool.close()
    ours, theirs = _observed(played), _observed(recorded)
    if not all(_same(mine[0], other[0]) for mine, other in zip(ours, theirs, strict=True)):
        return None
    for step in range(len(played.rewards)):
        for mine, other in zip(ours, theirs, strict=True):
            if not _same(mine[step + 1], other[step + 1]):
                raise _untrue(
                    build,
                    episode,
                    f"gives another observation after step {step}",
                    expected=shown(other, step + 1),
                    got=shown(mine, step + 1),
                )
    return _others(played, recorded)


def _others(played: Recording, recorded: Recording) -> set[str]:
    steps = len(played.rewards)
    ends = [(found.terminated[0], found.truncated[0], len(found.rewards)) for found in (played, recorded)]
    return {
        *(() if _same(played.rewards, recorded.rewards[:steps]) else ("reward",)),
        *(() if ends[0] == ends[1] else ("end",)),
    }


def _observed(recording: Recording) -> list[Array]:
    """Per leaf [steps + 1, ...]: the last observation among them."""
    pairs = zip(recording.observations, recording.finals, strict=True)
    return [np.concatenate([column, final]) for column, final in pairs]


def _same(one: Array, other: Array) -> bool:
    return one.tobytes() == other.tobytes()


def _untrue(
    build: Build, episode: RecordedEpisode, what: str, *, expected: object = None, got: object = None
) -> VerificationError:
    return VerificationError(
        f"`enjoy` recorded actions that do not lead to its observations: {build.environment.id}, stepped"
        f" again with those of episode {episode.index}, {what}",
        expected=None if expected is None else f"{expected}, as recorded",
        got=got,
        remedy="record as actions what was given to step, and leave labels out of them; verify_sample=0"
        " builds it nevertheless, and the card says that nobody has checked",
    )
