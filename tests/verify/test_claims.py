"""What remains a claim is said, with what would check it."""

import dataclasses
import json

import pytest
from sweeps import sweep
from verification import EPISODES, check, rewrite

from builder import Controller
from builder.card import keep_reference
from builder.config import HubConfig, ParallelConfig, TrustConfig
from builder.manifest.manifest import SIGNATURE, read_manifest
from builder.manifest.scores import ReferenceScores
from builder.verify.claims import NOTHING, claims
from builder.verify.config import VerifyConfig


def proofs(report):
    return {claim.proof for claim in report.claims}


@sweep(
    ("options", "left"),
    [
        ({"level": "files"}, {"level=replay", "level=rebuild", NOTHING}),
        ({"level": "replay"}, {"level=rebuild", NOTHING}),
        ({"level": "auto"}, {"level=rebuild", NOTHING}),
        ({"level": "replay", "sample": 0.5}, {"sample=1.0", "level=rebuild", NOTHING}),
        ({"level": "rebuild"}, {NOTHING}),
    ],
    ids=["files", "replay", "auto", "half a replay", "rebuild"],
    quick=2,
)
def test_a_level_leaves_as_claims_what_it_has_not_checked(folder, options, left):
    assert proofs(check(folder, **options)) == left


@pytest.mark.slow
def test_an_included_expert_plays_and_whose_it_is_remains_a_claim(tmp_path):
    short = {"episodes": 1, "threshold": 0, "expert.check": "off", "env.max_episode_steps": 20}
    out = tmp_path / "x"
    Controller().start({"expert": "cartpole", **short, "dataset.include_expert": True, "out": str(out)})
    said = [claim.statement for claim in check(out, "rebuild").claims]
    assert "expert/ holds the weights of the archive that the manifest names" in said


def test_who_has_signed_is_a_claim_until_it_is_asked_for(folder):
    (folder / SIGNATURE).write_text("no signature")
    (claim,) = [claim for claim in check(folder, "files").claims if claim.proof == "signed_by=FILE"]
    assert claim.statement == "dataset.sig is a signature"


def test_attempts_that_are_missing_are_said_to_have_been_rejected(folder):
    config = VerifyConfig(
        out=folder,
        hub=HubConfig(),
        level="files",
        sample=1.0,
        parallel=ParallelConfig(backend="threading", n_jobs=1),
        expert=TrustConfig(),
    )
    manifest = read_manifest(folder)
    assert not [claim for claim in claims(folder, manifest, config) if "rejected" in claim.statement]
    picked = dataclasses.replace(manifest, attempts=10)
    (claim,) = [claim for claim in claims(folder, picked, config) if "rejected" in claim.statement]
    assert claim.statement.startswith("the 4 of 10 attempts that are not in it were rejected")


def test_all_of_it_is_written_for_other_programs(folder, tmp_path):
    target = tmp_path / "report.json"
    check(folder, "files", json=str(target))
    said = json.loads(target.read_text())
    assert said["verified"] is True
    assert [found["verdict"] for found in said["checks"]] == ["ok"] * 5
    assert {"statement": "'random' played them", "proof": "level=rebuild"} in said["claims"]
    rewrite(folder, EPISODES, lambda columns: columns.update(seed=[7, *columns["seed"][1:]]))
    check(folder, "files", json=str(target))
    said = json.loads(target.read_text())
    assert said["verified"] is False
    assert said["claims"] == []
    assert said["checks"][-1]["difference"]["column"] == "seed"


def test_reference_scores_are_a_claim_with_what_measures_them(folder):
    keep_reference(folder, ReferenceScores(22.5, 500.0, "somebody"))
    report = check(folder, "files")
    report.raise_for_difference()
    (claim,) = [claim for claim in report.claims if "random actions" in claim.statement]
    assert str(claim) == (
        "random actions reach 22.5 on average, an expert 500: somebody (il-builder reference measures them)"
    )


def test_what_only_the_expert_knows_is_a_claim_until_it_plays_again(tmp_path):
    asked = {"rollout.switch": {"policy": "random", "steps": 3}, "dataset.teacher": ["value"]}
    short = {"episodes": 1, "env.max_episode_steps": 9, "verify_sample": 0, "card.preview": False}
    Controller().start({"expert": "cartpole", **short, **asked, "out": str(tmp_path / "x")})
    for level, times in (("files", 1), ("replay", 1), ("rebuild", 0)):
        found = [claim for claim in check(tmp_path / "x", level).claims if "expert knows" in claim.statement]
        assert len(found) == times
    (claim,) = [claim for claim in check(tmp_path / "x").claims if "expert knows" in claim.statement]
    assert "`expert_action`, `controller`, `teacher.value`" in claim.statement
    assert claim.proof == "level=rebuild"
