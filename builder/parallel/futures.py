"""joblib on whatever takes a call and gives a future: how the workers of a cluster come to it.

joblib's own backends for dask and ray are private and do less: they do what is for one worker here,
wait for ever for what a dead worker took with it, or hand over all results at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from joblib import ParallelBackendBase

from builder.parallel.workers import Result


def call(function: Callable[[], Result]) -> Result:
    """What a worker of a cluster does; the causes of an error are cut where they come back to themselves."""
    try:
        return function()
    except Exception as error:
        _end_causes(error)
        raise


def _end_causes(error: BaseException) -> None:
    """Cut the chain of causes where it comes back to itself.

    Clients of stores try again, and then raise what was raised before from what came of it; dask follows the
    causes of an error to their end, for ever.
    """
    known = {id(error)}
    while (cause := error.__cause__) is not None:
        if id(cause) in known:
            error.__cause__ = None
            return
        known.add(id(cause))
        error = cause


class FutureBackend(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Sends each call on its way, and cancels what is on its way when nobody waits for it any more.

    Args:
        workers: how many there are.
        send: takes a call, gives its future: `add_done_callback`, `result` and `cancel` as in
            `concurrent.futures`.
    """

    supports_retrieve_callback = True

    def __init__(self, workers: int, send: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__()
        self._workers, self._send = workers, send
        self._lock, self._under_way = Lock(), set[Any]()

    def effective_n_jobs(self, _: int) -> int:
        return max(2, self._workers)  # joblib would do what is for one worker in this process

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Any:
        future = self._send(func)
        with self._lock:
            self._under_way.add(future)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        with self._lock:
            self._under_way.discard(out)
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        with self._lock:
            left, self._under_way = self._under_way, set()
        for future in left:
            future.cancel()
