"""Ten times as many requests at once as the queue has places: `python benchmarks/full_queue.py`.

All are sent together, and while the queue is full as many once more, one after the other. Then some
whose clients hang up at once: their places must be free for the next. Target: the excess is refused
(429) within 100 ms, all others finish, a place is free one denoising step after its client is gone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from started_service import percentile, started, workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=4)
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    options = parser.parse_args()
    count = 10 * options.places
    with tempfile.TemporaryDirectory() as temporary:
        root = workspace(Path(temporary), options.workspace, max_queue=options.places)
        # One client for all threads: what a client takes to set itself up is none of the service's.
        with (
            started(root) as service,
            httpx.Client(base_url=service.url) as client,
            ThreadPoolExecutor(count) as pool,
        ):
            for number in range(2):  # the base is loaded, its adapter used again
                asked(client, -number, 600)
            together = [pool.submit(asked, client, n, 600) for n in range(1, count + 1)]
            while sum(one.done() for one in together) < count - options.places - 1:
                time.sleep(0.01)
            alone = [asked(client, n, 600) for n in range(1000, 1000 + count)]
            answers = [one.result() for one in together]
            refused = [seconds for status, seconds in answers if status == 429]
            full = [seconds for status, seconds in alone if status == 429]
            list(pool.map(lambda n: asked(client, n, 0.3), range(100, 101 + options.places)))
            began = time.monotonic()
            while (unfinished := waiting(client)) and time.monotonic() - began < 60:
                time.sleep(0.02)
            free_s = time.monotonic() - began
    statuses = dict(Counter(status for status, _ in answers))
    print("| places | requests | answers | 429 after | one by one | places freed after |")
    print("| --- | --- | --- | --- | --- | --- |")
    times = f"{in_ms(refused)} | {len(full)}: {in_ms(full)}"
    freed = "not all" if unfinished else f"{free_s:.2f} s"
    print(f"| {options.places} | {count} | {statuses} | {times} | {freed} |")


def asked(client: httpx.Client, number: int, patience_s: float) -> tuple[int, float]:
    """Status of `POST /generate` for a clip of its own, 0 for who gave up; and its seconds."""
    form = {"prompt": f"a stall {number}", "scenario": "market_floor"}
    headers, began = {"Cache-Control": "no-cache"}, time.monotonic()
    try:
        answer = client.post("/generate", data=form, headers=headers, timeout=patience_s)
    except httpx.TimeoutException:
        return 0, time.monotonic() - began
    return answer.status_code, time.monotonic() - began


def in_ms(seconds: list[float]) -> str:
    """Median and maximum."""
    return f"{1000 * percentile(seconds, 50):.0f}, {1000 * max(seconds):.0f} ms"


def waiting(client: httpx.Client) -> int:
    """Jobs that aren't finished."""
    jobs = client.get("/v1/videos", params={"limit": 100}, timeout=60).json()["data"]
    return sum(job["status"] in ("queued", "in_progress") for job in jobs)


if __name__ == "__main__":
    main()
