"""A dataset folder or an export, and its repository on the Hub: push, pull, and what the cache holds."""

from builder.hub.commit import Pushed
from builder.hub.download import Snapshot, fetch
from builder.hub.publish import check_publish, publish
from builder.hub.pull import Pulled, pull
from builder.hub.push import check_push, push

__all__ = ["Pulled", "Pushed", "Snapshot", "check_publish", "check_push", "fetch", "publish", "pull", "push"]
