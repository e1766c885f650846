"""The file server: who may ask for what, and which bytes come."""

import http.client
import socket
import threading

import pytest
from sweeps import case

from builder.errors import ConfigError, DatasetError
from builder.show.server import Answer, Server, byte_range, name_of

BODY = bytes(range(256)) * 4


@pytest.fixture
def requested():
    """Names that the content was asked for."""
    return []


@pytest.fixture
def server(tmp_path, requested):
    file = tmp_path / "file"
    file.write_bytes(BODY)
    there = {
        "": Answer(b"<!doctype html>", "text/html"),
        "dataset/file": Answer(file, "application/octet-stream", "abc"),
        "film": Answer(b"{}", "application/json", status=202),
    }

    def content(name):
        requested.append(name)
        if name == "broken":
            raise DatasetError("it is damaged", remedy="pull it again")
        return there.get(name)

    with Server(content) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ask(server):
    def ask(name="dataset/file", method="GET", path=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest(method, path or f"/{server.token}/{name}", skip_host="Host" in headers)
        for key, value in headers.items():
            connection.putheader(key.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    return ask


def test_it_listens_on_loopback_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_two_servers_have_different_tokens_that_nobody_guesses(server):
    with Server(lambda _: None) as other:
        assert other.token != server.token
        assert len(other.token) >= 32


def test_a_taken_port_is_an_error_with_its_remedy(server):
    with pytest.raises(ConfigError, match="another port"):
        Server(lambda _: None, server.port)


def test_a_file_comes_whole_with_its_size_and_what_names_its_bytes(ask):
    answer, body = ask()
    assert (answer.status, body, answer.headers["ETag"]) == (200, BODY, '"abc"')
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_says_the_same_without_the_bytes(ask):
    answer, body = ask(method="HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", str(len(BODY)))


def test_head_of_a_range_has_its_length(ask):
    answer, body = ask(method="HEAD", Range="bytes=0-9")
    assert (answer.status, body, answer.headers["Content-Length"]) == (206, b"", "10")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024),
     ("bytes=-5000", 0, 1024), ("bytes=1020-9999", 1020, 1024)],
)  # fmt: skip
def test_a_range_is_answered_with_its_bytes(ask, asked, start, stop):
    answer, body = ask(Range=asked)
    assert (answer.status, body) == (206, BODY[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(ask, asked):
    answer, _ = ask(Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */1024")


def test_what_is_not_one_range_is_answered_whole(ask):
    for asked in [
        "bytes=0-1,5-9",
        "bytes=9-5",
        "bytes=x",
        "lines=0-1",
        "bytes=-",
        "",
        "bytes=" + "9" * 30 + "-",
    ]:
        with case(asked):
            answer, body = ask(Range=asked)
            assert (answer.status, body) == (200, BODY)


def test_a_range_of_other_bytes_than_the_reader_knows_is_answered_whole(ask):
    assert ask(Range="bytes=0-9", If_Range='"older"')[0].status == 200
    assert ask(Range="bytes=0-9", If_Range='"abc"')[0].status == 206


def test_what_the_reader_has_is_not_sent_again(ask):
    answer, body = ask(If_None_Match='"abc"')
    assert (answer.status, body) == (304, b"")


def test_several_requests_share_a_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(3):
        connection.request("GET", f"/{server.token}/dataset/file", headers={"Range": "bytes=0-3"})
        assert connection.getresponse().read() == BODY[:4]
    connection.close()


@pytest.mark.parametrize(
    "path", ["/", "/dataset/file", "/wrong/dataset/file", "//dataset/file", "/index.html"]
)
def test_without_the_token_nothing_is_there(ask, requested, path):
    assert ask(path=path)[0].status == 404
    assert requested == []


def test_a_token_is_compared_whole(server, ask, requested):
    for token in (server.token[:-1], server.token + "x", server.token.swapcase(), "%" + server.token):
        assert ask(path=f"/{token}/dataset/file")[0].status == 404
    assert requested == []


NO_PLAIN_PATHS = [
    "../file",
    "dataset/../dataset/file",
    "dataset/%2e%2e/file",
    "%2e%2e%2ffile",
    "..%5cfile",
    "dataset\\file",
    "dataset//file",
    "/etc/passwd",
    "%2fetc/passwd",
    "dataset/file%00.txt",
    "dataset/%0afile",
    "dataset/%ff",
    "./dataset/file",
    "dataset/.",
    "dataset/",
    "a" * 2000,
]


def test_no_path_that_is_not_plain_reaches_the_content(ask, requested):
    for name in NO_PLAIN_PATHS:
        with case(name):
            assert ask(name)[0].status == 404
            assert requested == []


def test_a_path_is_decoded_once(ask, requested):
    assert ask("dataset/%252e%252e/file")[0].status == 404
    assert requested == ["dataset/%2e%2e/file"]  # which is the name of no file


def test_what_follows_a_question_mark_is_not_part_of_the_name(ask):
    assert ask("dataset/file?repo=../../x")[0].status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_name_that_somebody_has_pointed_here_is_refused(ask, requested, host):
    assert ask(Host=host)[0].status == 403
    assert requested == []


def test_a_request_without_a_host_is_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"GET /{server.token}/ HTTP/1.0\r\n\r\n".encode())
        assert b" 403 " in connection.recv(200)


def test_this_machine_may_be_called_localhost(server, ask):
    assert ask(Host=f"localhost:{server.port}")[0].status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "file://"])
def test_a_page_of_another_origin_is_refused(ask, requested, origin):
    assert ask(Origin=origin)[0].status == 403
    assert requested == []


def test_what_another_site_includes_is_refused_and_a_link_is_not(ask):
    assert ask(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0].status == 403
    assert ask(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors")[0].status == 403
    assert ask(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "<script>"])
def test_nothing_but_reading_is_known(ask, requested, method):
    answer, body = ask(method=method)
    assert answer.status == 501
    assert b"script" not in body
    assert requested == []


def test_every_answer_forbids_what_the_page_does_not_need(ask):
    for path in (None, "/wrong/x"):
        headers = ask(path=path)[0].headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


def test_what_cannot_be_read_is_one_line(ask):
    answer, body = ask("broken")
    assert (answer.status, body.count(b"\n")) == (502, 0)
    assert b"it is damaged" in body


def test_an_answer_that_is_no_200_has_no_ranges(ask):
    assert ask("film", Range="bytes=0-0")[0].status == 202


def test_names_and_ranges_without_a_server():
    assert name_of("/t/a/b?x", "t") == "a/b"
    assert name_of("/t", "t") is None
    assert byte_range("bytes=2-3", 10) == (2, 4)
