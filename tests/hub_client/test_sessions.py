"""How the client's requests are sent while another function sends them, and how afterwards."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
from huggingface_hub import get_session

from builder.hub_client import sessions
from builder.hub_client.sessions import requests_sent, timeout_of


class Echo(BaseHTTPRequestHandler):
    """Answers with the body that it gets."""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def put(address):
    """A request without a body, whichever the client."""
    get_session().request("PUT", address, headers={"Content-Length": "0"}).close()


def plainly(sent):
    """A sender that counts, and sends."""

    def send(once, _):
        sent.append(1)
        return once()

    return send


def test_each_request_is_sent_by_the_function_and_none_afterwards(address):
    sent = []
    with requests_sent(plainly(sent)) as fresh:
        assert fresh
        put(address)
        assert len(sent) == 1
    put(address)
    assert len(sent) == 1


def test_requests_of_other_threads_are_sent_by_the_function_too(address):
    sent = []
    with requests_sent(plainly(sent)):
        thread = threading.Thread(target=lambda: put(address))
        thread.start()
        thread.join()
    assert len(sent) == 1


def test_a_function_within_another_says_so_and_changes_nothing(address):
    outer, inner = [], []
    with requests_sent(plainly(outer)), requests_sent(plainly(inner)) as fresh:
        assert not fresh
        put(address)
    assert (len(outer), inner) == (1, [])


def test_a_file_that_is_sent_again_is_sent_from_where_it_began(address):
    def twice(once, rewind):
        once().close()
        rewind()
        return once()

    with requests_sent(twice):
        answer = get_session().request("PUT", address, data=io.BytesIO(b"this"))
        assert answer.content == b"this"
        answer.close()


def test_a_request_without_a_time_limit_gets_one(address, monkeypatch):
    monkeypatch.setattr(sessions, "TIMEOUT", (5.0, 0.05))
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Echo) as silent,  # it accepts, and never answers
        requests_sent(lambda once, _: once()),
        pytest.raises(Exception, match="timed out"),
    ):
        get_session().request("PUT", f"http://127.0.0.1:{silent.server_address[1]}", data=b"", timeout=None)


def test_what_only_reads_waits_less_long():
    assert timeout_of("GET") == (10, 30)
    assert timeout_of("POST") == (10, 300)


def test_a_client_of_the_users_own_stays_in_use(address):
    used = []
    session = get_session()
    send = session.send

    def own(request, **options):
        used.append(1)
        return send(request, **options)

    session.send = own  # as whoever counts requests does
    try:
        factory = getattr(huggingface_hub, "configure_http_backend", None)
        if factory:
            before = sessions.session_factory()
            factory(lambda: session)
        with requests_sent(plainly([])):
            put(address)
        assert used == [1]
        put(address)
        assert used == [1, 1]
    finally:
        if factory:
            factory(before)
        del session.send
