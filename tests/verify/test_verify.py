"""Verification names the first thing that is not what the manifest says."""

import dataclasses
import json
import subprocess
from pathlib import Path

import hub_clients
import pytest
from hub_cases import REPOSITORY
from sweeps import sweep
from verification import check

from builder import Controller
from builder.card import write_card
from builder.config import HubConfig, ParallelConfig, TrustConfig
from builder.errors import ConfigError, DatasetError, VerificationError
from builder.manifest.identity import identity
from builder.manifest.manifest import read_manifest, seal
from builder.manifest.signature import sign
from builder.verify import verify
from builder.verify.config import VerifyConfig


@sweep("level", ["files", "auto", "replay", "rebuild"], quick=2)
def test_a_sound_dataset_passes(folder, level):
    report = check(folder, level)
    report.raise_for_difference()
    names = ["manifest", "files", "provenance", "tables", "card"]
    assert [item.name for item in report.checks] == [
        *names,
        *({"files": [], "auto": ["replay"]}.get(level, [level])),
    ]
    assert report.notes == ()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["x"]


def test_a_sample_is_a_share_of_the_episodes(folder):
    report = check(folder, sample=0.5)
    assert report.checks[-1].compared.startswith("3 of 6 episodes")


def test_other_package_versions_are_said_first(folder):
    manifest = read_manifest(folder)
    inputs = {**manifest.inputs, "packages": {**manifest.inputs["packages"], "numpy": "1.0"}}
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    write_card(folder)
    report = check(folder)
    report.raise_for_difference()
    (note,) = report.notes
    assert note.startswith("other package versions: numpy ")
    assert note.endswith(" here, 1.0 in the manifest")
    (folder / "more.txt").touch()
    with pytest.raises(VerificationError, match="not in the manifest; note: other package versions"):
        check(folder).raise_for_difference()


def test_what_a_strangers_manifest_names_is_not_imported(folder):
    manifest = read_manifest(folder)
    inputs = json.loads(json.dumps(manifest.inputs))
    inputs["environment"]["id"] = "surely_not_imported:Acrobot-v1"
    seal(dataclasses.replace(manifest, inputs=inputs, identity=identity(inputs)), folder)
    write_card(folder)
    for level in ("replay", "rebuild"):
        with pytest.raises(DatasetError, match=r"surely_not_imported.*expert\.trust_remote_code=true"):
            check(folder, level)


def test_a_dataset_of_a_programs_own_functions_says_what_cannot_be_checked(tmp_path):
    def own(path, episodes):
        (Path(path) / "all.txt").write_text(str(len(episodes)))
        return True

    out = tmp_path / "own"
    Controller(collate=own).start(
        {
            "expert": "random",
            "env.id": "Acrobot-v1",
            "env.max_episode_steps": 40,
            "episodes": 2,
            "out": str(out),
        }
    )
    check(out, "files").raise_for_difference()
    report = check(out, "auto")
    report.raise_for_difference()
    assert (report.checks[-1].name, report.checks[-1].verdict) == ("replay", "not checked")
    assert "the author's own collate recorded it so (nothing checks it)" in map(str, report.claims)
    with pytest.raises(VerificationError, match="replay cannot be checked"):
        check(out).raise_for_difference()


def test_verify_wants_one_dataset(folder):
    with pytest.raises(ConfigError, match=r"give out=FOLDER or hub\.repo_id"):
        verify(dataclasses.replace(_config(), out=None))
    with pytest.raises(ConfigError, match="two datasets"):
        verify(dataclasses.replace(_config(), hub=HubConfig(repo_id="user/name")))


def _config():
    parallel = ParallelConfig(backend="threading", n_jobs=1)
    return VerifyConfig(Path("x"), HubConfig(), "files", 1.0, parallel, TrustConfig())


def names(report):
    return [check.name for check in report.checks if check.passed]


def test_a_repository_is_verified_as_a_folder_is(hub, clients, tmp_path):
    out = tmp_path / "x"
    clients(hub_clients.build, expert="cartpole", episodes=2, out=str(out))
    clients(hub_clients.push, out, REPOSITORY)
    report = clients(hub_clients.verify, repo_id=REPOSITORY, level="replay")
    report.raise_for_difference()
    assert report.dataset == REPOSITORY
    assert names(report) == ["manifest", "files", "provenance", "tables", "card", "replay"]


def test_of_a_repository_without_a_manifest_it_is_said_what_cannot_be_checked(hub, clients):
    hub.store.add("dataset", REPOSITORY, {"README.md": b"# theirs\n"})
    with pytest.raises(VerificationError, match="it has no manifest, so nothing says"):
        clients(hub_clients.verify, repo_id=REPOSITORY).raise_for_difference()


def test_who_has_signed_stands_in_the_table(folder, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = str(key.with_suffix(".pub"))
    unsigned = check(folder, "files", signed_by=public)
    assert "it is not signed" in str(next(unsigned.failures()).difference)
    signed = sign(folder, key)
    report = check(folder, signed_by=public)
    report.raise_for_difference()
    assert f"manifest and card, signed by {signed}" in [item.compared for item in report.checks]
    with (folder / "README.md").open("a") as card:
        card.write("\n## Notes\n\nNobody has signed this.\n")
    with pytest.raises(
        VerificationError, match=r"fails signature: .*has not signed this manifest and this card"
    ):
        check(folder, signed_by=public).raise_for_difference()


def test_a_file_of_signers_that_is_not_there_is_no_fault_of_the_dataset(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*typo\.pub; give signed_by="):
        check(folder, signed_by=str(tmp_path / "typo.pub"))


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("json", "", "json='' names no file"),
        ("json", ".", "json='.' names no file"),
        ("json", "~nobody-here/x", "in the home of nobody known here"),
        ("signed_by", "~nobody-here/x", "in the home of nobody known here"),
        ("signed_by", "", "there is no file"),
    ],
)
def test_a_path_that_names_no_file_is_refused_before_anything_is_checked(key, text, message):
    with pytest.raises(ConfigError, match=message):
        verify(dataclasses.replace(_config(), **{key: text}))
