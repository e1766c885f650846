"""What a dataset says of itself that a verification has not checked, and what would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.environments.drawing import OPENGL
from builder.errors import SignatureError
from builder.manifest.manifest import PREVIEW, SIGNATURE, Manifest, stated_license
from builder.manifest.provenance import PROVENANCE
from builder.manifest.settings import RELABELLED, rebuilt_expert
from builder.manifest.signature import stated_signer
from builder.verify.config import VerifyConfig
from builder.versions import RELEASE

NOTHING = "nothing checks it"
REPLAY, REBUILD, PARTS = "level=replay", "level=rebuild", "parts=[...]"


@dataclass(frozen=True)
class Claim:
    """A statement that is only claimed.

    Attributes:
        statement: what is said.
        proof: what would check it.
    """

    statement: str
    proof: str = NOTHING

    def __str__(self) -> str:
        return f"{self.statement} ({self.proof})"


def claims(folder: Path, manifest: Manifest, config: VerifyConfig) -> tuple[Claim, ...]:
    """What remains a claim after all checks of a level.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        config: what was checked.
    """
    checked = {"files": (), "rebuild": (REPLAY, REBUILD)}.get(config.level, (REPLAY,))
    part = config.sample < 1 and config.level in ("auto", "replay")
    whole = () if part else ("sample=1.0",)
    found = (
        *_of_play(manifest, config),
        *_of_labels(manifest.inputs),
        *_of_the_build(folder, manifest),
        *_of_signers(folder, config),
    )
    return tuple(claim for claim in found if claim.proof not in (*checked, *whole))


def _of_play(manifest: Manifest, config: VerifyConfig) -> Iterator[Claim]:
    """Who played what, and what was left out."""
    inputs = manifest.inputs
    rejected = manifest.attempts - manifest.accepted
    if imported := inputs.get("imported"):
        yield Claim(
            f"it holds what the listed files of the format {imported['format']} held", "importing them again"
        )
        if "environment" in inputs:
            env_id = inputs["environment"]["id"]
            yield Claim(f"observations, rewards and endings are what {env_id} gives", REPLAY)
        return
    if merged := inputs.get("merged"):
        count = len(merged["parts"])
        yield Claim(f"its episodes are those of {count:,} datasets, by their fingerprints", PARTS)
        if "environment" in inputs:
            yield Claim(
                f"observations, rewards and endings are what {inputs['environment']['id']} gives", REPLAY
            )
        return
    if "environment" not in inputs or "config" not in inputs:
        yield Claim("its episodes are some environment's, as some policy played them")
        return
    own = sorted(inputs.get("own", {}))
    if own:
        yield Claim(f"the author's own {' and '.join(own)} recorded it so")
    env_id = inputs["environment"]["id"]
    yield Claim(f"observations, rewards and endings are what {env_id} gives", NOTHING if own else REPLAY)
    if manifest.spaces.shown is not None:
        yield _of_pixels(inputs["environment"])
    if config.sample < 1 and not own:
        yield Claim(f"so are those of the {1 - config.sample:.0%} that were not stepped again", "sample=1.0")
    yield Claim(f"{inputs['expert']['name']!r} played them", NOTHING if own else REBUILD)
    why = f"for a return outside {inputs['config']['threshold']} to {inputs['config']['max_return']}"
    if rejected:
        left_out = (
            f"the {rejected:,} of {manifest.attempts:,} attempts that are not in it were rejected {why}"
        )
        yield Claim(left_out, NOTHING if own else REBUILD)


def _of_labels(inputs: Mapping[str, Any]) -> Iterator[Claim]:
    """Who would have done what."""
    if labels := inputs.get(RELABELLED):
        name = labels["expert"]["name"]
        proof = REBUILD if rebuilt_expert(labels["expert"]) else NOTHING
        yield Claim(f"`expert_action` is what {name!r} would do there", proof)


def _of_pixels(environment: Mapping[str, Any]) -> Claim:
    """What the pictures are; those of OpenGL are only held against something like them."""
    if environment.get("drawn_by") == OPENGL:
        return Claim("its pixels are, to the last bit, what OpenGL drew on the machine that built it")
    return Claim(f"its pixels are what {environment['id']} shows", REPLAY)


def _of_the_build(folder: Path, manifest: Manifest) -> Iterator[Claim]:
    """What no byte of the episodes depends on."""
    inputs = manifest.inputs
    if packages := inputs.get("packages"):
        yield Claim(f"{len(packages)} packages had the versions that the manifest lists")
    if (folder / PROVENANCE).is_file():
        yield Claim(f"the machine was the one in {PROVENANCE}")
    if licence := stated_license(inputs):
        yield Claim(f"its author may publish it under {licence}")
    if scores := manifest.reference:
        said = (
            f"random actions reach {scores.random:g} on average, an expert {scores.expert:g}: {scores.source}"
        )
        yield Claim(said, "il-builder reference measures them")
    for note in manifest.notes:
        yield Claim(f"the note {note!r}")
    if manifest.splits and manifest.written_by != RELEASE:
        yield Claim("what its card says in words other than this version's", "the version that wrote it")
    if (folder / PREVIEW[-1]).exists():
        yield Claim(
            "its preview shows the episodes that its note names", "il-builder render draws them again"
        )
    if any(path.startswith("assets/") for path in manifest.files):
        yield Claim("the pictures of its card show its figures")
    if any(path.startswith("expert/") for path in manifest.files):
        yield Claim("expert/ holds the weights of the archive that the manifest names")


def _of_signers(folder: Path, config: VerifyConfig) -> Iterator[Claim]:
    if config.signed_by is None and (folder / SIGNATURE).exists():
        try:
            yield Claim(f"{stated_signer(folder)} has signed it", "signed_by=FILE")
        except SignatureError:
            yield Claim(f"{SIGNATURE} is a signature", "signed_by=FILE")
