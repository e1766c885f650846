"""What is asked of a repository before anything is sent."""

import hub_clients
import pytest
from folders import files
from hub_cases import REPOSITORY, held, repository

from builder.errors import ConfigError, HubAccessError, HubMissingError


@pytest.mark.slow
def test_a_listing_of_several_pages_is_read_to_its_end(hub, clients, folder):
    hub.page = 3
    clients(hub_clients.push, folder, REPOSITORY)
    assert clients(hub_clients.push, folder, REPOSITORY).fresh is False


def test_a_new_repository_is_private_where_that_is_asked_for(hub, clients, folder):
    clients(hub_clients.push, folder, REPOSITORY, private=True)
    assert repository(hub).private is True


def test_a_hub_that_makes_a_public_repository_instead_gets_nothing(hub, clients, folder):
    make = hub.store.create
    hub.store.create = lambda *words: make(*words[:-1], False)
    with pytest.raises(ConfigError, match=r"is public, so nothing pushed to it stays private"):
        clients(hub_clients.push, folder, REPOSITORY, private=True)
    assert hub.sent() == 0


def test_nothing_that_was_to_be_private_goes_to_a_public_repository(hub, clients, folder):
    hub.store.add("dataset", REPOSITORY)
    with pytest.raises(ConfigError, match=r"is public, so nothing pushed to it stays private"):
        clients(hub_clients.push, folder, REPOSITORY, private=True)
    assert hub.sent() == 0


def test_a_model_of_the_same_name_is_left_alone(hub, clients, folder):
    hub.store.add("model", REPOSITORY, {"a.txt": b"a"})
    clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == files(folder)


@pytest.mark.slow
def test_a_branch_of_a_repository_that_there_is_not_makes_none(hub, clients, folder):
    with pytest.raises(HubMissingError, match="no dataset user/corridor yet, so it has no branch 'next'"):
        clients(hub_clients.push, folder, REPOSITORY, revision="next")
    assert hub.store.repositories == {}


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (None, "log in with `hf auth login`, or set HF_TOKEN"),
        ("hf_wrong", "the Hub wants a valid token"),
        ("hf_reader", "your token may not do this.*HTTP 403.*use a token with write access"),
    ],
)
def test_without_the_right_token_nothing_is_made_and_the_remedy_is_said(hub, clients, folder, user, message):
    before = files(folder)
    with pytest.raises(HubAccessError, match=message):
        clients(hub_clients.push, folder, REPOSITORY, user=user)
    assert hub.store.repositories == {}
    assert files(folder) == before


def test_a_token_that_may_not_write_to_a_repository_is_refused(hub, clients, folder):
    hub.store.add("dataset", REPOSITORY)
    with pytest.raises(HubAccessError, match=r"your token may not do this.*HTTP 403"):
        clients(hub_clients.push, folder, REPOSITORY, user="hf_reader")
    assert held(hub) == {}


@pytest.mark.parametrize("name", [None, "name", "user/name/more", "user/na me"])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(hub, clients, folder, name):
    with pytest.raises(ConfigError, match="repo"):
        clients(hub_clients.push, folder, name)
    assert hub.log == []
