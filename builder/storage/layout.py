"""What lies beside a dataset folder, and what it is called."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from builder.errors import BuilderError, ConfigError
from builder.storage.limits import BUILD_BYTES
from builder.storage.paths import AnyPath
from builder.storage.plain_json import read_json
from builder.storage.tree import is_file

LONGEST_NAME = 255 - len("..metrics.json..12345678.part")
"""Bytes of the longest name of a folder: what file systems allow, less what is put around it beside it."""
SomePath = TypeVar("SomePath", bound=AnyPath)


BUILD = "build.json"
"""Among the chunks: what collation needs to know of the build."""
DESCRIBES = "inputs"
"""A key of it."""
JOURNAL = "attempts.jsonl"
"""Beside the files of a user's own `enjoy`: what it said of each attempt."""
RUNS = "runs"
"""Beside a dataset: a key of what an unfinished baseline has kept."""
LOCK = "lock"
IDENTITY = re.compile(r"[0-9a-f]{16}")
"""A folder of chunks: the first digits of their identity."""
SHARDS = "shards"
"""In such a folder: the files of a dataset on their way, while it is built."""
TOKEN = re.compile(r"[0-9a-f]{32}")
"""In that, behind a URL: a folder for each build."""
TRY = re.compile(r"(train|test)-\d{5,}-[0-9a-f]{32}")
"""In that, or those: a folder for each time that a worker began to write some of them."""
WRITTEN = re.compile(r"\.?(train|test)(-\d{5,}(-of-\d{5,})?)?\.(parquet|partial|arrow|npy|told|ended|held)")
"""What such a folder holds."""
CHUNK = re.compile(r"chunk-\d{8,}-\d{8,}\.safetensors")
ATTEMPT = re.compile(r"attempt-\d{8,}\..+")
HANDED = re.compile(r"expert-[0-9a-f]{32}")
"""The expert as a user's own `enjoy` gets it, for the workers of one build."""
PROBE = re.compile(r"\.probe-[0-9a-f]{32}(-[0-9a-f]{32})?")
"""What a cluster's workers look for."""


def is_note(path: AnyPath, key: str) -> bool:
    """Whether there is a file, and not a link to one, with a JSON object of this program's.

    Args:
        path: the file.
        key: which such an object has.
    """
    try:
        content = read_json(path, BUILD_BYTES) if is_file(path) else None
    except (BuilderError, OSError, ValueError):
        return False
    return isinstance(content, dict) and key in content


@dataclass(frozen=True)
class Layout(Generic[SomePath]):
    """A dataset folder, and all that a build may leave beside it: `.NAME.` and a word.

    Attributes:
        out: the dataset folder, of this machine or behind a URL.
        chunks: the chunk store that serves it.
        lock: in that store: held while its dataset is built.
        metrics: timings and counts of the last build.
        request: what the dataset was built for (`builder.pipeline.up_to_date`).
        learned: the clones of a baseline that is not whole yet.
        staging: where the next content is put together, and where the last one goes, on this machine.
        rebuilds: how the names begin of folders where `verify` builds it again.
        unfinished: behind a URL: there while the files go one by one.
    """

    out: SomePath
    chunks: SomePath
    lock: SomePath
    metrics: SomePath
    request: SomePath
    learned: SomePath
    staging: SomePath
    rebuilds: SomePath
    unfinished: SomePath

    @staticmethod
    def of(out: SomePath) -> Layout[SomePath]:
        """What lies beside a dataset folder.

        Raises:
            ConfigError: it has no name, or one that leaves no room for the others.
        """
        if not out.name:
            raise ConfigError(
                f"{out} cannot be a dataset: nothing lies beside it", remedy="name a folder in it"
            )
        if len(os.fsencode(out.name)) > LONGEST_NAME:
            raise ConfigError(
                f"the name of {out} is too long: il-builder keeps files beside it whose names are longer",
                expected=f"at most {LONGEST_NAME} bytes",
                got=len(os.fsencode(out.name)),
            )
        words = (
            "chunks",
            f"chunks/{LOCK}",
            "metrics.json",
            "request.json",
            "learned.json",
            "staging",
            "rebuild-",
            "unfinished",
        )
        return Layout(out, *(out.parent / f".{out.name}.{word}" for word in words))  # type: ignore[arg-type]
