"""One commit, whatever the network does: it is made once, or the repository stays what it was."""

import signal

import hub_clients
import pytest
from folders import files
from hub_cases import REPOSITORY, held, repository
from sweeps import sweep

from builder.errors import (
    HubConflictError,
    HubError,
    HubUnreachableError,
)


def test_a_commit_of_somebody_else_meanwhile_is_an_error_and_not_overwritten(hub, clients, folder):
    hub.store.add("dataset", REPOSITORY)
    fault = hub.fault("stuck", "POST .*/preupload/")
    push = clients.start(hub_clients.push, folder, REPOSITORY)
    fault.reached.wait(60)
    hub.store.write(repository(hub), {"theirs.txt": b"theirs"})
    fault.released.set()
    with pytest.raises(HubConflictError, match="somebody else has committed to user/corridor meanwhile"):
        push.result(60)
    assert held(hub) == {"theirs.txt": b"theirs"}


@sweep("where", ["/commit/", "/api/repos/create", "/tag/", "/lfs/verify", "PUT"])
def test_an_answer_that_gets_lost_is_no_failure_and_nothing_is_done_twice(hub, clients, folder, where):
    hub.fault("lost", where, times=1)
    pushed = clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == files(folder)
    assert len(repository(hub).commits) == 2
    assert repository(hub).tags == {pushed.tag: repository(hub).head.oid}


@pytest.mark.slow
@sweep(
    "fault",
    [("status", 500), ("status", 503), ("status", 429), ("drop", 0), ("cut", 0), ("lost", 0)],
    ids=str,
)
def test_a_push_ends_right_where_one_request_in_three_fails(hub, clients, folder, fault):
    hub.fault(fault[0], status=fault[1], every=3)
    clients(hub_clients.push, folder, REPOSITORY)
    hub.faults.clear()
    assert held(hub) == files(folder)
    assert len(repository(hub).commits) == 2
    assert clients(hub_clients.push, folder, REPOSITORY).fresh is False


def test_a_push_waits_as_long_as_the_hub_asks(hub, clients, folder):
    hub.fault("status", "/commit/", status=429, seconds=1, times=1)
    clients(hub_clients.push, folder, REPOSITORY)
    refused, accepted = hub.requests("/commit/")
    assert accepted[4] - refused[4] >= 1


@sweep(
    ("status", "message"),
    [(503, "the Hub keeps failing on the dataset user/corridor; got HTTP 503"), (429, "too many requests")],
)
def test_a_hub_that_keeps_failing_is_an_error_and_the_same_command_finishes(
    hub, clients, folder, status, message
):
    hub.fault("status", "/commit/", status=status)
    with pytest.raises(HubUnreachableError, match=f"{message}.*run the same command again"):
        clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == {}
    hub.faults.clear()
    hub.log.clear()
    clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == files(folder)
    assert hub.requests("PUT") == []


@sweep(
    ("fault", "message"),
    [
        (
            ("drop", 0),
            r"cannot be reached \((Remote end closed|Server disconnected).* without .*\); check the network",
        ),
        (("status", 503), "the Hub keeps failing on the dataset user/corridor; got HTTP 503"),
        (("status", 403), "the Hub at .* refuses the dataset user/corridor; got HTTP 403"),
    ],
    ids=str,
)
def test_a_large_file_that_cannot_be_sent_is_said_with_its_cause(hub, clients, folder, fault, message):
    hub.fault(fault[0], "PUT /lfs/", status=fault[1])
    with pytest.raises(HubError, match=f"{message}.*run the same command again"):
        clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == {}
    hub.faults.clear()
    clients(hub_clients.push, folder, REPOSITORY)
    assert held(hub) == files(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options"), [("status", {"status": 429, "seconds": 100}), ("stuck", {})])
def test_an_interrupted_push_ends_at_once_whatever_its_threads_wait_for(hub, shell, folder, kind, options):
    fault = hub.fault(kind, "PUT /lfs/", **options)
    words = ("push", f"out={folder}", f"hub.repo_id={REPOSITORY}")
    process = shell.start(*words)
    try:
        assert fault.reached.wait(60)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "interrupted; what was transferred is kept, the same command goes on" in said
    assert held(hub) == {}
    hub.faults.clear()
    fault.released.set()
    assert shell(*words).returncode == 0
    assert held(hub) == files(folder)


@pytest.mark.slow
def test_a_wait_longer_than_five_minutes_is_left_to_the_user(hub, clients, folder):
    hub.fault("status", "/commit/", status=429, seconds=3600)
    with pytest.raises(HubUnreachableError, match=r"too many requests; got HTTP 429.*wait 3600 s"):
        clients(hub_clients.push, folder, REPOSITORY)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["PUT /lfs/", "POST .*/commit/"])
def test_a_killed_push_leaves_the_old_commit_and_the_next_one_finishes(hub, shell, folder, where):
    hub.store.add("dataset", REPOSITORY)
    before = repository(hub).head.oid
    fault = hub.fault("stuck", where)
    process = shell.start("push", f"out={folder}", f"hub.repo_id={REPOSITORY}")
    assert fault.reached.wait(60), process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hub.faults.clear()
    assert repository(hub).head.oid == before
    answer = shell("push", f"out={folder}", f"hub.repo_id={REPOSITORY}")
    assert answer.returncode == 0, answer.stderr
    fault.released.set()
    assert held(hub) == files(folder)
