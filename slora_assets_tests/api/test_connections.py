"""Clients that connect and say nothing, or not all of it: real sockets, half open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api.connections import GuardedHttp

HEAD = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = HEAD + b"\r\n"


class Small(GuardedHttp):
    """As many connections as a test can open, and a time that it can wait for."""

    head_timeout_s = 0.5
    most = 20


@contextmanager
def serving(http: type[GuardedHttp]) -> Iterator[tuple[str, int]]:
    app = FastAPI()

    @app.get("/livez")
    def live() -> str:
        return "live"

    @app.get("/slow")
    def slow() -> str:
        time.sleep(1)
        return "slow"

    config = uvicorn.Config(
        app, port=0, log_level="error", http=http, ws="none", timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join()


def closed(connection: socket.socket) -> bool:
    """Whether the service has hung up, or does within a while."""
    connection.settimeout(10)
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET", HEAD, WHOLE + HEAD], ids=len)
def test_who_does_not_say_what_they_want_is_hung_up_on(said: bytes) -> None:
    with serving(Small) as address, socket.create_connection(address) as connection:
        connection.sendall(said)
        assert closed(connection)


def test_half_open_connections_keep_nobody_out() -> None:
    class Patient(Small):
        head_timeout_s = 600.0

    with serving(Patient) as (host, port):
        held = [socket.create_connection((host, port)) for _ in range(3 * Patient.most)]
        for connection in held:
            with suppress(ConnectionError):
                connection.sendall(HEAD)
        assert httpx.get(f"http://{host}:{port}/livez").json() == "live"
        assert closed(held[0]), "who has waited longest has given way"
        for connection in held:
            connection.close()


def test_a_head_without_end_is_not_kept() -> None:
    with serving(GuardedHttp) as address, socket.create_connection(address) as connection:
        with suppress(ConnectionError):
            connection.sendall(HEAD)
            for _ in range(100):
                connection.sendall(b"X-Long: " + b"x" * 8000 + b"\r\n")
        assert closed(connection)


def test_who_is_answered_is_not_disturbed() -> None:
    """An answer takes longer than a head may, and a connection is used again after it."""
    with serving(Small) as (host, port), httpx.Client(base_url=f"http://{host}:{port}") as client:
        assert client.get("/slow").json() == "slow"
        assert [client.get("/livez").json() for _ in range(30)] == ["live"] * 30
        with socket.create_connection((host, port)) as connection:
            for letter in WHOLE:  # in time, but in pieces
                connection.sendall(bytes([letter]))
            connection.settimeout(10)
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
