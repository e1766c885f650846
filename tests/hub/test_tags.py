"""A dataset has a tag, and a tag names one dataset."""

import hub_clients
import pytest
from hub_cases import REPOSITORY, build, repository

from builder.errors import HubConflictError


def test_a_tag_may_be_named_and_one_that_names_another_dataset_is_not_moved(hub, clients, folder, tmp_path):
    clients(hub_clients.push, folder, REPOSITORY, tag="v1")
    other = build(tmp_path / "other", seed=1)
    before = repository(hub).head.oid
    with pytest.raises(HubConflictError, match="the tag v1 of user/corridor names another dataset"):
        clients(hub_clients.push, other, REPOSITORY, tag="v1")
    assert repository(hub).head.oid == before


def test_a_tag_stays_where_only_the_card_has_changed(hub, clients, folder):
    first = clients(hub_clients.push, folder, REPOSITORY)
    card = folder / "README.md"
    card.write_text(f"{card.read_text()}\n## Notes\n\nMine.\n")
    second = clients(hub_clients.push, folder, REPOSITORY)
    assert second.uploaded == ("README.md",)
    assert repository(hub).tags == {first.tag: first.commit}


def test_a_tag_that_an_interrupted_push_did_not_make_is_made_by_the_next(hub, clients, folder):
    pushed = clients(hub_clients.push, folder, REPOSITORY)
    repository(hub).tags.clear()
    assert clients(hub_clients.push, folder, REPOSITORY).fresh is False
    assert repository(hub).tags == {pushed.tag: pushed.commit}
