"""What the Hub's client and Python do not publish, and nothing that they do publish serves for.

Nowhere else is anything used that another package calls its own. `tests/hub_client/test_private.py` notices
where one of these changes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import thread
from typing import Any


def session_factory() -> Callable[[], Any]:
    """What makes the client's sessions now, before 1.0; what it publishes sets it, but does not tell."""
    from huggingface_hub.utils import _http

    factory: Callable[[], Any] = _http._GLOBAL_BACKEND_FACTORY  # noqa: SLF001
    return factory


def leave_daemons_behind() -> None:
    """Let the process end although threads of `concurrent.futures` still wait.

    They are daemons where the thread that has started them is one; Python joins them at its end all the same.
    One that is being started now is known once the lock is had; those that come later must end by themselves.
    """
    joined: Any = thread._threads_queues  # noqa: SLF001
    with thread._global_shutdown_lock:  # noqa: SLF001
        for waiting in [known for known in list(joined) if known.daemon]:
            joined.pop(waiting, None)
