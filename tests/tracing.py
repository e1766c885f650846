"""What a program does while it handles folders of strangers: files, imports, processes, connections.

`trace` runs commands over dataset folders in a process of its own, in which an audit hook
(`sys.addaudithook`) notes whatever leaves the place that was made for it. Folders for it are made by
`Sandbox`; `tests/forging.py` forges them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

SECRET = "hf_" + "Canary0123456789" * 3
"""The value of the environment variable `CANARY_TOKEN`, which must stand in no output and no file."""
THEIRS = "theirs_module"
"""A module that lies wherever one could be imported from; its import leaves a file `ran`."""
LOAD = "load"
"""In place of a verb: `builder.load(folder).arrays()`."""
EVERYTHING = (
    (LOAD, "{folder}"),
    ("verify", "out='{folder}'", "level=files"),
    ("verify", "out='{folder}'", "level=replay"),
    ("verify", "out='{folder}'", "level=rebuild"),
    ("build", "manifest='{folder}'", "out='{work}/rebuilt'", "overwrite=true"),
    ("build", "manifest='{folder}'", "overwrite=true"),
    ("export", "out='{folder}'", "to=d4rl", "to.path='{work}/exported.hdf5'", "overwrite=true"),
    ("render", "out='{folder}'", "to.path='{work}/film.webp'", "size=64", "overwrite=true"),
    ("view", "out='{folder}'", "to='{work}/space'", "overwrite=true"),
)
"""What is done with a folder; `{folder}`, `{work}` and `{repo}` are filled in."""
PULLED = (
    ("pull", "hub.repo_id='{repo}'", "out='{work}/pulled/{repo}'"),
    (LOAD, "{work}/pulled/{repo}"),
    (LOAD, "{repo}"),
    ("verify", "hub.repo_id='{repo}'", "level=replay"),
    ("verify", "out='{work}/pulled/{repo}'", "level=rebuild"),
    ("build", "manifest='{work}/pulled/{repo}'", "out='{work}/rebuilt'", "overwrite=true"),
)
"""What is done with a repository."""
PROCESSES = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
    *("pty.spawn", "webbrowser.open"),
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECTIONS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.truncate",
)
LISTINGS = ("os.listdir", "os.scandir")
SAFE = ("builder", "numpy", "gymnasium", "collections", "builtins", "copyreg", "dataclasses", "cloudpickle")
"""Packages whose objects are sent to our own workers."""
SYSTEM = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/etc/", "/usr/share/zoneinfo", "/usr/share/mime")


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """A place for strangers' folders, with canaries around them.

    Attributes:
        root: of everything; nothing but `outside` in it may not be touched.
    """

    root: Path

    @property
    def folders(self) -> Path:
        """Where the dataset folders lie."""
        return self.root / "folders"

    @property
    def work(self) -> Path:
        """The folder where the commands are run."""
        return self.root / "work"

    @property
    def outside(self) -> Path:
        """What nobody may open."""
        return self.root / "outside"

    def set_up(self) -> None:
        """Make the folders, the module that must not be imported and the file that must not be read."""
        for folder in (self.folders, self.work, self.outside, self.root / "home", self.root / "tmp"):
            folder.mkdir(parents=True)
        (self.outside / "secret.txt").write_text(SECRET)
        plant(self.work)

    @property
    def environment(self) -> dict[str, str]:
        """Of the process: its caches lie in the place, and a secret is known to it."""
        caches = {
            name: str(self.root / "home") for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
        }
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "IL_BUILDER"))
        }
        return {
            **own,
            **caches,
            "TMPDIR": str(self.root / "tmp"),
            "CANARY_TOKEN": SECRET,
            "HF_HUB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def ran(self) -> bool:
        """Whether the module of theirs was imported by anyone."""
        return (self.root / "ran").exists()


def plant(folder: Path) -> None:
    """Put the module of theirs into a folder."""
    mark = f"import pathlib\npathlib.Path({str(folder)!r}).parents[0].joinpath('ran').touch()\n"
    factory = (
        "class Zero:\n    def predict(self, obs, state=None, deterministic=True):\n        return 0, None\n"
    )
    (folder / f"{THEIRS}.py").write_text(f"{mark}{factory}make = Zero\n")


@dataclasses.dataclass(frozen=True)
class Traced:
    """What was seen.

    Attributes:
        events: of each folder and command, what left the place: lines of text.
        codes: the exit code of each, in order; a name where an exception escaped.
        output: all that was printed.
    """

    events: list[str]
    codes: list[object]
    output: str


def trace(
    sandbox: Sandbox,
    folders: Sequence[Path],
    *,
    honest: Path | None = None,
    commands: Sequence[Sequence[str]] = EVERYTHING,
    hub: str | None = None,
    timeout: float = 3000,
) -> Traced:
    """Run commands over folders and note what leaves the sandbox.

    Args:
        sandbox: where it happens.
        folders: of strangers.
        honest: a folder that the commands handle first, unseen, so that what is imported late is imported.
        commands: words of the command line, or `LOAD`.
        hub: the URL of a Hub on loopback, the one place that may be connected to; None: nothing may be.
        timeout: in seconds.
    """
    plan, report = sandbox.root / "plan.json", sandbox.root / "report.json"
    jobs = {
        "warm": [str(honest)] if honest else [],
        "folders": [str(folder) for folder in folders],
        "commands": [list(words) for words in commands],
        "root": str(sandbox.root),
        "hub": [urlsplit(hub).hostname, urlsplit(hub).port] if hub else None,
    }
    online = {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"} if hub else {}
    plan.write_text(json.dumps(jobs))
    finished = subprocess.run(
        [sys.executable, __file__, str(plan), str(report)],
        cwd=sandbox.work,
        env={**sandbox.environment, **online},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if not report.is_file():
        raise AssertionError(finished.stderr[-3000:])
    found = json.loads(report.read_text())
    return Traced(found["events"], found["codes"], finished.stdout + finished.stderr)


class _Watch:
    """The audit hook: notes what leaves the place while it is armed."""

    def __init__(self, root: str, hub: Sequence[object] | None) -> None:
        code = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).parents[1])}
        self._ours = tuple(f"{os.path.realpath(path)}/" for path in code)
        self._place, self._outside = f"{root}/", f"{root}/outside/"
        self._hub = tuple(hub) if hub else None
        self._busy = threading.local()  # of each thread, as others go on meanwhile
        self.armed, self.label = False, ""
        self.events: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.armed or getattr(self._busy, "now", False):
            return
        self._busy.now = True  # what this does itself is not looked at
        try:
            if wrong := self._wrong(event, arguments):
                self.events.append(f"{self.label}: {wrong}")
        finally:
            self._busy.now = False

    def _wrong(self, event: str, arguments: tuple[object, ...]) -> str | None:
        first = arguments[0] if arguments else None
        code = getattr(first, "co_filename", "")
        stranger = {
            "import": THEIRS in str(first),
            # `import_module` tells of no other event; code of `<string>` is that of dataclasses.
            "exec": code[:1] not in ("", "<") and os.path.realpath(code).startswith(self._place),
            "pickle.find_class": str(first).partition(".")[0] not in SAFE,
        }
        if event in CONNECTIONS and self._is_hub(event, arguments):
            return None
        if event in PROCESSES or event in CONNECTIONS or stranger.get(event):
            return f"{event} {code or repr(arguments)[:200]}"
        if event == "open":
            flags = arguments[2]
            writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            return self._misplaced(first, writes=writes)
        if event in CHANGES or event in LISTINGS:
            place = arguments[1] if event == "os.symlink" else first  # where a link leads is no change there
            return self._misplaced(place or ".", writes=event in CHANGES)
        return None

    def _is_hub(self, event: str, arguments: tuple[object, ...]) -> bool:
        """Whether an address is that of the one Hub; `urllib3` binds a socket to see if there is IPv6."""
        if self._hub is None:
            return False
        asked = arguments if event == "socket.getaddrinfo" else arguments[1]
        if event == "socket.bind":
            return asked == ("::1", 0)
        return isinstance(asked, tuple) and asked[0] in LOOPBACK and asked[1] == self._hub[1]

    def _misplaced(self, named: object, *, writes: bool) -> str | None:
        if not isinstance(named, (str, bytes, os.PathLike)):
            return None
        path = os.path.realpath(os.fsdecode(named))
        below = f"{path}/"
        if below.startswith(self._outside):
            return f"outside: {path}"
        readable = below.startswith(self._ours) or path.startswith(SYSTEM)
        if below.startswith(self._place) or path == "/dev/null" or (readable and not writes):
            return None
        return f"{'write' if writes else 'read'} of {path}"


def _run(words: Sequence[str]) -> object:
    from builder import load
    from builder.cli.main import main
    from builder.errors import BuilderError

    if words[0] != LOAD:
        return main(list(words))
    try:
        load(words[1]).arrays()
    except BuilderError as error:
        sys.stderr.write(f"load: {error}\n")
        return error.exit_code
    return 0


def _main(plan: Path, report: Path) -> None:
    jobs = json.loads(plan.read_text())
    watch = _Watch(jobs["root"], jobs["hub"])
    codes: list[object] = []
    sys.addaudithook(watch)
    for armed, folders in ((False, jobs["warm"]), (True, jobs["folders"])):
        for folder in folders:
            for command in jobs["commands"]:
                words = [
                    word.format(folder=folder, work=Path.cwd(), repo=f"theirs/{Path(folder).name}")
                    for word in command
                ]
                watch.label = f"{Path(folder).name}: {' '.join(words)}"
                watch.armed = armed
                try:
                    code = _run(words)
                except BaseException as error:  # noqa: BLE001  (whatever escapes is what is looked for)
                    code = f"{watch.label}: {type(error).__name__}: {error!s:.200}"
                watch.armed = False
                if armed:
                    codes.append(code)
    report.write_text(json.dumps({"events": watch.events, "codes": codes}))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
