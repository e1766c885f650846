"""What a Hub keeps: repositories with commits, branches, tags and large files; no HTTP here.

Written from the sources of huggingface_hub 0.36.2 and 2.4.0: what `HfApi` asks for, and what it reads of the
answers.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace

LARGE = (".parquet", ".png", ".zip", ".pkl", ".safetensors", ".arrow")
"""Endings of the Hub's own `.gitattributes`."""
GITATTRIBUTES = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LARGE).encode()


class Refused(Exception):  # noqa: N818  (it is an answer)
    """An answer that is an error: status, X-Error-Code, X-Error-Message."""

    def __init__(self, status, code="", message=""):
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Blob:
    """A file of a commit: its bytes, or the sha256 and size of a large file."""

    content: bytes
    sha256: str | None = None
    size: int = 0

    @property
    def oid(self):
        return git_sha1(self.content)

    def describe(self, path):
        found = {"type": "file", "path": path, "oid": self.oid, "size": self.size or len(self.content)}
        if self.sha256:
            found["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self.content)}
        return found


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def large(sha256, size):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return Blob(pointer.encode(), sha256, size)


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    files: dict
    author: str


@dataclass
class Repository:
    """One repository; `commits` by oid, branches and tags by name."""

    kind: str
    name: str
    owner: str
    private: bool = False
    gated: bool = False
    commits: dict = field(default_factory=dict)
    branches: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)

    def commit(self, files, title, author, branch="main"):
        parent = self.branches.get(branch)
        known = {path: blob.oid for path, blob in files.items()}
        oid = hashlib.sha1(json.dumps([parent, title, known, len(self.commits)]).encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, title, dict(files), author)
        self.branches[branch] = oid
        return oid

    def resolve(self, revision):
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[oid]

    def history(self, revision):
        found = []
        oid = self.resolve(revision).oid
        while oid:
            found.append(self.commits[oid])
            oid = self.commits[oid].parent
        return found

    @property
    def head(self):
        return self.commits[self.branches["main"]]


@dataclass(frozen=True)
class User:
    name: str
    writes: bool = True


class Store:
    """All repositories, large files and users. Access rules are the Hub's."""

    def __init__(self):
        self.repositories, self.objects = {}, {}
        self.users = {"hf_writer": User("user"), "hf_reader": User("reader", writes=False)}

    def user(self, token):
        if token is None:
            return None
        if token not in self.users:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        return self.users[token]

    def create(self, kind, owner, name, user, private=False):
        if user is None:
            raise Refused(401, "", "Invalid username or password.")
        if not user.writes or (owner or user.name) != user.name:
            raise Refused(403, "", "You don't have the rights to create a repository under this namespace")
        key = (kind, f"{owner or user.name}/{name}")
        if key in self.repositories:
            raise Refused(409, "", "You already created this repo")
        return self.add(kind, key[1], private=bool(private))

    def add(self, kind, name, files=None, **options):
        """A repository that exists already, with files as bytes; those of LARGE endings are large ones."""
        repository = Repository(kind, name, name.partition("/")[0], **options)
        blobs = {".gitattributes": Blob(GITATTRIBUTES)}
        repository.commit(blobs, "initial commit", repository.owner)
        self.repositories[kind, name] = repository
        if files:
            self.write(repository, files)
        return repository

    def write(self, repository, files, remove=(), title="by hand"):
        """A commit of somebody else."""
        blobs = {path: blob for path, blob in repository.head.files.items() if path not in remove}
        for path, content in files.items():
            blobs[path] = self.large(content) if path.endswith(LARGE) else Blob(content)
        return repository.commit(blobs, title, "somebody")

    def large(self, content):
        sha256 = hashlib.sha256(content).hexdigest()
        self.objects[sha256] = content
        return large(sha256, len(content))

    def content(self, blob):
        return self.objects[blob.sha256] if blob.sha256 else blob.content

    def find(self, kind, name, user, write=False):
        repository = self.repositories.get((kind, name))
        visible = repository and (not repository.private or (user and user.name == repository.owner))
        if not visible:
            raise Refused(404 if user else 401, "RepoNotFound", "Repository not found")
        if write and user is None:
            raise Refused(401, "", "Invalid username or password.")
        if write and not (user.writes and user.name == repository.owner):
            raise Refused(403, "", "You don't have the rights to write to this repository")
        if repository.gated and (user is None or user.name != repository.owner):
            raise Refused(403 if user else 401, "GatedRepo", f"Access to {kind} {name} is restricted.")
        return repository

    def apply(self, repository, branch, lines, author):
        """A commit as the client sends it: newline-delimited operations after a header."""
        header, *operations = [json.loads(line) for line in lines.splitlines() if line.strip()]
        if branch not in repository.branches:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {branch}")
        parent = header["value"].get("parentCommit")
        if parent and parent != repository.branches[branch]:
            raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(repository.commits[repository.branches[branch]].files)
        for operation in operations:
            self._operate(files, operation["key"], operation["value"])
        return repository.commit(files, header["value"]["summary"], author, branch)

    def _operate(self, files, key, value):
        path = value["path"]
        if key == "deletedFile":
            if path not in files:
                raise Refused(404, "EntryNotFound", "A file with this name doesn't exist")
            del files[path]
        elif key == "deletedFolder":
            for name in [name for name in files if name.startswith(f"{path.rstrip('/')}/")]:
                del files[name]
        elif key == "file":
            files[path] = Blob(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.objects:
                raise Refused(400, "", f"LFS pointer pointed to a file that does not exist: {path}")
            files[path] = large(value["oid"], len(self.objects[value["oid"]]))
        else:
            raise Refused(400, "", f"unknown operation {key}")

    def flip(self, repository, path):
        """Damage a large file where it lies: same size, one other byte."""
        blob = repository.head.files[path]
        content = bytearray(self.objects[blob.sha256])
        content[len(content) // 2] ^= 1
        self.objects[blob.sha256] = bytes(content)


def snapshot(store, repository, revision="main"):
    """{path: bytes} of a revision, without the Hub's own file."""
    files = replace(repository.resolve(revision)).files
    return {path: store.content(blob) for path, blob in files.items() if path != ".gitattributes"}
