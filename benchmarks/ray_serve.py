"""The service on Ray Serve under load, with one generator killed: `python benchmarks/ray_serve.py`.

Clients send 200 requests to two generators on cores of this machine; after a random number of them,
and a random moment more, a generator that makes a clip is killed with SIGKILL. Counted: requests
whose job is not completed (lost), that have more than one job, or whose job has more than one
published clip (answered twice), and clips that aren't what their job says (broken). Target: 0 of
each. The base is the tests' small one; the time is from the first request to the last clip.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import started_service
import with_tests  # noqa: F401

from slora_assets.provenance import sha256_bytes
from slora_assets_tests.api.on_ray_serve import Deployed, on_ray_serve
from slora_assets_tests.postgresql import installed, running
from slora_assets_tests.workspaces import below

_SCENARIOS = ("market_floor", "kitchen")
_PATIENCE_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--generators", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, programs = random.Random(options.seed), installed()
    if programs is None:
        sys.exit("no PostgreSQL is installed here. Remedy: apt-get install postgresql")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary, running(programs) as server:
        workspace = below(started_service.workspace(Path(temporary) / "workspace"))
        with on_ray_serve(workspace, server, options.generators) as deployed:
            load = _Load(deployed, options.requests, draw.uniform(0.2, 0.8), draw.uniform(0, 0.5))
            began = time.monotonic()
            with ThreadPoolExecutor(options.clients) as pool:
                jobs = list(pool.map(load.ask, range(options.requests)))
            took = time.monotonic() - began
            found = load.listed()
        sidecars = [json.loads(p.read_text()) for p in workspace.artifacts.glob("[0-9a-f]*.json")]
    clips = Counter(one["job"] for one in sidecars)
    lost = sum(job.get("status") != "completed" for job in jobs)
    twice = len(found) - len(jobs) + sum(clips[job["id"]] > 1 for job in jobs)
    strange = len(clips.keys() - {job["id"] for job in jobs})
    print(
        f"Ray Serve, {options.generators} generators, "
        + f"{load.killed} killed within {options.requests} requests: {lost} lost, "
        f"{twice + strange} answered twice, {load.broken} broken; {took:.0f} s"
    )


class _Load:
    """What clients send and are told; the generator is killed when `after` of all are answered, and
    `later_s` more have passed."""

    def __init__(self, deployed: Deployed, requests: int, after: float, later_s: float) -> None:
        self._deployed, self._later_s = deployed, later_s
        self._client = httpx.Client(base_url=deployed.url, timeout=120)
        self._kill_at, self._answered = round(requests * after), 0
        self._lock = threading.Lock()
        self.killed = self.broken = 0

    def ask(self, number: int) -> dict[str, Any]:
        """One request's job at its end."""
        job = self._sent(number)
        until = time.monotonic() + _PATIENCE_S
        while job["status"] in ("queued", "in_progress") and time.monotonic() < until:
            if job["status"] == "in_progress":
                self._kill_once(job["id"])
            time.sleep(0.4)
            job = self._client.get(f"/v1/videos/{job['id']}").json()
        if job["status"] == "completed":
            clip = self._client.get(job["content"]).content
            self.broken += sha256_bytes(clip) != job["result"]["sha256"]
        else:
            print(job["id"], job["status"], job["error"], flush=True)
        with self._lock:
            self._answered += 1
            if self._answered % 20 == 0:
                print(f"{self._answered} answered, {self.killed} killed", flush=True)
        return job

    def listed(self) -> list[str]:
        """Ids of all jobs that there are."""
        ids: list[str] = []
        while True:
            after = {"after": ids[-1]} if ids else {}
            page = self._client.get("/v1/videos", params={"limit": 100, **after}).json()
            ids += [job["id"] for job in page["data"]]
            if not page["has_more"]:
                return ids

    def _sent(self, number: int) -> dict[str, Any]:
        scenario = _SCENARIOS[number % len(_SCENARIOS)]
        asked = {"prompt": "a red cart", "scenario": scenario, "seed": number}
        while True:
            answer = self._client.post("/v1/videos", json=asked)
            if answer.status_code != 429:
                answer.raise_for_status()
                job: dict[str, Any] = answer.json()
                return job
            time.sleep(min(5.0, float(answer.headers["Retry-After"])))

    def _kill_once(self, job: str) -> None:
        with self._lock:
            if self.killed or self._answered < self._kill_at:
                return
            self.killed = 1
        time.sleep(self._later_s)
        maker = self._deployed.maker(job)
        print(f"{maker.pid} is killed, which makes or made {job}", flush=True)
        maker.kill()


if __name__ == "__main__":
    main()
