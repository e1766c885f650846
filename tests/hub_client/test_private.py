"""What is not published, and still is what it was."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub
import pytest

from builder.hub_client.private import leave_daemons_behind, session_factory

WAITING = """
import threading
from concurrent.futures import ThreadPoolExecutor
from builder.hub_client.private import leave_daemons_behind

def start():
    ThreadPoolExecutor(1).submit(threading.Event().wait)
    started.set()

started = threading.Event()
threading.Thread(target=start, daemon=True).start()
started.wait()
{leave}
print("the end", flush=True)
"""


@pytest.mark.skipif(
    not hasattr(huggingface_hub, "configure_http_backend"), reason="from 1.0 on nothing private is needed"
)
def test_the_factory_of_sessions_is_the_one_that_was_set():
    from huggingface_hub import configure_http_backend, get_session

    before = session_factory()
    made = []

    def factory():
        made.append(before())
        return made[-1]

    try:
        configure_http_backend(factory)
        assert session_factory() is factory
        assert get_session() is made[0]
    finally:
        configure_http_backend(before)
    assert session_factory() is before


def test_a_process_ends_although_a_thread_of_a_pool_still_waits():
    command = [sys.executable, "-c", WAITING.format(leave="leave_daemons_behind()")]
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == b"the end\n"


def test_threads_that_are_no_daemons_are_waited_for():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        leave_daemons_behind()
        assert pool.submit(threading.current_thread).result().name.startswith("ThreadPoolExecutor")
