"""Push makes a repository equal to a folder, in one commit."""

import json
import shutil
import subprocess

import hub_clients
import pytest
from folders import files
from hub_cases import REPOSITORY, build, held, repository
from hub_store import snapshot
from sweeps import sweep

from builder.errors import (
    DatasetError,
    ExistsError,
    HubMissingError,
    SignatureError,
)
from builder.manifest.manifest import read_manifest
from builder.manifest.signature import sign, signer


def test_a_push_makes_a_repository_equal_to_the_folder_in_one_commit_with_a_tag(hub, clients, folder):
    pushed = clients(hub_clients.push, folder, REPOSITORY)
    fingerprint = read_manifest(folder).fingerprint
    first, made = reversed(repository(hub).history("main"))
    assert held(hub) == files(folder)
    assert made.title == f"20 episodes, fingerprint {fingerprint}"
    assert made.parent == first.oid
    assert repository(hub).tags == {f"v-{fingerprint[:12]}": made.oid} == {pushed.tag: pushed.commit}
    assert repository(hub).private is False


@pytest.mark.slow
def test_parquet_files_and_pictures_go_through_lfs_and_texts_do_not(hub, clients, folder):
    clients(hub_clients.push, folder, REPOSITORY)
    large = {path for path, blob in repository(hub).head.files.items() if blob.sha256}
    assert large == {path for path in files(folder) if path.endswith((".parquet", ".png"))}


def test_a_second_push_sends_no_byte_and_makes_no_commit(hub, clients, folder):
    first = clients(hub_clients.push, folder, REPOSITORY)
    hub.log.clear()
    second = clients(hub_clients.push, folder, REPOSITORY)
    assert (second.commit, second.tag, second.fresh) == (first.commit, first.tag, False)
    assert hub.sent() == 0
    assert {method for method, *_ in hub.log} == {"GET", "HEAD"}


def test_a_push_after_growth_uploads_only_the_files_that_changed(hub, clients, tmp_path):
    out = build(tmp_path / "grown", episodes=8)
    clients(hub_clients.push, out, REPOSITORY)
    build(out, episodes=9)
    hub.log.clear()
    pushed = clients(hub_clients.push, out, REPOSITORY)
    assert sorted(pushed.uploaded) == [
        "README.md",
        "assets/components.png",
        "assets/returns.png",
        "data/train-00000-of-00001.parquet",
        "episodes/train-00000-of-00001.parquet",
        "manifest.json",
    ]
    assert len(hub.requests("PUT /lfs/")) == 4
    assert held(hub) == files(out)
    assert len(repository(hub).tags) == 2


@pytest.mark.slow
def test_files_that_the_folder_no_longer_has_are_deleted_but_not_the_hubs_own(hub, clients, folder):
    clients(hub_clients.push, folder, REPOSITORY)
    hub.store.write(repository(hub), {"old/data.parquet": b"old", "NOTES.txt": b"x"})
    pushed = clients(hub_clients.push, folder, REPOSITORY)
    assert sorted(pushed.deleted) == ["NOTES.txt", "old/data.parquet"]
    assert held(hub) == files(folder)
    assert ".gitattributes" in repository(hub).head.files


def test_the_card_names_the_repository_and_keeps_its_notes(hub, clients, folder):
    card = folder / "README.md"
    card.write_text(f"{card.read_text()}\n## Notes\n\nMine.\n")
    clients(hub_clients.push, folder, REPOSITORY)
    assert f'load_dataset("{REPOSITORY}", split="train")' in card.read_text()
    assert card.read_text().endswith("## Notes\n\nMine.\n")


@pytest.mark.slow
def test_a_large_file_goes_in_parts_where_the_hub_asks_for_that(hub, clients, folder):
    hub.part_size = 2000
    clients(hub_clients.push, folder, REPOSITORY)
    assert hub.requests(r"PUT /lfs/.*/2")
    assert held(hub) == files(folder)


@pytest.mark.slow
def test_another_dataset_of_ours_gets_a_new_commit_and_stays_in_the_history(hub, clients, folder, tmp_path):
    first = clients(hub_clients.push, folder, REPOSITORY)
    other = build(tmp_path / "other", seed=1)
    second = clients(hub_clients.push, other, REPOSITORY)
    assert [commit.oid for commit in repository(hub).history("main")][:2] == [second.commit, first.commit]
    assert held(hub) == files(other)


@sweep("there", [{"thesis.txt": b"mine"}, {"manifest.json": b"{}"}])
def test_a_repository_of_something_else_needs_overwrite(hub, clients, folder, there):
    hub.store.add("dataset", REPOSITORY, there)
    with pytest.raises(ExistsError, match="holds something else than a dataset of ours"):
        clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == there
    clients(hub_clients.push, folder, REPOSITORY, overwrite=True)
    assert held(hub) == files(folder)


@pytest.mark.slow
def test_a_push_may_go_to_a_branch_that_there_is(hub, clients, folder):
    other = hub.store.add("dataset", REPOSITORY)
    other.branches["next"] = other.head.oid
    clients(hub_clients.push, folder, REPOSITORY, revision="next")
    assert snapshot(hub.store, other, "next") == files(folder)
    assert held(hub) == {}
    with pytest.raises(HubMissingError, match="has no revision 'nowhere'"):
        clients(hub_clients.push, folder, REPOSITORY, revision="nowhere")
    other.tags["v1"] = other.head.oid
    with pytest.raises(HubMissingError, match=r"v1 is not a branch of user/corridor.*expected main, next"):
        clients(hub_clients.push, folder, REPOSITORY, revision="v1")


def test_a_damaged_folder_is_not_pushed(hub, clients, folder):
    path = folder / "data/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DatasetError, match="is not what the manifest says"):
        clients(hub_clients.push, folder, REPOSITORY)
    assert hub.log == []


@pytest.mark.slow
def test_the_command_line_pushes_and_says_how_to_load(hub, shell, folder):
    words = ("push", f"out={folder}", f"hub.repo_id={REPOSITORY}")
    answer = shell(*words)
    lines = answer.stdout.splitlines()
    assert lines[0] == f"pushed: {REPOSITORY}"
    assert lines[2:4] == [f"  commit {repository(hub).head.oid}", f"  tag {next(iter(repository(hub).tags))}"]
    assert f'load_dataset("{REPOSITORY}", split="train")' in answer.stdout
    assert shell(*words).stdout.splitlines()[0] == f"up to date: {REPOSITORY}"


@pytest.mark.slow
def test_a_build_with_hub_push_publishes_what_it_has_built(hub, shell, tmp_path):
    words = ["expert=random", "env.id=CartPole-v1", "episodes=3", "out=x", f"hub.repo_id={REPOSITORY}"]
    answer = shell(*words, "hub.push=true")
    assert answer.returncode == 0, answer.stderr
    assert held(hub) == files(tmp_path / "x")
    assert f"up to date: {REPOSITORY}" in shell(*words, "hub.push=true").stdout


@pytest.mark.slow
def test_a_push_that_would_be_refused_is_refused_before_the_build(hub, shell, tmp_path):
    hub.store.add("dataset", REPOSITORY, {"thesis.txt": b"mine"})
    words = ["expert=random", "env.id=CartPole-v1", "out=x", "hub.push=true"]
    answer = shell(*words, f"hub.repo_id={REPOSITORY}")
    assert answer.returncode == 1
    assert "holds something else" in answer.stderr
    for user, remedy in (("", "hf auth login"), ("hf_wrong", "hf auth login")):
        answer = shell(*words, "hub.repo_id=user/new", HF_TOKEN=user)
        assert answer.returncode == 1
        assert remedy in answer.stderr
    assert shell(*words).returncode == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_folder_of_a_users_own_collate_is_pushed_with_the_card_that_it_has(hub, clients, folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    shutil.rmtree(folder / "episodes")
    kept = {path: entry for path, entry in manifest["files"].items() if not path.startswith("episodes/")}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"splits": {}, "files": kept}))
    (folder / "README.md").write_text("mine")
    clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub)["README.md"] == b"mine"


def test_what_is_published_is_signed_as_it_is_published(hub, clients, folder, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sign(folder, key)  # before its card names a repository
    with pytest.raises(SignatureError, match=r"of another manifest or card.*hub\.sign=true"):
        clients(hub_clients.push, folder, REPOSITORY)
    assert "dataset.sig" not in held(hub)
    clients(hub_clients.push, folder, REPOSITORY, sign=True, key=str(key))
    assert held(hub) == files(folder)
    (pulled := tmp_path / "pulled").mkdir()
    for name, content in held(hub).items():
        (pulled / name).parent.mkdir(parents=True, exist_ok=True)
        (pulled / name).write_bytes(content)
    assert signer(pulled, key.with_suffix(".pub")) == sign(folder, key)
