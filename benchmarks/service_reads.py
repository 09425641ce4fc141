"""Reading while clips are made: `python benchmarks/service_reads.py`.

Each route is read over and over by one client while the queue is kept full; then /livez is asked
while 200 clients read at once. Target: p99 and /livez at most 100 ms, on two free cores.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from started_service import percentile, started, workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300, help="of each route")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root, over = workspace(Path(temporary), options.workspace), threading.Event()
        with started(root) as service, httpx.Client(base_url=service.url, timeout=60) as client:
            form = {"prompt": "a stall", "scenario": "market_floor"}
            clip = client.post("/generate", data=form).json()
            load = threading.Thread(target=keep_busy, args=(service.url, over))
            load.start()
            print("| while clips are made | median | p99 | at most |", "|---" * 4 + "|", sep="\n")
            for route in routes(clip["job"], clip["url"]):
                report(f"GET {route}", [read(client, route) for _ in range(options.times)])
            everybody = httpx.Limits(max_connections=options.readers)
            with (
                httpx.Client(base_url=service.url, timeout=60, limits=everybody) as readers,
                ThreadPoolExecutor(options.readers) as pool,
            ):
                many = [pool.submit(read, readers, "/scenarios") for _ in range(options.readers)]
                report("/livez beside 200 reads", [read(client, "/livez") for _ in range(50)])
                report("those reads of /scenarios", [one.result() for one in many])
            over.set()
            load.join()


def routes(job: str, clip: str) -> list[str]:
    """What the page and clients of jobs read."""
    fixed = ["/livez", "/readyz", "/metrics", "/", "/scenarios", "/adapters", "/openapi.json"]
    return [*fixed, "/v1/videos", f"/v1/videos/{job}", clip, f"{clip}/metadata", "/artifacts"]


def keep_busy(url: str, over: threading.Event) -> None:
    """A job is being made all the time, and some wait."""
    number = 0
    while not over.wait(0.2):
        number += 1
        form = {"prompt": f"a stall {number}", "scenario": "market_floor"}
        httpx.post(f"{url}/v1/videos", data=form, timeout=60)


def read(client: httpx.Client, route: str) -> float:
    """Seconds."""
    began = time.perf_counter()
    client.get(route).raise_for_status()
    return time.perf_counter() - began


def report(name: str, seconds: list[float]) -> None:
    """A row."""
    shown = (percentile(seconds, 50), percentile(seconds, 99), max(seconds))
    print(f"| {name} | {' | '.join(f'{1000 * one:.0f} ms' for one in shown)} |", flush=True)


if __name__ == "__main__":
    main()
