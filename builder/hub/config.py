"""The configurations of what goes to the Hub, comes from it, or is signed for it."""

from __future__ import annotations

from dataclasses import dataclass

from builder.config import HubConfig
from builder.storage.paths import AnyPath


@dataclass(frozen=True)
class TransferConfig:
    """One push or pull (`conf/push.yaml`, `conf/pull.yaml`).

    Attributes:
        out: the dataset folder.
        hub: the repository.
        overwrite: replace something else: of a push in the repository, of a pull in the folder.
        debug: show tracebacks.
    """

    out: AnyPath
    hub: HubConfig
    overwrite: bool = False
    debug: bool = False


@dataclass(frozen=True)
class SignConfig:
    """One signature (`conf/sign.yaml`).

    Attributes:
        out: the dataset folder.
        key: the SSH key that signs; unset: that of `~/.ssh`.
        debug: show tracebacks.
    """

    out: AnyPath
    key: str | None = None
    debug: bool = False
