"""Whether the workers of this process have been asked to stop."""

from __future__ import annotations

import threading

_cancel = threading.Event()


def cancel(stop: bool = True) -> None:
    """Ask the workers of this process to stop at their next step (or let them work again)."""
    if stop:
        _cancel.set()
    else:
        _cancel.clear()


def cancelled() -> bool:
    """Whether the workers of this process have been asked to stop."""
    return _cancel.is_set()
