"""Pull brings a repository to a folder whole, or leaves the folder as it was."""

import json
import signal
import subprocess
from pathlib import Path

import hub_clients
import pytest
from folders import files
from hub_cases import REPOSITORY, build, repository
from sweeps import sweep

from builder.card import names_other_files
from builder.errors import (
    ConfigError,
    DatasetError,
    ExistsError,
    HubAccessError,
    HubDamagedError,
    HubMissingError,
    HubUnreachableError,
    StorageError,
)
from builder.manifest.manifest import read_manifest
from builder.storage.limits import MANIFEST_BYTES

DATA = "data/train-00000-of-00001.parquet"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_what_was_pushed_comes_back_byte_for_byte(clients, published, out):
    pulled = clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)
    assert subprocess.run(["diff", "-r", published, out], check=False).returncode == 0
    assert pulled.manifest == read_manifest(published)
    assert sorted(path.name for path in out.parent.iterdir() if "out" in path.name) == ["out"]


@pytest.mark.slow
@sweep("by", ["tag", "commit"])
def test_an_older_dataset_comes_by_its_tag_and_by_its_commit(clients, published, out, tmp_path, by):
    first = clients(hub_clients.push, published, REPOSITORY)
    before = files(published)
    clients(hub_clients.push, build(tmp_path / "other", seed=1), REPOSITORY)
    clients(hub_clients.pull, REPOSITORY, out, revision=getattr(first, by))
    assert files(out) == before


def test_a_second_pull_downloads_nothing_and_touches_nothing(hub, clients, published, out):
    clients(hub_clients.pull, REPOSITORY, out)
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    hub.log.clear()
    assert clients(hub_clients.pull, REPOSITORY, out).fresh is False
    assert hub.requests("/cdn/") == []
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == written


def test_a_damaged_folder_of_the_same_dataset_is_mended(clients, published, out):
    clients(hub_clients.pull, REPOSITORY, out)
    (out / DATA).write_bytes(b"?")
    (out / "provenance.json").unlink()
    assert clients(hub_clients.pull, REPOSITORY, out).fresh is True
    assert files(out) == files(published)


def test_another_dataset_is_not_overwritten_unless_that_is_asked_for(clients, published, out):
    build(out, seed=1)
    before = files(out)
    with pytest.raises(ExistsError, match="holds another dataset; expected fingerprint"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == before
    clients(hub_clients.pull, REPOSITORY, out, overwrite=True)
    assert files(out) == files(published)


@pytest.mark.slow
def test_notes_that_only_the_folder_has_are_not_lost(clients, published, out):
    clients(hub_clients.pull, REPOSITORY, out)
    card = out / "README.md"
    card.write_text(f"{card.read_text()}\n## Notes\n\nMine.\n")
    with pytest.raises(ExistsError, match="has notes that the repository does not have; push them first"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert card.read_text().endswith("Mine.\n")


@sweep("overwrite", [False, True])
def test_a_folder_of_the_users_own_is_never_touched(clients, published, out, overwrite):
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(ExistsError, match="is not a dataset of ours"):
        clients(hub_clients.pull, REPOSITORY, out, overwrite=overwrite)
    assert files(out) == {"thesis.tex": b"mine"}


def test_a_byte_that_is_flipped_on_the_hub_is_caught_and_the_same_command_works_once_mended(
    hub, clients, published, out
):
    hub.store.flip(repository(hub), DATA)
    with pytest.raises(HubDamagedError, match=rf"{DATA} of user/corridor arrives damaged; expected sha256"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert not out.exists()
    hub.store.flip(repository(hub), DATA)
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)


@pytest.mark.slow
def test_a_file_that_somebody_has_changed_on_the_hub_is_caught_by_the_manifest(hub, clients, published, out):
    hub.store.write(repository(hub), {DATA: b"PAR1 other PAR1"})
    with pytest.raises(HubDamagedError, match=r"is not what its manifest says.*take another hub.revision"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert not out.exists()


@pytest.mark.slow
def test_a_file_that_somebody_has_removed_on_the_hub_is_missed(hub, clients, published, out):
    hub.store.write(repository(hub), {}, remove=[DATA])
    with pytest.raises(HubDamagedError, match=rf"{DATA} of user/corridor .*got no file"):
        clients(hub_clients.pull, REPOSITORY, out)


def test_a_manifest_whose_fingerprint_is_not_that_of_its_files_is_refused(hub, clients, published, out):
    manifest = json.loads((published / "manifest.json").read_text())
    forged = json.dumps(manifest | {"fingerprint": "0" * 64}).encode()
    hub.store.write(repository(hub), {"manifest.json": forged})
    with pytest.raises(HubDamagedError, match="does not have the fingerprint of its own files"):
        clients(hub_clients.pull, REPOSITORY, out)


@pytest.mark.slow
def test_files_that_nobody_listed_stay_on_the_hub(hub, clients, published, out):
    more = {"data/train-00001-of-00002.parquet": b"x", "data/evil.py": b"x", "LICENSE": b"MIT"}
    hub.store.write(repository(hub), more)
    _, said = clients(hub_clients.pull_with_logs, REPOSITORY, out)
    assert files(out) == files(published)
    assert f"3 files of {REPOSITORY} are not in its manifest: they stay there" in said
    assert clients(hub_clients.pull, REPOSITORY, out).fresh is False


@sweep("path", ["data/more.parquet", "../../x", "/etc/passwd", "http://127.0.0.1:9/x.parquet"])
def test_a_card_that_names_other_files_stays_on_the_hub(hub, clients, published, out, path):
    theirs = f"---\nconfigs:\n- config_name: transitions\n  data_files: {path}\n---\n# theirs\n"
    hub.store.write(repository(hub), {"README.md": theirs.encode()})
    _, said = clients(hub_clients.pull_with_logs, REPOSITORY, out)
    assert f"the card of {REPOSITORY} names files that are not the dataset's: it stays there" in said
    assert {**files(out), "README.md": b""} == {**files(published), "README.md": b""}
    assert not names_other_files(out / "README.md", read_manifest(out))


def test_a_manifest_larger_than_any_is_not_fetched(hub, clients, published, out):
    hub.store.write(repository(hub), {"manifest.json": b" " * (MANIFEST_BYTES + 1)})
    with pytest.raises(HubDamagedError, match=f"has {MANIFEST_BYTES + 1} bytes; expected at most"):
        clients(hub_clients.pull, REPOSITORY, out)


def test_a_repository_without_a_manifest_comes_with_a_warning(hub, clients, out):
    there = {"teacher.jsonl": b'{"obs": [1.0]}\n', "README.md": b"# mine\n"}
    hub.store.add("dataset", REPOSITORY, there)
    pulled, said = clients(hub_clients.pull_with_logs, REPOSITORY, out)
    assert pulled.manifest is None
    assert "nothing tells whether it is what was once built" in said
    assert files(out) == there
    assert clients(hub_clients.pull, REPOSITORY, out).fresh is False


@pytest.mark.slow
@sweep(
    "fault",
    [("status", 500), ("status", 503), ("status", 429), ("drop", 0), ("cut", 0), ("lost", 0)],
    ids=str,
)
def test_a_pull_ends_right_where_one_request_in_three_fails(hub, clients, published, out, fault):
    hub.fault(fault[0], status=fault[1], every=3)
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)


def test_a_hub_that_keeps_failing_is_an_error_and_the_same_command_finishes(hub, clients, published, out):
    hub.fault("status", "GET /api/", status=502)
    with pytest.raises(HubUnreachableError, match=r"HTTP 502.*run the same command again"):
        clients(hub_clients.pull, REPOSITORY, out)
    assert not out.exists()
    hub.faults.clear()
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_the_same_command_finishes(hub, clients, published, out):
    with pytest.raises(StorageError, match=r"is full; free some space and run the same command again"):
        clients(hub_clients.pull_on_a_full_disk, REPOSITORY, out)
    assert not any(path.name.startswith((".out", "out")) for path in out.parent.iterdir())
    hub.log.clear()
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)
    assert hub.requests("/cdn/") == []


@sweep(
    ("make", "error", "message"),
    [
        ({}, HubMissingError, "the dataset user/there is not on the Hub, or it is private; check its name"),
        ({"kind": "model"}, HubMissingError, "user/there is a model on the Hub, not a dataset; to play it"),
        ({"kind": "space"}, HubMissingError, "user/there is a space on the Hub, not a dataset"),
        ({"kind": "dataset", "private": True}, HubMissingError, "if it is private, log in"),
        ({"kind": "dataset", "gated": True}, HubAccessError, "is gated, and you have no access.*ask for"),
    ],
    quick=2,
)
@sweep("user", [None, "hf_reader"])
def test_what_cannot_be_had_is_named_with_its_remedy(request, make, error, message, user):
    hub, clients, out = (request.getfixturevalue(name) for name in ("hub", "clients", "out"))
    if make:
        kind, options = make["kind"], {key: value for key, value in make.items() if key != "kind"}
        hub.store.add(kind, "user/there", {"manifest.json": b"{}"}, **options)
    with pytest.raises(error, match=message):
        clients(hub_clients.pull, "user/there", out, user=user)
    assert not out.exists()


def test_a_token_that_is_not_accepted_is_named(clients, published, out):
    with pytest.raises(HubAccessError, match=r"the Hub wants a valid token .*HTTP 401.*hf auth login"):
        clients(hub_clients.pull, REPOSITORY, out, user="hf_wrong")


@pytest.mark.slow
def test_the_owner_of_a_private_repository_pulls_it(clients, published, hub, out):
    repository(hub).private = True
    clients(hub_clients.pull, REPOSITORY, out)
    assert files(out) == files(published)


def test_a_revision_that_there_is_not_is_named(clients, published, out):
    with pytest.raises(HubMissingError, match=r"has no revision 'v0'; .*name a branch, tag or commit"):
        clients(hub_clients.pull, REPOSITORY, out, revision="v0")


def test_a_manifest_that_is_not_ours_is_an_error(hub, clients, out):
    hub.store.add("dataset", REPOSITORY, {"manifest.json": b"{}"})
    with pytest.raises(DatasetError, match="is not a manifest"):
        clients(hub_clients.pull, REPOSITORY, out)


def test_a_pull_without_a_name_is_refused(clients, out):
    with pytest.raises(ConfigError, match=r"hub.repo_id must be given"):
        clients(hub_clients.pull, None, out)


@pytest.mark.slow
def test_a_killed_pull_leaves_the_folder_as_it_was_and_the_next_one_finishes(
    hub, shell, clients, published, out
):
    build(out, seed=1)
    before = files(out)
    fault = hub.fault("stuck", "GET /cdn/", every=3)
    words = ("pull", f"out={out}", f"hub.repo_id={REPOSITORY}", "overwrite=true")
    process = shell.start(*words)
    assert fault.reached.wait(60), process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hub.faults.clear()
    fault.released.set()
    assert files(out) == before
    answer = shell(*words)
    assert answer.returncode == 0, answer.stderr
    assert files(out) == files(published)
    assert not [path for path in Path(out.parent).iterdir() if path.name.startswith(".out.s")]


@pytest.mark.slow
def test_an_interrupted_pull_ends_at_once_and_the_next_one_finishes(hub, shell, published, out):
    fault = hub.fault("stuck", "GET /cdn/")
    words = ("pull", f"out={out}", f"hub.repo_id={REPOSITORY}")
    process = shell.start(*words)
    assert fault.reached.wait(60), process.communicate()[0]
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 130
    assert "interrupted; what was transferred is kept, the same command goes on" in said
    assert "Traceback" not in said
    assert not out.exists()
    hub.faults.clear()
    fault.released.set()
    assert shell(*words).returncode == 0
    assert files(out) == files(published)


@pytest.mark.slow
def test_the_command_line_pulls_and_says_how_to_load(shell, published, out):
    words = ("pull", f"out={out}", f"hub.repo_id={REPOSITORY}")
    answer = shell(*words)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[0] == f"pulled: {out}"
    assert f'load("{out}")' in answer.stdout
    assert shell(*words).stdout.splitlines()[0] == f"up to date: {out}"
    assert shell("pull", f"out={out}").returncode == 2
