"""A disk whose power can be cut: what of a folder is still there after each flush and each rename."""

import os
from pathlib import Path

NAMES = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir")


class Disk:
    """Records what a program does in a folder, and what a power cut would leave after each of its calls.

    Two kinds of file system: a forgetful one keeps nothing that was not flushed, neither a name nor a
    content; a usual one keeps every name in the order in which it came, and the contents that were flushed. A
    rename from one folder to another is one step for both.
    """

    def __init__(self, root, monkeypatch):
        self.root = root
        self.left = []
        self._contents, self._folders, self._numbers, self._known = {}, {}, {}, 0
        self._moved = []
        for path in [root, *root.rglob("*")]:
            self._flush(path)
        monkeypatch.setattr(os, "fsync", self._flushing(os.fsync))
        for name in NAMES:
            monkeypatch.setattr(os, name, self._changing(getattr(os, name)))

    def _flushing(self, fsync):
        def flushing(handle):
            fsync(handle)
            path = Path(f"/proc/self/fd/{handle}").readlink()
            self._flush(path)
            self._look(path)

        return flushing

    def _changing(self, function):
        def changing(*arguments, dir_fd=None, **options):
            paths = [Path(argument) for argument in arguments if isinstance(argument, str | os.PathLike)]
            if dir_fd is not None:
                options["dir_fd"] = dir_fd
                paths = [Path(f"/proc/self/fd/{dir_fd}").readlink() / path for path in paths]
            gone = self._inode(paths[-1]) if os.path.lexists(paths[-1]) else None
            function(*arguments, **options)
            self._numbers.pop(gone, None)  # another file may have it
            if len(paths) == 2:
                self._moved.append({path.parent for path in paths})
            self._look(paths[-1])

        return changing

    def _look(self, path):
        if path.absolute().is_relative_to(self.root):
            self.left += [self._usual(self.root), self._kept(self._number(self.root))]

    def _flush(self, path):
        if path.is_dir():
            together = {path}.union(*(folders for folders in self._moved if path in folders))
            self._moved = [folders for folders in self._moved if path not in folders]
            for folder in filter(Path.is_dir, together):
                children = {child.name: self._number(child) for child in folder.iterdir()}
                self._folders[self._number(folder)] = children
        elif path.is_file():
            self._contents[self._number(path)] = path.read_bytes()

    def _inode(self, path):
        return path.lstat().st_ino

    def _number(self, path):
        """Of a file or folder, wherever it is moved."""
        inode = self._inode(path)
        if inode not in self._numbers:
            self._known += 1
            self._numbers[inode] = (self._known, "folder" if path.is_dir() else "file")
        return self._numbers[inode]

    def _usual(self, folder, prefix=""):
        found = {}
        for child in sorted(folder.iterdir()):
            name = f"{prefix}{child.name}"
            if child.is_dir():
                found |= {name: None, **self._usual(child, f"{name}/")}
            else:
                found[name] = self._contents.get(self._number(child), b"")
        return found

    def _kept(self, number, prefix=""):
        found = {}
        for name, child in self._folders.get(number, {}).items():
            if child[1] == "folder":
                found |= {f"{prefix}{name}": None, **self._kept(child, f"{prefix}{name}/")}
            else:
                found[f"{prefix}{name}"] = self._contents.get(child, b"")
        return found

    def distinct(self):
        """What is left, each once, in the order in which it was first left."""
        return [dict(found) for found in dict.fromkeys(tuple(sorted(left.items())) for left in self.left)]


def restore(left, folder):
    """Lay out what a power cut has left."""
    folder.mkdir(parents=True)
    for name, content in sorted(left.items()):
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
