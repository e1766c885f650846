"""What a dataset says of itself that a verification has not checked, and what would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.dataset.families import family_of
from builder.environments.drawing import OPENGL
from builder.episodes.declared import EXPERT_ACTION, declared
from builder.errors import DatasetError, SignatureError
from builder.manifest.manifest import BASELINE, PREVIEW, SIGNATURE, Manifest, stated_license
from builder.manifest.provenance import PROVENANCE
from builder.manifest.settings import RELABELLED, before_labels, rebuild_settings, rebuilt_expert
from builder.manifest.signature import stated_signer
from builder.verify.config import VerifyConfig
from builder.versions import RELEASE

NOTHING = "nothing checks it"
REPLAY, REBUILD, PARTS, SAMPLE = "level=replay", "level=rebuild", "parts=[...]", "sample=1.0"
BASELINE_LEVEL = "level=baseline"
EACH = "level=rebuild of each part"
NOT_STEPPED = "observations, rewards and endings are so too of the {:.0%} that were not stepped again"


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


def claims(
    folder: Path, manifest: Manifest, config: VerifyConfig, proved: frozenset[str] = frozenset()
) -> tuple[Claim, ...]:
    """What remains a claim after all checks.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        config: what was checked.
        proved: the proofs that its checks are, as claims name them.
    """
    part = config.sample < 1 and REPLAY in proved and REBUILD not in proved
    found = (
        *_of_play(manifest),
        *([Claim(NOT_STEPPED.format(1 - config.sample), SAMPLE)] if part else []),
        *_of_labels(manifest),
        *_of_the_build(folder, manifest),
        *_of_signers(folder, config),
    )
    return tuple(claim for claim in found if claim.proof not in proved)


def _again(manifest: Manifest) -> str:
    """What checks who played, and what was thought: a rebuild of it or of its parts, where there is one."""
    if "merged" in manifest.inputs:
        return EACH
    try:
        return REBUILD if rebuild_settings(before_labels(manifest)) else NOTHING
    except DatasetError:
        return NOTHING


def _of_play(manifest: Manifest) -> Iterator[Claim]:
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
    if "merged" in inputs:
        yield from _of_parts(inputs)
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
    yield Claim(f"{inputs['expert']['name']!r} played them", _again(manifest))
    why = f"for a return outside {inputs['config']['threshold']} to {inputs['config']['max_return']}"
    if rejected:
        left_out = (
            f"the {rejected:,} of {manifest.attempts:,} attempts that are not in it were rejected {why}"
        )
        yield Claim(left_out, _again(manifest))


def _of_parts(inputs: Mapping[str, Any]) -> Iterator[Claim]:
    """Who played in a merged dataset, and where."""
    merged = inputs["merged"]
    count = len(merged["parts"])
    yield Claim(f"its episodes are those of {count:,} datasets, by their fingerprints", PARTS)
    if played := sorted({source["policy"] for source in merged["sources"] if "policy" in source}):
        yield Claim(f"{_listed(map(repr, played))} played them, as its parts say", EACH)
    if named := [part["repo_id"] for part in merged["parts"] if "repo_id" in part]:
        yield Claim(f"of its parts lie on the Hub: {_listed(named)}")
    if "environment" in inputs:
        env_id = inputs["environment"]["id"]
        yield Claim(f"observations, rewards and endings are what {env_id} gives", REPLAY)


def _of_labels(manifest: Manifest) -> Iterator[Claim]:
    """Who would have done what, and what only the expert knows."""
    labels, columns = manifest.inputs.get(RELABELLED, {}), declared(manifest.inputs)
    if labels:
        name = labels["expert"]["name"]
        proof = REBUILD if rebuilt_expert(labels["expert"]) else NOTHING
        thought = _listed(f"`{column}`" for column in labels["columns"] if column != EXPERT_ACTION)
        what = f", and {thought} what it thinks" if thought else ""
        yield Claim(f"`{EXPERT_ACTION}` is what {name!r} would do there{what}", proof)
        yield Claim(f"its episodes are those of the dataset {labels['dataset'][:12]}", _again(manifest))
    names = dict.fromkeys(column.name for column in columns if not family_of(column).replayed)
    if told := [f"`{name}`" for name in names if name not in labels.get("columns", ())]:
        yield Claim(f"{_listed(told)}: what only the expert knows is as it was recorded", _again(manifest))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


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
    yield from _of_files(folder, manifest)


def _of_files(folder: Path, manifest: Manifest) -> Iterator[Claim]:
    """What files beside the data say."""
    if (folder / PREVIEW[-1]).exists():
        yield Claim(
            "its preview shows the episodes that its note names", "il-builder render draws them again"
        )
    if (folder / BASELINE).exists():
        yield Claim("its clones were trained and have played as its baseline says", BASELINE_LEVEL)
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
