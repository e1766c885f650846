"""Attempts of a user's own `enjoy`, and their journal: what it said of each, so that a build goes on."""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

from builder.episodes.context import Context
from builder.episodes.recording_file import SUFFIX
from builder.experts.seats import Seat, seats_of
from builder.parallel.workers import Workers
from builder.pipeline.build import Build
from builder.rollout.chunk_store import ChunkStore
from builder.rollout.enjoy import AttemptTask, EnjoyFunction, Given, attempt_summary, play_attempt
from builder.rollout.enjoy import release as release_expert
from builder.rollout.handed import Handed
from builder.rollout.planning import Played, gaps
from builder.rollout.summary import ChunkSummary
from builder.storage.digest import file_sha256
from builder.storage.layout import ATTEMPT, HANDED, JOURNAL
from builder.storage.left_overs import remove_parts
from builder.storage.paths import AnyPath, local_path, write_whole
from builder.storage.plain_json import parse_json
from builder.storage.tree import is_file
from builder.values import resolved

log = logging.getLogger(__name__)


class AttemptRun:
    """Attempts of a user's own `enjoy`, and the journal of what it said of each."""

    def __init__(self, build: Build, store: ChunkStore, own: EnjoyFunction) -> None:
        self._build, self._store, self._enjoy = build, store, own
        self._folder = local_path(store.folder, "enjoy")
        self._journal = self._folder / JOURNAL
        self.summaries = self._resumed() if build.pinned else []
        self._expert = self._handed()
        known = {summary.path for summary in self.summaries}
        remove_parts(self._folder)
        for path in sorted(self._folder.iterdir()):
            ours = ATTEMPT.fullmatch(path.name) or HANDED.fullmatch(path.name)
            if path not in known and ours and is_file(path):
                path.unlink()
        write_whole(self._journal, "".join(_journal_line(summary) for summary in self.summaries))

    def _handed(self) -> Handed:
        """The expert as `enjoy` gets it: called after what it plays, asked as the built-in one asks it."""
        build = self._build
        spec = build.environment
        policy = dataclasses.replace(build.expert.policy, name=spec.id, env_kwargs=resolved(spec.kwargs))
        usual = Seat(build.player, spec, build.observation_space, build.action_space)
        seats = seats_of(build.expert, build.config.rollout, usual)
        token = uuid.uuid4().hex
        given = Given(policy, seats, build.expert.name, build.config.rollout)
        return Handed(given, self._folder.absolute() / f"expert-{token}", token)

    def _resumed(self) -> list[ChunkSummary]:
        if not self._journal.is_file():
            return []
        found = []
        for line in self._journal.read_text().splitlines():
            try:
                entry = parse_json(line.encode())
            except ValueError:  # a build that was killed while it wrote this line
                continue
            if not _is_entry(entry):
                continue
            path = self._folder / entry["file"]
            if not entry["accepted"] or (path.is_file() and file_sha256(path) == entry["sha256"]):
                found.append(attempt_summary(entry["attempt"], path, accepted=entry["accepted"]))
            elif path.is_file():
                log.warning("%s is damaged; its attempt is played again", path)
        return found

    def run(self, workers: Workers, horizon: int) -> Iterator[ChunkSummary]:
        """Play what is missing below the horizon."""
        build = self._build
        tasks = (
            AttemptTask(
                self._enjoy,
                self._folder.absolute() / f"attempt-{index:08d}{SUFFIX}",
                Context(index, build.config.seed),
                self._expert,
                build.config.rollout.on_error == "reject",
            )
            for gap in gaps(self.summaries, horizon)
            for index in gap
        )
        for summary in workers.run(play_attempt, tasks):
            with self._journal.open("a") as journal:
                journal.write(_journal_line(summary))
            self.summaries.append(summary)
            yield summary

    def release(self, workers: Workers) -> None:
        """Let go what the workers keep for the build."""
        workers.everywhere(release_expert, self._expert.token)

    def close(self) -> None:
        """Let go what this process keeps for the build."""
        release_expert(self._expert.token)
        self._expert.remove()

    collated = 0
    assembly = None

    def finish(self, workers: Workers) -> None:
        """Nothing: the dataset is put together afterwards."""

    def discard(self) -> None:
        """Nothing."""

    def files(self, played: Played) -> list[AnyPath]:
        """The recorded files of the accepted attempts that are wanted."""
        wanted = set(played.chosen.tolist())
        ordered = sorted(self.summaries, key=lambda attempt: attempt.start)
        return [summary.path for summary in ordered if summary.start in wanted]


def _is_entry(entry: Any) -> bool:
    """Whether a line of the journal is one of ours: its attempt, its file, and what `enjoy` said."""
    if not isinstance(entry, dict):
        return False
    kinds = {"attempt": int, "file": str, "accepted": bool}
    known = all(type(entry.get(key)) is kind for key, kind in kinds.items())
    named = known and ATTEMPT.fullmatch(entry["file"]) is not None and entry["attempt"] >= 0
    return named and (not entry["accepted"] or isinstance(entry.get("sha256"), str))


def _journal_line(summary: ChunkSummary) -> str:
    accepted = bool(summary.accepted[0])
    entry = {"attempt": summary.start, "accepted": accepted, "file": summary.path.name}
    if accepted:
        entry["sha256"] = file_sha256(local_path(summary.path, "enjoy"))
    return json.dumps(entry) + "\n"
