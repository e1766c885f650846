"""Films that are made when they are first asked for, one at a time, and kept while the viewer runs.

Who waits for a film asks again and again how far it is; one that nobody asks for any more makes room.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from builder.errors import BuilderError

log = logging.getLogger(__name__)

Key = tuple[str, int]
"""Split and `episode_index`."""
Report = Callable[[int, int], None]
"""Is told how many frames are drawn, and of how many."""
Draw = Callable[[str, int, Path, Report], None]
"""Writes the film of an episode to a path: split, `episode_index`, path, report."""


PATIENCE = 20.0
"""Seconds that a film which is being drawn has to end in."""


FORGOTTEN = 3.0
"""Seconds after which a film that nobody has asked for is waited for by nobody."""


class _StoppedError(Exception):
    """Nobody waits for the film any more."""


@dataclass
class _Film:
    frames: int = 0
    of: int = 0
    ready: bool = False
    error: str | None = None
    asked: float = 0.0
    begun: bool = False


@dataclass
class Films:
    """The films of a dataset, and how far each is.

    Attributes:
        folder: where they are written; whoever made it removes it.
        draw: makes one.
        clock: the time in seconds.
    """

    folder: Path
    draw: Draw
    clock: Callable[[], float] = time.monotonic
    _films: dict[Key, _Film] = field(default_factory=dict)
    _waiting: list[Key] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _worker: Thread | None = None
    _stopped: bool = False

    def path(self, split: str, episode: int) -> Path:
        """Where a film is, once it is ready."""
        return self.folder / f"{split}-{episode}.mp4"

    def state(self, split: str, episode: int) -> dict[str, Any]:
        """How far a film is, which is begun if it has not been: the one that was asked for last goes first.

        Returns:
            `ready`, or `error` in one line, or how many `frames` are drawn `of` how many.
        """
        key = split, episode
        with self._lock:
            film = self._films.setdefault(key, _Film())
            film.asked = self.clock()
            if film.ready:
                return {"ready": True}
            if film.error is not None:
                return {"error": film.error}
            if key in self._waiting:
                self._waiting.remove(key)
            if not film.begun:
                self._waiting.append(key)
            if self._worker is None and not self._stopped:
                self._worker = Thread(target=self._work, daemon=True)
                self._worker.start()
            return {"frames": film.frames, "of": film.of}

    def stop(self) -> None:
        """End the film that is being drawn, at its next frame, and begin no other.

        A program that ends while a thread draws crashes in the libraries that do.
        """
        with self._lock:
            self._stopped, worker = True, self._worker
        if worker is not None:
            worker.join(PATIENCE)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._stopped:
                    self._worker = None
                    return
                key = self._waiting.pop()
                film = self._films[key]
                if self._is_forgotten(film):
                    continue
                film.begun = True
            self._make(key, film)

    def _is_forgotten(self, film: _Film) -> bool:
        return self.clock() - film.asked > FORGOTTEN

    def _make(self, key: Key, film: _Film) -> None:
        """Draw a film beside its place, and put it there whole."""

        def report(frames: int, of: int) -> None:
            film.frames, film.of = frames, of
            if self._stopped or (self._waiting and self._is_forgotten(film)):
                raise _StoppedError

        target = self.path(*key)
        partial = target.with_suffix(".partial.mp4")
        try:
            self.draw(*key, partial, report)
            partial.replace(target)
        except _StoppedError:
            film.frames, film.of, film.begun = 0, 0, False
        except Exception as error:  # an environment may fail in any way
            log.debug("the film of episode %s of %s", key[1], key[0], exc_info=True)
            told = str(error) if isinstance(error, BuilderError) else f"{type(error).__name__}: {error}"
            film.error = told.splitlines()[0]
        else:
            film.ready = True
