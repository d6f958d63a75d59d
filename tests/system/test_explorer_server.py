"""The explorer's server at its socket: heads that come slowly, or are no HTTP."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse

from serving import serving
from stratiform.explorer.limits import Guard, Limits
from stratiform.explorer.server import Heads

HEAD = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Heads, "seconds", 1.0)
    with serving(Guard(PlainTextResponse("here"), Limits())) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def told(connection: socket.socket) -> tuple[int, str]:
    """Status and body of what is sent until the server hangs up."""
    content = b""
    while part := connection.recv(4096):
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def answered(connection: socket.socket) -> bool:
    """Does the application's answer come, and the connection stay?"""
    content = b""
    while not content.endswith(b"here") and (part := connection.recv(4096)):
        content += part
    return content.endswith(b"\r\n\r\nhere")


def drip(connection: socket.socket, content: bytes, pause: float) -> float:
    """Sends a byte at a time until the server hangs up or all is sent; the seconds it took."""
    began = time.monotonic()
    connection.settimeout(pause)
    for byte in content:
        try:
            connection.sendall(bytes([byte]))
            if connection.recv(1, socket.MSG_PEEK):
                break
        except TimeoutError:
            continue
    connection.settimeout(20)
    return time.monotonic() - began


def test_a_head_that_drips_is_answered_in_one_sentence_and_the_server_goes_on(port: int) -> None:
    with connected(port) as slow:
        assert 0.8 < drip(slow, HEAD * 50, 0.1) < 10
        status, body = told(slow)
        assert status == 408 and json.loads(body) == {"error": "the head of the request took longer than 1 seconds"}
    with connected(port) as other:
        other.sendall(HEAD)
        assert answered(other)


def test_a_second_head_on_the_same_connection_has_no_more_time_than_the_first(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD)
        assert answered(connection)
        assert 0.8 < drip(connection, HEAD * 50, 0.1) < 10
        assert told(connection)[0] == 408


def test_a_head_within_the_time_is_answered_however_many_pieces_it_comes_in(port: int) -> None:
    with connected(port) as connection:
        for _ in range(3):
            drip(connection, HEAD, 0.005)
            assert answered(connection)


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    with connected(port) as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00" * 10, b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_refused_in_one_sentence(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        status, body = told(connection)
        assert status == 400 and list(json.loads(body)) == ["error"]


def test_a_body_does_not_wait_until_its_head_is_acknowledged(port: int) -> None:
    took = []
    with connected(port) as connection:
        for _ in range(60):
            began = time.monotonic()
            connection.sendall(HEAD)
            assert answered(connection)
            took.append(time.monotonic() - began)
    assert min(took[20:]) < 0.03  # otherwise 0.04 each, once a connection is warm
