"""Who says so: a detached SSH signature over a dataset's manifest and card, made and checked by `ssh-keygen`.

`dataset.sig` signs what `sha256sum manifest.json README.md` prints in the folder, so that it can be checked
without this program (docs/verify.md). The manifest holds the sha256 of every other file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.errors import SignatureError, storage_error
from builder.manifest.manifest import MANIFEST, SIGNATURE
from builder.storage.digest import file_sha256
from builder.storage.paths import write_whole

SIGNED = (MANIFEST, "README.md")
NAMESPACE = "il-builder"
"""A signature made for something else is none of a dataset."""
KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
"""In `~/.ssh`: what signs where no key is named, as for ssh."""
LARGEST = 65_536
"""Bytes of a signature or of a file of signers."""
PASSED_ON = ("PATH", "HOME", "LANG", "TERM", "DISPLAY", "SSH_AUTH_SOCK", "SSH_ASKPASS")
"""What `ssh-keygen` sees of the environment: no token."""


@dataclass(frozen=True)
class Signer:
    """Who has signed.

    Attributes:
        key: the fingerprint of the public key, `SHA256:...`.
        name: what the file of signers calls it; None: nothing does.
    """

    key: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.name}, key {self.key}" if self.name else f"key {self.key}"


def sign(folder: Path, key: Path | None = None) -> Signer:
    """Sign a dataset folder.

    Args:
        folder: the dataset folder.
        key: a private SSH key, or a public one whose private half an agent holds; None: that of `~/.ssh`.

    Raises:
        SignatureError: there is no key, it cannot sign, or there is no `ssh-keygen`.
        StorageError: the signature cannot be written.
    """
    key = key or _usual_key()
    if not key.is_file():
        raise SignatureError(f"there is no key at {key}", remedy="give key=PATH of an SSH key")
    with tempfile.TemporaryDirectory(prefix="il-builder-sign-") as scratch:
        message = Path(scratch) / "message"
        message.write_bytes(_message(folder))
        _said(_ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(message)), f"{key} cannot sign")
        signature = message.with_name("message.sig").read_bytes()
    try:
        write_whole(folder / SIGNATURE, signature.decode("ascii"))
    except OSError as error:
        raise storage_error(error, folder / SIGNATURE) from error
    return Signer(_named_key(signature))


def stated_signer(folder: Path) -> Signer | None:
    """Who a signature says has signed; nothing is proved by that. None: there is no signature.

    Raises:
        SignatureError: it is none.
    """
    path = folder / SIGNATURE
    return Signer(_named_key(_read(path))) if path.exists() else None


def is_of_its_content(folder: Path) -> bool:
    """Whether a signature, whoever's, is of the manifest and card that are there; so is none at all.

    Raises:
        SignatureError: there is no `ssh-keygen` to say so.
    """
    if not (folder / SIGNATURE).exists():
        return True
    about = ("-n", NAMESPACE, "-s", str(folder / SIGNATURE))
    return _ssh_keygen("check-novalidate", *about, given=_message(folder)).returncode == 0


def signer(folder: Path, allowed: Path) -> Signer:
    """Who has signed a dataset folder, as it is.

    Args:
        folder: the dataset folder.
        allowed: whose signature is asked for: a public key, or a file of signers as git and ssh have them.

    Raises:
        SignatureError: there is no signature, it is of something else, or of nobody named there.
    """
    if not (folder / SIGNATURE).exists():
        raise SignatureError(
            f"it is not signed: there is no {SIGNATURE}",
            remedy="its author signs it with il-builder sign",
        )
    key = _named_key(_read(folder / SIGNATURE))
    with tempfile.TemporaryDirectory(prefix="il-builder-verify-") as scratch:
        signers = Path(scratch) / "signers"
        signers.write_bytes(_as_signers(_read(allowed)))
        about = ("-f", str(signers), "-s", str(folder / SIGNATURE))
        found = _ssh_keygen("find-principals", *about)
        name = _said(found, f"key {key} is not among the signers of {allowed}").splitlines()[0]
        checked = _ssh_keygen("verify", "-I", name, "-n", NAMESPACE, *about, given=_message(folder))
        _said(checked, f"key {key} has not signed this manifest and this card")
    return Signer(key, None if name == NAMESPACE else name)


def _message(folder: Path) -> bytes:
    """What is signed: as `sha256sum` writes it."""
    there = [name for name in SIGNED if (folder / name).is_file()]
    return "".join(f"{file_sha256(folder / name)}  {name}\n" for name in there).encode()


def _usual_key() -> Path:
    home = Path("~/.ssh").expanduser()
    return next((home / name for name in KEYS if (home / name).is_file()), home / KEYS[0])


def _read(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size <= LARGEST:
            return path.read_bytes()
    except OSError as error:
        raise SignatureError(f"{path} cannot be read: {error.strerror}") from error
    raise SignatureError(f"{path} is not there, or too large", expected=f"a file of at most {LARGEST} bytes")


def _as_signers(content: bytes) -> bytes:
    """A public key as a file of signers; such a file as it is."""
    if content.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return f'{NAMESPACE} namespaces="{NAMESPACE}" '.encode() + content
    return content


def _named_key(signature: bytes) -> str:
    """The fingerprint of the key in a signature (PROTOCOL.sshsig of OpenSSH)."""
    lines = signature.split()
    try:
        content = base64.b64decode(b"".join(lines[3:-3]), validate=True)
        magic, length = struct.unpack(">6sxxxxI", content[:14])
    except (binascii.Error, struct.error) as error:
        raise SignatureError(f"{SIGNATURE} is not an SSH signature") from error
    if magic != b"SSHSIG" or not 0 < length <= len(content) - 14:
        raise SignatureError(f"{SIGNATURE} is not an SSH signature")
    digest = hashlib.sha256(content[14 : 14 + length]).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _ssh_keygen(action: str, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run it; for a passphrase it asks on the terminal.

    Raises:
        SignatureError: it is not there.
    """
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SignatureError("there is no ssh-keygen here", remedy="install OpenSSH's client")
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    command = [program, "-Y", action, *words]
    return subprocess.run(  # noqa: S603  (no shell; the program found in PATH, and files)
        command, input=given, capture_output=True, check=False, env=environment
    )


def _said(answer: subprocess.CompletedProcess[bytes], otherwise: str) -> str:
    """What it has printed.

    Raises:
        SignatureError: it has failed.
    """
    if answer.returncode:
        why = answer.stderr.decode(errors="replace").strip().splitlines()
        raise SignatureError(f"{otherwise}{f' ({why[-1]})' if why else ''}")
    return answer.stdout.decode(errors="replace")
