"""Hosts on one machine: network namespaces that are wired to a switch, and whose cables can be pulled.

All of it lies in namespaces named `ilb-<process>-<host>`: nothing of the machine's own network is touched,
and nothing is left, unless the process is killed; the next one then removes what it left.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX = "ilb"
OURS = re.compile(rf"{PREFIX}-(\d+)-[a-z]+")
SWITCH = "switch"
NETWORK = "10.77.0"
Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Host:
    """A namespace with one network card.

    Attributes:
        name: of the host, and of its port at the switch.
        address: its IPv4 address.
    """

    name: str
    address: str

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return namespace_of(self.name)

    def start(self, command: Sequence[str], said: Path, variables: Mapping[str, str]) -> Process:
        """Start a program there; what it mounts is seen by itself and its children alone.

        Args:
            command: to run.
            said: the file that what it says is added to.
            variables: of the environment, beside those of this process.
        """
        with said.open("ab") as file:
            return subprocess.Popen(  # noqa: S603  # commands of this package
                ["ip", "netns", "exec", self.namespace, *command],  # noqa: S607
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                start_new_session=True,
            )

    def cut(self) -> None:
        """Pull its cable: what is sent to it or by it is lost, and nobody is told."""
        ip("-n", namespace_of(SWITCH), "link", "set", self.name, "down")

    def join(self) -> None:
        """Put the cable back."""
        ip("-n", namespace_of(SWITCH), "link", "set", self.name, "up")

    def lose(self) -> None:
        """Lose the host as when its power goes: no process there can say goodbye."""
        self.cut()
        kill_all(self.namespace)


def namespace_of(host: str) -> str:
    """The namespace of a host of this process."""
    return f"{PREFIX}-{os.getpid()}-{host}"


def ip(*words: str) -> str:
    """What `ip` answers.

    Raises:
        CalledProcessError: it fails.
    """
    command = ["ip", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts for the length of the block, all wired to one switch; at its end their processes are killed."""
    remove(lambda process: not Path(f"/proc/{process}").exists())
    switch = namespace_of(SWITCH)
    found = {name: Host(name, f"{NETWORK}.{number}") for number, name in enumerate(names, 1)}
    with _ending_on_sigterm():
        try:
            ip("netns", "add", switch)
            ip("-n", switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", switch, "link", "set", "bridge", "up")
            for host in found.values():
                _wire(host, switch)
            yield found
        finally:
            remove(lambda process: process == os.getpid())


def _wire(host: Host, switch: str) -> None:
    own = host.namespace
    ip("netns", "add", own)
    ip("-n", switch, "link", "add", host.name, "type", "veth", "peer", "name", "eth0", "netns", own)
    ip("-n", switch, "link", "set", host.name, "master", "bridge", "up")
    ip("-n", own, "address", "add", f"{host.address}/24", "dev", "eth0")
    for card in ("lo", "eth0"):
        ip("-n", own, "link", "set", card, "up")


def remove(whose: Callable[[int], bool]) -> None:
    """Remove namespaces that this module has made, with the processes in them.

    Args:
        whose: says of a process whether those that it made are meant.
    """
    for line in ip("netns", "list").splitlines():
        found = OURS.fullmatch(line.split()[0])
        if found and whose(int(found[1])):
            kill_all(found[0])
            ip("netns", "delete", found[0])


def kill_all(namespace: str) -> None:
    """Kill all processes of a namespace, and wait until they are gone."""
    while pids := ip("netns", "pids", namespace).split():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.02)


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Have what cleans up run when this process is asked to end."""

    def end(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
