"""Which files of a folder go to the Hub."""

import hub_clients
from hub_cases import REPOSITORY, repository


def test_hidden_files_stay_here(hub, clients, folder):
    (folder / ".env").write_text("SECRET=1")
    clients(hub_clients.push, folder, REPOSITORY)
    assert ".env" not in repository(hub).head.files
