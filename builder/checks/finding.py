"""What a check finds: one line each, with a code that stays and the remedy that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from builder.errors import CheckError

Severity = Literal["note", "error"]


@dataclass(frozen=True)
class Code:
    """One kind of finding.

    Attributes:
        severity: note: a build handles it by itself; error: it would make the dataset wrong, or impossible.
        about: what is so.
        remedy: of a note, what a build does; of an error, what the author can do.
    """

    severity: Severity
    about: str
    remedy: str


ONE_LANE = "a build plays one lane in each process (env.instances=single)"
CODES = {
    "ignores-seed": Code(
        "error",
        "the same seed and actions give another episode; as a note: every seed gives the same one",
        "seed all that the environment draws from in reset(seed=)",
    ),
    "outlives-instance": Code(
        "error",
        "not even a fresh instance forgets the episodes before",
        "keep what changes in the object, not in its class or module",
    ),
    "remembers-past": Code(
        "note",
        "reset(seed=) does not forget the episodes before",
        "a build makes a fresh instance for every episode (env.instances=fresh)",
    ),
    "shared-simulator": Code("note", "instances in one process disturb each other", ONE_LANE),
    "single-instance": Code("note", "a process bears one instance at a time", ONE_LANE),
    "global-random": Code(
        "note",
        "draws come from a random generator that the whole process shares",
        "a build plays one lane in each process; a generator of its own would be faster",
    ),
    "keeps-observation": Code(
        "note", "an observation is written into again by a later step", "a build copies each observation"
    ),
    "edits-action": Code("note", "step writes into the action that it is given", "a build hands out a copy"),
    "undeclared-observation": Code(
        "error",
        "an observation has a shape or values that its space does not declare",
        "wrap the environment so that its space and its observations agree",
    ),
    "outside-bounds": Code("note", "values lie beyond the bounds of their space", "a build records them so"),
    "not-a-number": Code(
        "error", "an observation or a reward is NaN", "nothing could be learned or compared from it"
    ),
    "infinite": Code(
        "error",
        "an observation or a reward is infinite; with rollout.infinite=record a note",
        "rollout.infinite=record records infinities where they mean something",
    ),
    "raises": Code("error", "reset, step or predict raises", "mend what the message says"),
    "no-columns": Code(
        "error", "a space has no columns in a dataset", "wrap the environment so that it is a Box or alike"
    ),
    "no-masks": Code(
        "error",
        "a policy chooses among allowed actions, and the environment says of none that it is allowed",
        "put the wrapper around it that has action_masks(); expert.action_masks=none plays without",
    ),
    "action-masks": Code(
        "note",
        "a policy is asked with masks of the allowed actions",
        "a build asks the environment for them and records them as the column action_mask",
    ),
    "hidden-state": Code(
        "note",
        "a policy's answer depends on more than what it is given",
        "a build gives every attempt a pristine copy; state that predict hands on would be faster",
    ),
    "reused-buffer": Code("note", "answers come in the same array again", "a build copies each answer"),
    "cannot-copy": Code(
        "error",
        "a policy cannot be copied, so no attempt could start with a pristine one",
        "give a factory in its place, which makes a new one",
    ),
    "depends-on-batch": Code(
        "error",
        "a batched policy answers a row otherwise among other rows",
        "leave batched=True away, or compute in float64 and round once",
    ),
    "undeclared-action": Code(
        "error", "an action does not fit the action space", "answer with the shape and the kind that it asks"
    ),
    "ignores-context": Code(
        "error",
        "enjoy records another episode for the same attempt",
        "take the seed from context.seed and all draws from context.rng",
    ),
    "shares-generator": Code(
        "error",
        "enjoy draws from a random generator that the whole process shares",
        "draw from context.rng: other threads take from that generator as well",
    ),
    "records-nothing": Code(
        "error", "enjoy returns True without writing its file", "Episode(...).save(path) writes it"
    ),
    "wrong-call": Code("error", "enjoy cannot be called", "take path, context and expert as keywords"),
    "cannot-travel": Code(
        "error", "enjoy cannot be sent to a worker process", "keep open files and locks out of its globals"
    ),
    "not-replayable": Code(
        "error",
        "the recorded actions do not lead to the recorded steps",
        "record the action that step was given, and the observation that it was chosen on",
    ),
    "speed": Code(
        "note", "how fast a build may become", "one process, in its lanes; measured now, on this machine"
    ),
}
"""All codes; `docs/checks.md` shows them."""


@dataclass(frozen=True)
class Finding:
    """Something that a check found.

    Attributes:
        code: a key of `CODES`; it stays the same from version to version.
        severity: note: a build handles it by itself; error: it would make the dataset wrong, or impossible.
        text: what was seen, and where.
        remedy: what a build does, or what the author can do.
    """

    code: str
    severity: Severity
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.code}: {self.text}; {self.remedy}"


def finding(code: str, text: str, *, severity: Severity | None = None) -> Finding:
    """A finding of a known kind.

    Args:
        code: a key of `CODES`.
        text: what was seen, and where.
        severity: where it is not the code's own.
    """
    known = CODES[code]
    return Finding(code, severity or known.severity, text, known.remedy)


def raise_for_errors(findings: Iterable[Finding]) -> None:
    """Do nothing where all findings are notes.

    Raises:
        CheckError: one is an error; it holds all findings.
    """
    found = tuple(findings)
    errors = [item for item in found if item.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        error = CheckError(f"{errors[0].code}: {errors[0].text}{more}", remedy=errors[0].remedy)
        error.findings = found
        raise error


def markdown_table() -> str:
    """All codes as a table for the documentation."""
    rows = [f"| `{name}` | {code.severity} | {code.about} | {code.remedy} |" for name, code in CODES.items()]
    return "\n".join(["| code | severity | what is so | what follows |", "|---|---|---|---|", *rows])
