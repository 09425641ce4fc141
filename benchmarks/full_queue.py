"""Ten times as many requests at once as the queue has places: `python benchmarks/full_queue.py`.

All are sent together. Then as many again, whose clients hang up at once: their places must be free
for the next. Target: the excess is refused (429) within 100 ms, all others finish, a place is free
one denoising step after its client has gone.
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
        with started(root) as service, ThreadPoolExecutor(count) as pool:
            asked(service.url, 0, 600)  # the base is loaded
            answers = list(pool.map(lambda n: asked(service.url, n, 600), range(1, count + 1)))
            refused = [seconds for status, seconds in answers if status == 429]
            list(pool.map(lambda n: asked(service.url, n, 0.3), range(100, 101 + options.places)))
            began = time.monotonic()
            while (unfinished := waiting(service.url)) and time.monotonic() - began < 60:
                time.sleep(0.02)
            free_s = time.monotonic() - began
    statuses = dict(Counter(status for status, _ in answers))
    print("| places | requests | answers | 429 after, median and at most | places freed after |")
    print("| --- | --- | --- | --- | --- |")
    times = f"{1000 * percentile(refused, 50):.0f}, {1000 * max(refused):.0f} ms"
    freed = "not all" if unfinished else f"{free_s:.2f} s"
    print(f"| {options.places} | {count} | {statuses} | {times} | {freed} |")


def asked(url: str, number: int, patience_s: float) -> tuple[int, float]:
    """Status of `POST /generate` for a clip of its own, 0 for who gave up; and its seconds."""
    form = {"prompt": f"a stall {number}", "scenario": "market_floor"}
    headers, began = {"Cache-Control": "no-cache"}, time.monotonic()
    try:
        answer = httpx.post(f"{url}/generate", data=form, headers=headers, timeout=patience_s)
    except httpx.TimeoutException:
        return 0, time.monotonic() - began
    return answer.status_code, time.monotonic() - began


def waiting(url: str) -> int:
    """Jobs that aren't finished."""
    jobs = httpx.get(f"{url}/v1/videos", params={"limit": 100}, timeout=60).json()["data"]
    return sum(job["status"] in ("queued", "in_progress") for job in jobs)


if __name__ == "__main__":
    main()
