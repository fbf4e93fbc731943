"""Clients that send a byte now and then hold nothing for long."""

import socket
import time

import pytest
from tests.server.conftest import serving

HEAD = b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"
BODY = b'{"inputs": "A boat"}'


@pytest.fixture(scope="module")
def reached(toy_folders, workers_are_threads):
    with serving({"m": toy_folders["tagging"]}, limits={"receive_seconds": 0.4}) as found:
        yield found


def heard(reached, *parts, pause=0.15):
    """Send parts, a pause after each, and return what came until the server closed the connection."""
    told = b""
    with socket.create_connection(("127.0.0.1", reached.port)) as connection:
        connection.settimeout(10)
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while some := connection.recv(65536):
                told += some
        except (BrokenPipeError, ConnectionResetError):  # it was closed while we still sent
            pass
    return told


def test_a_body_that_does_not_come_is_refused_in_a_sentence_and_the_connection_closed(reached):
    told = heard(reached, HEAD, BODY[:5])
    assert told.startswith(b"HTTP/1.1 408")
    assert b"did not come within 0.4 seconds" in told
    assert b"connection: close" in told.lower()


def test_bytes_now_and_then_gain_no_time(reached):
    started = time.monotonic()
    heard(reached, HEAD, *(bytes([each]) for each in BODY[:10]))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("parts", [(), (HEAD[:20],), (HEAD[:20], b"X", b"-", b"y")])
def test_a_head_that_does_not_come_is_not_waited_for(parts, reached):
    started = time.monotonic()
    assert heard(reached, *parts) == b""
    assert time.monotonic() - started < 5


def test_slow_and_in_time_is_answered_and_so_is_the_next_on_the_same_connection(reached):
    with socket.create_connection(("127.0.0.1", reached.port)) as connection:
        connection.settimeout(30)
        for parts in ((HEAD[:30], HEAD[30:] + BODY[:4], BODY[4:]), (HEAD + BODY,)):
            for part in parts:
                connection.sendall(part)
                time.sleep(0.1)
            told = b""
            while not told.endswith(b"}]}"):
                told += connection.recv(65536)
            assert told.startswith(b"HTTP/1.1 200")
            time.sleep(0.6)  # longer than a request may take to come
