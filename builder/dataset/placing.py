"""Files that workers have written get their place in the folder of a dataset."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from builder.dataset.partial import with_footer
from builder.dataset.tries import Written
from builder.dataset.writer import storage_errors
from builder.manifest.manifest import FileEntry
from builder.storage.remote_path import RemotePath
from builder.storage.stand_ins import AT_ONCE, whole


def place_files(
    parts: Sequence[Written], folder: Path, name: str, *, read: bool = False
) -> dict[str, FileEntry]:
    """Move files, numbered through; of those behind a URL, which stay there, put what stands in for them.

    Args:
        parts: the files, in their order.
        folder: of the dataset; on the file system of files that are not behind a URL.
        name: how their new paths in it begin.
        read: whether they will be read as a whole.

    Returns:
        What is known of them, by their new paths in the folder.

    Raises:
        StorageError: the disk is full or not writable, or a file is gone.
    """
    files = [(written.folder / old, entry) for written in parts for old, entry in written.files.items()]
    names = [f"{name}-{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))]
    pairs = list(zip(names, files, strict=True))
    with storage_errors(folder / name):
        (folder / name).parent.mkdir(exist_ok=True)
    for target, (path, _) in pairs:
        if isinstance(path, Path):
            with storage_errors(folder / target):
                shutil.move(path, folder / target)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        standing = [
            pool.submit(_stand_in, folder / target, path, entry.size, read=read)
            for target, (path, entry) in pairs
            if isinstance(path, RemotePath)
        ]
    for one in standing:
        one.result()
    return {target: entry for target, (_, entry) in pairs}


def _stand_in(target: Path, path: RemotePath, size: int, *, read: bool) -> None:
    with storage_errors(target):
        (whole if read else with_footer)(target, path, size)
