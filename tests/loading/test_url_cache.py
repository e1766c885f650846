"""What is loaded from behind a URL lies in a cache, once."""

import threading
import time

from builder import Controller, load
from builder.storage.remote_path import RemotePath

CONFIG = {"expert": "random", "env.id": "Corridor-v0", "episodes": 20, "rollout.lanes": 3}


def test_two_that_load_the_same_dataset_wait_for_each_other(tmp_path, monkeypatch):
    """As the processes of a distributed training do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = f"memory://{tmp_path.name}/x"
    Controller().start({**CONFIG, "out": out})
    second = threading.Barrier(2)
    opened, refused = [], threading.Event()

    def download(path, target, download=RemotePath.download):
        if path.name == "manifest.json":
            second.wait()  # the first one holds the folder; the second one begins
            assert refused.wait(30)
        download(path, target)

    def sleep(seconds):
        refused.set()
        time_sleep(seconds)

    time_sleep = time.sleep
    monkeypatch.setattr(RemotePath, "download", download)
    monkeypatch.setattr("builder.storage.lock.time.sleep", sleep)
    first = threading.Thread(target=lambda: opened.append(len(load(out))))
    first.start()
    second.wait(30)
    opened.append(len(load(out)))
    first.join()
    assert opened == [20, 20]
