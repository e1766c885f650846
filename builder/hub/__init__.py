"""A dataset folder and its repository on the Hub: push, pull, and what lies in the client's cache."""

from builder.hub.download import Snapshot, fetch
from builder.hub.pull import Pulled, pull
from builder.hub.push import Pushed, check_push, push

__all__ = ["Pulled", "Pushed", "Snapshot", "check_push", "fetch", "pull", "push"]
