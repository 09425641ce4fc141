"""Half-open connections to a running service: how long others wait, and how many are left.

Opens connections that send half of a request's head and no more, as slow attacks do. Target: of 900
none is left 2 s after a head's time, and /livez answers within 1 s meanwhile.

    python benchmarks/half_open.py --url http://127.0.0.1:8017
"""

from __future__ import annotations

import argparse
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from api.connections import HEAD_TIMEOUT_S

_HALF = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def main() -> None:
    """Open, ask, wait, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8017")
    parser.add_argument("--connections", type=int, default=900)
    options = parser.parse_args()
    address = urlsplit(options.url)
    held = []
    for _ in range(options.connections):
        connection = socket.create_connection((address.hostname, address.port))
        with suppress(ConnectionError):
            connection.sendall(_HALF)
        held.append(connection)
    waits = [_asked(options.url) for _ in range(20)]
    at_once = sum(map(_is_open, held))
    time.sleep(HEAD_TIMEOUT_S + 2)
    left = sum(map(_is_open, held))
    print("| half-open connections | held at once | left after the head's time | /livez at most |")
    print("| --- | --- | --- | --- |")
    print(f"| {len(held)} | {at_once} | {left} | {max(waits) * 1000:.0f} ms |")


def _asked(url: str) -> float:
    """Seconds until the service says that it lives."""
    begun = time.perf_counter()
    httpx.get(f"{url}/livez", timeout=60).raise_for_status()
    return time.perf_counter() - begun


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


if __name__ == "__main__":
    main()
