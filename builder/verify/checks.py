"""What a verification has compared, and what it has found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builder.errors import VerificationError
from builder.replay import Difference
from builder.verify.claims import Claim


@dataclass(frozen=True)
class Check:
    """One thing that was compared.

    Attributes:
        name: what it is called in the table.
        compared: what with what, and how many.
        difference: the first one; None: there is none.
        possible: False where it could not be checked; `compared` says why.
        asked: False where it was to be checked only if that is possible.
        proves: the proofs, as claims name them, that this is, where nothing differs.
    """

    name: str
    compared: str
    difference: Difference | None = None
    possible: bool = True
    asked: bool = True
    proves: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything is as it should be, and all was checked that was asked for."""
        return (self.possible or not self.asked) and self.difference is None

    @property
    def verdict(self) -> str:
        """One word for the table."""
        if not self.possible:
            return "not checked"
        return "differs" if self.difference else "ok"

    def to_json(self) -> dict[str, Any]:
        """As `Report.to_json` has it; values that JSON does not have are text."""
        found = self.difference
        places = (
            {} if found is None else {key: value for key, value in vars(found).items() if value is not None}
        )
        difference = {
            key: value if isinstance(value, int | str) else str(value) for key, value in places.items()
        }
        outcome = {"name": self.name, "compared": self.compared, "verdict": self.verdict}
        return {**outcome, **({"difference": {**difference, "message": str(found)}} if found else {})}


@dataclass(frozen=True)
class Report:
    """All checks up to the first that failed, and what should be known beside them.

    Attributes:
        dataset: the folder or repository.
        checks: in the order in which they were made.
        claims: what the dataset says of itself and none of these checks has looked at; where all passed.
        notes: where this machine or its packages are not those of the build, and what is not promised.
    """

    dataset: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For other programs: the checks, the first difference, and what remains a claim."""
        return {
            "dataset": self.dataset,
            "verified": not any(self.failures()),
            "checks": [check.to_json() for check in self.checks],
            "claims": [dataclasses.asdict(claim) for claim in self.claims],
            "notes": list(self.notes),
        }

    def failures(self) -> Iterator[Check]:
        """The checks that found a difference, or could not be made."""
        return (check for check in self.checks if not check.passed)

    def raise_for_difference(self) -> None:
        """Do nothing where all is well.

        Raises:
            VerificationError: a check found a difference, or what was asked for could not be checked.
        """
        for check in self.failures():
            found = check.difference
            if found is None:
                raise VerificationError(f"{self.dataset}: {check.name} cannot be checked: {check.compared}")
            raise VerificationError(
                f"{self.dataset} fails {check.name}: {found}",
                expected=found.expected,
                got=found.got,
                remedy=_remedy(self.notes),
            )


def _remedy(notes: tuple[str, ...]) -> str | None:
    return f"note: {notes[0]}" if notes else None
