"""What is found about an `enjoy` of one's own: whether an attempt depends on its context alone."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cloudpickle
import numpy as np

from builder.checks.finding import Finding, finding
from builder.dataset.column import Rows
from builder.environments.environment import make, resolve
from builder.environments.wrappers import Layers
from builder.episodes import global_generators
from builder.episodes.context import Context
from builder.episodes.recording import Recording
from builder.episodes.recording_file import read_recording
from builder.episodes.spaces import leaves
from builder.errors import BuilderError, CheckError, DatasetError
from builder.experts.policy import Policy
from builder.replay import Difference
from builder.replay.recorded import RecordedEpisode
from builder.replay.replay import compare
from builder.rollout.enjoy import recorded

ATTEMPTS = 5
"""So many attempts are played at the most until one is accepted."""

Enjoy = Callable[..., bool]


@dataclass(frozen=True)
class _Played:
    """What a call has left behind.

    Attributes:
        accepted: what it returned.
        content: of its file; empty: there is none.
        recording: what the file holds, where it is one of ours.
    """

    accepted: bool
    content: bytes
    recording: Recording | None = field(compare=False)  # the content has said it all


def enjoy_findings(enjoy: Enjoy, expert: Policy) -> Iterator[Finding]:
    """What an `enjoy` does that a build has to know; it is called for a few attempts.

    Args:
        enjoy: the function.
        expert: who plays what.
    """
    name = getattr(enjoy, "__qualname__", type(enjoy).__qualname__)
    try:
        inspect.signature(enjoy).bind(path="", context=Context(0), expert=expert)
    except TypeError as error:
        yield finding("wrong-call", f"{name}: {error}")
        return
    except ValueError:  # a function that does not tell
        pass
    try:
        cloudpickle.dumps(enjoy)
    except Exception as error:  # noqa: BLE001  (there is no list of what cannot be serialised)
        yield finding("cannot-travel", f"{name}: {error}")
    with tempfile.TemporaryDirectory() as folder, global_generators.restored():
        try:
            yield from _played_findings(name, enjoy, expert, Path(folder))
        except CheckError as error:
            yield finding("raises", f"{name}: {error.what}")


def _played_findings(name: str, enjoy: Enjoy, expert: Policy, folder: Path) -> Iterator[Finding]:
    global_generators.stir()
    before = global_generators.states()
    first = [_play(enjoy, expert, folder / f"a{index}", Context(index)) for index in range(2)]
    drawn = global_generators.moved(before)
    again = [_play(enjoy, expert, folder / f"b{index}", Context(index)) for index in (1, 0)][::-1]
    if first != again:
        yield finding("ignores-context", f"{name}: attempt 0 or 1 is another episode when it is played again")
    elif first[0].content and first[0].content == first[1].content:
        yield finding("ignores-context", f"{name}: attempts 0 and 1 are the same file")
    if drawn:
        generators = " and ".join(drawn)
        yield finding("shares-generator", f"{name} draws from the generators of {generators}")
    for index in range(ATTEMPTS):
        played = _play(enjoy, expert, folder / f"c{index}", Context(index))
        if played.accepted:
            yield from _accepted_findings(name, expert, played)
            return


def _play(enjoy: Enjoy, expert: Policy, path: Path, context: Context) -> _Played:
    """Call the function for an attempt.

    Raises:
        CheckError: it raised.
    """
    try:
        accepted = bool(enjoy(path=str(path), context=context, expert=expert))
    except Exception as error:
        raise CheckError(f"attempt {context.index} raised {type(error).__name__}: {error}") from error
    files = recorded(path)
    try:
        recording = read_recording(files[0])[0] if files else None
    except DatasetError:
        recording = None
    return _Played(accepted, files[0].read_bytes() if files else b"", recording)


def _accepted_findings(name: str, expert: Policy, played: _Played) -> Iterator[Finding]:
    if not played.content:
        yield finding("records-nothing", f"{name} returns True, and there is no file")
    elif played.recording and (difference := _difference(expert, played.recording)):
        where = f"{difference}; expected {difference.expected}, got {difference.got}"
        yield finding("not-replayable", f"{name}: {expert.name}, stepped again, differs: {where}")


def _difference(expert: Policy, recording: Recording) -> Difference | None:
    """Where the environment itself gives something else; None: nowhere, or it has other columns."""
    try:
        limits = {"max_episode_steps": None, "max_steps": None}
        spec = resolve(expert.name, expert.env_kwargs, **limits, layers=Layers())
        environment = make(spec)
    except BuilderError:
        return None
    try:
        found = leaves(environment.observation_space), leaves(environment.action_space)
        columns = recording.observations, recording.actions
        for declared, arrays in zip(found, columns, strict=True):
            if [(leaf.shape, leaf.dtype) for leaf in declared] != [(a.shape[1:], a.dtype) for a in arrays]:
                return None
        return compare(environment, _episode(recording), limit=spec.max_episode_steps)
    finally:
        environment.close()


def _episode(recording: Recording) -> RecordedEpisode:
    """A recorded attempt, as a replay has it."""
    return RecordedEpisode(0, "its file", Rows(recording, recording.attempts, np.array([""])))
