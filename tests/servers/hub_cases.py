"""What the tests of the Hub share that is no fixture."""

import os

from hub_store import snapshot

from builder import Controller

REPOSITORY = "user/corridor"


def environment(url, home, **more):
    """Of a process whose Hub is at `url`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    return kept | {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        **more,
    }


def build(out, **config):
    words = {"expert": "random", "env.id": "Corridor-v0", "episodes": 20, "dataset.test_fraction": 0.2}
    Controller().start({**words, "out": str(out), **config})
    return out


def repository(hub, name=REPOSITORY):
    return hub.store.repositories["dataset", name]


def held(hub, name=REPOSITORY):
    """The files of the repository on the Hub, but for the Hub's own."""
    return snapshot(hub.store, repository(hub, name))
