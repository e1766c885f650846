"""How an export lies in a repository on the Hub, so that its format's own library finds it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Shared = Callable[[bytes | None], bytes]
"""From what a repository has (None: nothing) to what it is to have."""


@dataclass(frozen=True)
class Publication:
    """Where the files go, and what else the repository needs.

    Attributes:
        format: its name.
        opened: one line of Python that opens what was published, imports included.
        within: the folder of the repository that holds the export, and nothing else; "": the repository.
        shared: files that are not the export's alone, by their path in the repository. What each makes of
            its own answer is that answer again.
        mark: the file that a repository of this format has, whatever else is in it; "": none.
        tag: that the format's readers ask for; it follows what is published. None: there is none.
    """

    format: str
    opened: str
    within: str = ""
    shared: Mapping[str, Shared] = field(default_factory=dict)
    mark: str = ""
    tag: str | None = None

    def place(self, name: str) -> str:
        """Where a file of the export lies in the repository."""
        return f"{self.within}/{name}" if self.within else name
