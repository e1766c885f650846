"""Exports on the Hub: in one commit, where their own libraries find them, and beside what is not theirs."""

import json
import shutil

import hub_clients
import numpy as np
import pytest
from hub_cases import held, repository
from sweeps import sweep

from builder import load
from builder.errors import ConfigError, ExistsError, HubAccessError, HubConflictError, SecretError
from builder.storage.tree import files_in

LEROBOT = "user/corridor-lerobot"
NUMBERED = {"episode_index"}
"""Counts the attempts in one, and the episodes of the source in the other."""
MINARI, ID = "user/mine", "mine/Kind-v0/x-v0"


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_in(folder)}


def same(one, other):
    ours, theirs = load(one).arrays(), load(other).arrays()
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - NUMBERED:
        array = ours[name]
        np.testing.assert_array_equal(array, theirs[name])


@pytest.fixture
def lerobot(hub, clients, folder, tmp_path):
    """Publishes the dataset, or another, as LeRobot's."""

    def publish(dataset=folder, repo_id=LEROBOT, **wanted):
        return clients(hub_clients.publish, dataset, "lerobot", tmp_path / "lerobot", repo_id, **wanted)

    return publish


@pytest.fixture
def minari(hub, clients, folder, tmp_path):
    """Publishes the dataset as Minari's."""

    def publish(repo_id=MINARI, name=ID, dataset=folder, **wanted):
        options = {"id": name}
        return clients(
            hub_clients.publish, dataset, "minari", tmp_path / "minari", repo_id, options=options, **wanted
        )

    return publish


def test_lerobot_finds_the_files_at_the_root_with_card_and_tag(hub, lerobot, tmp_path):
    pushed = lerobot()
    there = held(hub, LEROBOT)
    card = there.pop("README.md").decode()
    assert there == content(tmp_path / "lerobot")
    assert "task_categories:\n- robotics\n" in card
    assert "- LeRobot\n" in card
    assert "data_files: data/*/*.parquet\n" in card
    assert f'LeRobotDataset("{LEROBOT}")' in card
    assert repository(hub, LEROBOT).tags == {"v3.0": pushed.commit}
    assert len(repository(hub, LEROBOT).commits) == 2


def test_minari_finds_the_folder_that_its_id_names_and_the_list_of_datasets(hub, minari, tmp_path):
    minari()
    there = held(hub, MINARI)
    assert json.loads(there.pop("namespace_metadata.json")) == {
        "datasets": [ID],
        "namespaces": ["mine/Kind-v0"],
    }
    assert there.pop("Kind-v0/namespace_metadata.json") == b"{}\n"
    exported = content(tmp_path / "minari" / ID)
    assert there == {f"Kind-v0/x-v0/{name}": value for name, value in exported.items()}
    assert repository(hub, MINARI).tags == {}


@sweep("publisher", ["lerobot", "minari"])
def test_the_same_again_sends_nothing(hub, publisher, request):
    publish = request.getfixturevalue(publisher)
    first = publish()
    hub.log.clear()
    second = publish()
    assert not second.fresh
    assert second.commit == first.commit
    assert hub.sent() == 0
    assert hub.requests("POST|PUT|DELETE") == []


@pytest.mark.slow
@sweep("publisher", ["lerobot", "minari"])
def test_an_answer_that_gets_lost_is_no_failure(hub, publisher, request):
    publish = request.getfixturevalue(publisher)
    hub.fault("lost", "/commit/", times=1)
    pushed = publish()
    assert pushed.fresh
    assert len(repository(hub, LEROBOT if publisher == "lerobot" else MINARI).commits) == 2


@pytest.mark.slow
def test_another_export_replaces_what_is_gone_and_the_tag_follows(hub, lerobot, dataset_of, tmp_path):
    first = lerobot(dataset_of("vector"))
    repo = repository(hub, LEROBOT)
    hub.store.write(repo, {"data/chunk-000/file-009.parquet": b"of an earlier one"})
    shutil.rmtree(tmp_path / "lerobot")
    second = lerobot(dataset_of("float64"))
    there = held(hub, LEROBOT)
    there.pop("README.md")
    assert there == content(tmp_path / "lerobot")
    assert second.deleted == ("data/chunk-000/file-009.parquet",)
    assert repo.tags == {"v3.0": second.commit}
    assert first.commit != second.commit
    assert len(repo.commits) == 4


def test_a_tag_that_a_killed_push_has_left_behind_is_moved_by_the_next(hub, lerobot):
    pushed = lerobot()
    repo = repository(hub, LEROBOT)
    repo.tags["v3.0"] = repo.history("main")[1].oid
    hub.fault("lost", "DELETE .*/tag/", times=1)
    assert not lerobot().fresh
    assert repo.tags == {"v3.0": pushed.commit}


@pytest.mark.slow
def test_the_notes_of_a_card_stay(hub, lerobot, dataset_of):
    lerobot(dataset_of("vector"))
    repo = repository(hub, LEROBOT)
    card = held(hub, LEROBOT)["README.md"] + b"\n## Notes\n\nMine.\n"
    hub.store.write(repo, {"README.md": card})
    lerobot(dataset_of("float64"), overwrite=True)
    assert held(hub, LEROBOT)["README.md"].endswith(b"\n## Notes\n\nMine.\n")


def test_other_datasets_of_the_repository_stay(hub, minari, dataset_of, tmp_path):
    metadata = {"description": "ours", "datasets": ["mine/other-v0"], "namespaces": ["mine/a"]}
    theirs = {
        "other-v0/data/metadata.json": b"{}",
        "a/namespace_metadata.json": b'{"x": 1}',
        "README.md": b"mine",
    }
    hub.store.add("dataset", MINARI, {**theirs, "namespace_metadata.json": json.dumps(metadata).encode()})
    minari(name="mine/a/x-v0")
    shutil.rmtree(tmp_path / "minari")
    minari(name="mine/a/x-v0", dataset=dataset_of("float64"))
    there = held(hub, MINARI)
    assert there | theirs == there
    assert json.loads(there["namespace_metadata.json"]) == {
        **metadata,
        "datasets": ["mine/other-v0", "mine/a/x-v0"],
    }


@sweep("publisher", ["lerobot", "minari"])
@sweep("there", [{"thesis.txt": b"mine"}, {"il_builder.json": b"{}"}, {"manifest.json": b"{}"}], ids=str)
def test_a_repository_of_something_else_is_refused(hub, publisher, there, request):
    name = LEROBOT if publisher == "lerobot" else MINARI
    hub.store.add("dataset", name, there)
    with pytest.raises(ExistsError, match=f"holds something else than what an export to {publisher} leaves"):
        request.getfixturevalue(publisher)()
    assert held(hub, name) == there


@pytest.mark.slow
def test_overwrite_replaces_something_else(hub, lerobot, tmp_path):
    hub.store.add("dataset", LEROBOT, {"thesis.txt": b"mine"})
    lerobot(overwrite=True)
    assert held(hub, LEROBOT).keys() == {*content(tmp_path / "lerobot"), "README.md"}


@pytest.mark.slow
def test_a_dataset_of_somebody_else_in_its_place_is_refused(hub, minari):
    there = {"namespace_metadata.json": b"{}", "Kind-v0/x-v0/data/metadata.json": b"theirs"}
    hub.store.add("dataset", MINARI, there)
    with pytest.raises(ExistsError, match="holds something else"):
        minari()
    assert held(hub, MINARI) == there


@pytest.mark.slow
def test_a_tag_of_ones_own_is_never_moved(hub, lerobot, dataset_of):
    first = lerobot(dataset_of("vector"), tag="paper")
    with pytest.raises(HubConflictError, match=r"the tag paper of .* names something else"):
        lerobot(dataset_of("float64"), tag="paper", overwrite=True)
    assert repository(hub, LEROBOT).tags == {"v3.0": first.commit, "paper": first.commit}


def test_what_looks_like_a_secret_is_not_published(hub, lerobot):
    with pytest.raises(SecretError, match="holds what looks like a secret"):
        lerobot(options={"task": "hf_" + "a" * 34})
    assert LEROBOT not in {name for _, name in hub.store.repositories}


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"user": None}, (HubAccessError, "there is no token")),
        ({"sign": True}, (ConfigError, "no place for a signature")),
        ({"private": True}, (ConfigError, "is public")),
    ],
    ids=["token", "signature", "private"],
)
def test_what_would_be_refused_is_refused_before_the_export(hub, lerobot, tmp_path, wanted, refusal):
    hub.store.add("dataset", LEROBOT)
    with pytest.raises(refusal[0], match=refusal[1]):
        lerobot(**wanted)
    assert not (tmp_path / "lerobot").exists()


@pytest.mark.slow
def test_a_private_repository_is_made_so(hub, lerobot):
    lerobot(private=True)
    assert repository(hub, LEROBOT).private


def test_what_is_published_as_lerobot_s_comes_back_equal(clients, lerobot, dataset_of, tmp_path):
    lerobot(dataset_of("dict"))
    same(dataset_of("dict"), clients(hub_clients.import_, LEROBOT, "lerobot", tmp_path / "out"))


@pytest.mark.slow
def test_what_is_published_as_minari_s_comes_back_equal(clients, minari, dataset_of, tmp_path):
    minari(dataset=dataset_of("dict"))
    minari(name="mine/other-v0")
    options = {"id": ID.partition("/")[2]}
    same(dataset_of("dict"), clients(hub_clients.import_, MINARI, "minari", tmp_path / "out", **options))


@pytest.mark.slow
def test_the_command_line_publishes_and_says_how_to_load(hub, shell, folder):
    words = ("export", f"out={folder}", "to=lerobot", "hub.push=true", f"hub.repo_id={LEROBOT}")
    answer = shell(*words)
    assert answer.returncode == 0, answer.stderr
    assert f"pushed: {LEROBOT}" in answer.stdout
    assert answer.stdout.rstrip().endswith(f'LeRobotDataset("{LEROBOT}")')
    assert f"up to date: {LEROBOT}" in shell(*words).stdout
    assert "not read from the Hub" in shell(*words, "to=csv").stderr
