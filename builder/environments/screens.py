"""Screens of an emulator, the brighter of two, made grey: in the bytes that their pictures would give."""

from __future__ import annotations

from typing import Any

import numpy as np

from builder.environments.frames import grey
from builder.episodes.spaces import Array

COLOURS = 256
"""A screen holds a byte for each pixel: the number of its colour."""
WORD = np.dtype(np.uint64)
"""Eight pixels, which are compared at once; the rows of an emulator's screen are 160."""


class Screens:
    """What an emulator shows: `grey(np.maximum(before, picture))` of its pictures.

    A picture takes thirty times as long as the screen that it is of. So what a colour looks like is learned
    from the picture of a screen that shows it for the first time, and a table holds the grey of every two
    colours. Screens change in few places; all others are what they were.

    Args:
        ale: the emulator, with a game loaded.

    Attributes:
        shape: height and width.
    """

    def __init__(self, ale: Any) -> None:
        self._screen, self._picture = ale.getScreen, ale.getScreenRGB
        self._colours = np.zeros((COLOURS, 3), np.uint8)
        self._known = np.zeros(COLOURS, bool)
        self._greys = np.zeros((COLOURS, COLOURS), np.uint8)
        screen = self._screen()
        self.shape = screen.shape
        self._last = _words(screen)
        self._learn(self._last)
        self._grey = np.zeros_like(screen)
        self._pooled = np.ones(len(self._last), bool)
        self._before: Array | None = None

    def hold(self) -> None:
        """Keep the present screen for the next one."""
        self._before = self._seen()[0]

    def drop(self) -> None:
        """Forget what is held."""
        self._before = None

    def show(self) -> tuple[Array, Array]:
        """The present screen and the one that is held, which is forgotten, as one picture.

        Returns:
            uint8 [H, W], to be read until the next call; and bool [H]: which rows may be others than then.
        """
        screen, moved = self._seen()
        before = screen if self._before is None else self._before
        pooled = before != screen
        places = np.flatnonzero(moved | pooled | self._pooled)
        pairs = before[places].view(np.uint8).astype(np.intp) * COLOURS + screen[places].view(np.uint8)
        _words(self._grey)[places] = _words(self._greys.take(pairs))
        changed = np.zeros(len(self._grey), bool)
        changed[places // (self._grey.shape[1] // WORD.itemsize)] = True
        self._last, self._pooled, self._before = screen, pooled, None
        return self._grey, changed

    def _seen(self) -> tuple[Array, Array]:
        """The present screen, of which all colours are known then, and where it is not the last one."""
        screen = _words(self._screen())
        moved = screen != self._last
        if not self._known.take(screen[moved].view(np.uint8)).all():
            self._learn(screen)
        return screen, moved

    def _learn(self, screen: Array) -> None:
        """See what the colours of the present screen look like."""
        numbers, places = np.unique(screen.view(np.uint8), return_index=True)
        self._colours[numbers] = self._picture().reshape(-1, 3)[places]
        self._known[numbers] = True
        known = np.flatnonzero(self._known)
        brighter = np.maximum(self._colours[known, None], self._colours[known])
        self._greys[np.ix_(known, known)] = grey(brighter)


def _words(pixels: Array) -> Array:
    return pixels.reshape(-1).view(WORD)
