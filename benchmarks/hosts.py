"""`python -m benchmarks.hosts [key=value ...]`: a build on hosts, one of which is cut off, and one lost.

Needs root, Linux and iproute2; nothing of the machine's own network is touched: the hosts are network
namespaces (`benchmarks.namespaces`). One has the scheduler, two have a worker each, one has the store, one
the build. In mid-build a worker's cable is pulled for some seconds; later the other worker's host is lost
without a word. A build that ends with an error is gone on with by the same command. In the end the
fingerprint must be that of a plain build with one worker.

`store=s3` (default; moto's server) or `store=sshfs` (a folder that is mounted on every host, so that workers
also write the dataset's files; needs sshfs and OpenSSH's sftp-server); `cut=first` is whose cable is pulled,
any host's; `seconds=8` for how long; `lost=second` is which worker's host is lost, or `none`;
`episodes=12000`, `lanes=32`. What was said on each host is shown where it fails.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Options, run
from benchmarks.namespaces import Host, Process, hosts

WORKERS = ("first", "second")
NAMES = ("scheduler", "store", "driver", *WORKERS)
LIMIT = 900.0
"""Seconds after which a build is taken to hang."""
SFTP = """
import socketserver, subprocess, sys
class Serve(socketserver.BaseRequestHandler):
    def handle(self):
        subprocess.run(["/usr/lib/openssh/sftp-server"], stdin=self.request, stdout=self.request)
socketserver.ThreadingTCPServer((sys.argv[1], 5000), Serve).serve_forever()
"""
BUCKET = """
import boto3
boto3.client("s3").create_bucket(Bucket="bucket")
"""


@dataclass
class Told:
    """What became of the build.

    Attributes:
        events: seconds since it began, and what happened then.
        seconds: that it took in all.
        commands: how often it was started.
        fingerprint: of the dataset.
        plain: of the one that one worker of this machine has built.
    """

    events: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    commands: int = 0
    fingerprint: str = ""
    plain: str = ""
    _began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """Note that something happens now."""
        self.events.append((time.monotonic() - self._began, what))
        print(f"{self.events[-1][0]:7.1f} s  {what}", flush=True)


class Stage:
    """The hosts, what runs on them, and where it is stored.

    Args:
        there: the hosts by their names.
        folder: for what this machine keeps.
        options: of the command line.
    """

    def __init__(self, there: Mapping[str, Host], folder: Path, options: Options) -> None:
        self._there, self._folder = there, folder
        self._s3 = options.get("store", "s3") == "s3"
        self._workers: dict[str, Process] = {}
        self.kept, self._mounted = folder / "kept", folder / "shared"
        for path in (self.kept, self._mounted):
            path.mkdir()
        self.out = "s3://bucket/cartpole" if self._s3 else f"{self._mounted}/cartpole"
        self.variables = {"TMPDIR": str(folder)}
        if self._s3:
            self.variables |= {
                "AWS_ACCESS_KEY_ID": "nobody",
                "AWS_SECRET_ACCESS_KEY": "nothing",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://{there['store'].address}:5000",
            }

    def _python(self, host: str, *words: str) -> Process:
        """Start Python on a host, which sees the store."""
        command = [sys.executable, *words]
        if not self._s3:
            source = f"{self._there['store'].address}:{self.kept}"
            mount = f"sshfs -o directport=5000,reconnect,dir_cache=no {source} {self._mounted}"
            command = ["sh", "-c", f'{mount} && exec "$@"', "sh", *command]
        return self._there[host].start(command, self.said(host), self.variables)

    def said(self, host: str) -> Path:
        """What the programs of a host said."""
        return self._folder / f"{host}.log"

    def open(self) -> None:
        """Start the store, the scheduler and the workers."""
        self._open_store()
        scheduler = self._there["scheduler"]
        own = ["--host", scheduler.address, "--port", "8786", "--no-dashboard"]
        self._python("scheduler", "-m", "distributed.cli.dask_scheduler", *own)
        wait(lambda: "Scheduler at" in self.text("scheduler"), "the scheduler")
        self.open_workers(WORKERS)

    def open_workers(self, names: Iterable[str]) -> None:
        """Start workers, unless they run: those that lose their scheduler for long end themselves."""
        for name in names:
            if (known := self._workers.get(name)) is None or known.poll() is not None:
                host = ["--nthreads", "1", "--host", self._there[name].address, "--no-dashboard"]
                place = ["--local-directory", str(self._folder / name)]
                words = [self.address, *host, *place]
                self._workers[name] = self._python(name, "-m", "distributed.cli.dask_worker", *words)

    def _open_store(self) -> None:
        store = self._there["store"]
        if self._s3:
            server = ["-m", "moto.server", "-H", store.address, "-p", "5000"]
        else:
            server = ["-c", SFTP, store.address]
        store.start([sys.executable, *server], self.said("store"), {})
        if self._s3:
            wait(lambda: "Running on" in self.text("store"), "the store")
            if self._python("driver", "-c", BUCKET).wait():
                raise RuntimeError(self.text("driver"))
        else:
            time.sleep(1.0)

    @property
    def address(self) -> str:
        """Of the cluster."""
        return f"tcp://{self._there['scheduler'].address}:8786"

    def text(self, host: str) -> str:
        """What the programs of a host have said so far."""
        path = self.said(host)
        return path.read_text(errors="replace") if path.exists() else ""

    def complaint(self) -> str:
        """What a build that has failed says in the end."""
        last = self.text("driver").strip().rpartition("\n")[2]
        return f": {last}" if last.startswith("il-builder: ") else ""

    def chunks(self) -> int:
        """How many chunks have been stored."""
        if self._s3:
            lines = self.text("store").splitlines()
            return sum('"PUT /bucket/.cartpole.chunks/' in line and "/chunk-" in line for line in lines)
        return len(list(self.kept.glob(".cartpole.chunks/*/chunk-*.safetensors")))

    def build(self, *words: str) -> Process:
        """Start the build."""
        where = ["parallel=dask", f"parallel.address={self.address}", f"out={self.out}"]
        return self._python("driver", "-m", "builder", "expert=cartpole", *words, *where)

    def fetch(self, target: Path) -> None:
        """Copy the dataset."""
        if self._s3:
            code = "import s3fs, sys; s3fs.S3FileSystem().get('bucket/cartpole', sys.argv[1], recursive=True)"
            if self._python("driver", "-c", code, str(target)).wait():
                raise RuntimeError(self.text("driver"))
        else:
            shutil.copytree(self.kept / "cartpole", target)


def wait(until: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something.

    Raises:
        RuntimeError: it does not happen.
    """
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} is waited for in vain")
        time.sleep(0.1)


def play(options: Options, folder: Path) -> Told:
    """The whole story, told."""
    words = [f"episodes={options.get('episodes', '12000')}", f"rollout.lanes={options.get('lanes', '32')}"]
    with hosts(*NAMES) as there:
        stage = Stage(there, folder, options)
        stage.open()
        told = Told()
        build = _watched(stage, told, words)
        _disturb(there, stage, told, build, options)
        while True:
            status = build.wait(LIMIT)
            told.say(f"the build ends with {status}{stage.complaint()}")
            if status == 0 or told.commands == 3:
                break
            stage.open_workers(name for name in WORKERS if name != options.get("lost", "second"))
            build = _watched(stage, told, words)
        told.seconds = told.events[-1][0]
        if status:
            raise RuntimeError("the build does not end well")
        stage.fetch(folder / "fetched")
    plain = ["parallel=threading", "parallel.n_jobs=1", f"out={folder}/plain"]
    run([sys.executable, "-m", "builder", "expert=cartpole", *words, *plain])
    told.fingerprint, told.plain = (_fingerprint(folder / name) for name in ("fetched", "plain"))
    return told


def _watched(stage: Stage, told: Told, words: list[str]) -> Process:
    told.commands += 1
    told.say("the build is started" + (" again" if told.commands > 1 else ""))
    return stage.build(*words)


def _disturb(there: Mapping[str, Host], stage: Stage, told: Told, build: Process, options: Options) -> None:
    """Pull a cable and put it back; then lose a host."""
    cut, lost = options.get("cut", "first"), options.get("lost", "second")

    def played(more: int) -> None:
        wanted = stage.chunks() + more
        wait(lambda: stage.chunks() >= wanted or build.poll() is not None, "a chunk", LIMIT)
        told.say(f"{stage.chunks()} chunks are stored")

    played(8)
    told.say(f"the cable of the host {cut!r} is pulled")
    there[cut].cut()
    time.sleep(float(options.get("seconds", "8")))
    there[cut].join()
    told.say("it is put back")
    played(8)
    if lost != "none":
        there[lost].lose()
        told.say(f"the host {lost!r} is lost")


def _fingerprint(folder: Path) -> str:
    found: str = json.loads((folder / "manifest.json").read_text())["fingerprint"]
    return found


def main(arguments: list[str]) -> int:
    """Tell what became of a build."""
    options = dict(word.split("=", 1) for word in arguments)
    folder = Path(tempfile.mkdtemp(prefix="ilb-hosts-"))
    try:
        told = play(options, folder)
    except (RuntimeError, subprocess.TimeoutExpired):
        for path in sorted(folder.glob("*.log")):
            print(f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        raise
    finally:
        if options.get("keep") is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{told.seconds:.0f} s, fingerprint {told.fingerprint}, of a plain build {told.plain}")
    return int(told.fingerprint != told.plain)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
