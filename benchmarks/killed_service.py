"""kill -9 of the service at random moments under load: `python benchmarks/killed_service.py`.

Clients keep asking for clips, the process is killed at a moment drawn evenly over a few seconds of
that, and started again. Counted: jobs that were accepted and that the next service doesn't list in
a true state or never ends, clips that aren't what their job says, files left half written, and the
time from start to /readyz. Target: 0 of 200 each, ready within 15 s.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import threading
import time
from pathlib import Path

import httpx
from started_service import Started, percentile, started, workspace

from slora_assets.provenance import sha256_bytes

_ENDED = ("completed", "failed", "cancelled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--within", type=float, default=8.0, help="seconds of load before a kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    options = parser.parse_args()
    chance, accepted, ready_s = random.Random(options.seed), list[str](), list[float]()
    with tempfile.TemporaryDirectory() as temporary:
        root = workspace(Path(temporary), options.workspace, max_queue=4)
        for number in range(options.kills):
            with started(root) as service:
                ready_s.append(service.ready_s)
                killed_under_load(service, chance.uniform(0, options.within), accepted)
            print(f"kill {number + 1}: {len(accepted)} jobs accepted so far", flush=True)
        with started(root) as service:
            ready_s.append(service.ready_s)
            states, lost, broken = looked_at(service, accepted)
            left = [p.name for p in (root / "outputs").rglob("*partial*")]
    print(
        "| kills | jobs accepted | lost | broken clips | files left | ready, median and at most |"
    )
    print("|" + " --- |" * 6)
    times = f"{percentile(ready_s, 50):.1f} s, {max(ready_s):.1f} s"
    print(f"| {options.kills} | {len(accepted)} | {lost} | {broken} | {len(left)} | {times} |")
    print(f"\nhow they ended: {states}")


def killed_under_load(service: Started, after_s: float, accepted: list[str]) -> None:
    """Ask for clips until the process is gone."""

    def ask() -> None:
        for number in itertools.count():
            asked = {"prompt": f"a stall {number}", "scenario": "market_floor"}
            headers = {"Cache-Control": "no-cache"}
            try:
                answer = httpx.post(
                    f"{service.url}/v1/videos", json=asked, headers=headers, timeout=60
                )
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                accepted.append(answer.json()["id"])
            time.sleep(0.2)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(after_s)
    service.process.kill()
    for thread in threads:
        thread.join()


def looked_at(service: Started, accepted: list[str]) -> tuple[dict[str, int], int, int]:
    """How the jobs have ended, how many are unknown or end never, how many clips are broken."""
    states, lost, broken = dict[str, int](), 0, 0
    for job in accepted:
        deadline, said = time.monotonic() + 300, dict[str, object]()
        while said.get("status") not in _ENDED and time.monotonic() < deadline:
            answer = httpx.get(f"{service.url}/v1/videos/{job}", timeout=60)
            said = answer.json() if answer.status_code == 200 else {"status": "unknown"}
            if said["status"] == "unknown":
                break
            if said["status"] not in _ENDED:
                time.sleep(0.5)
        status = str(said["status"])
        states[status] = states.get(status, 0) + 1
        lost += status not in _ENDED
        if status == "completed":
            clip = httpx.get(f"{service.url}/v1/videos/{job}/content", timeout=60)
            result = said["result"]
            assert isinstance(result, dict)
            broken += sha256_bytes(clip.content) != result["sha256"]
    return states, lost, broken


if __name__ == "__main__":
    main()
