"""What the service looks up before it answers: `python benchmarks/service_lookups.py WORKSPACE`.

GET /scenarios and the acceptance of a job in a workspace with a promoted adapter; nothing is drawn.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from starlette.testclient import TestClient  # noqa: E402

from api.app import create_app  # noqa: E402
from api.jobs.job import Job  # noqa: E402
from api.jobs.maker import Step  # noqa: E402
from api.settings import ApiSettings  # noqa: E402
from slora_assets.config.workspace import Workspace  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--scenario", default="market_floor")
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    root = options.workspace.resolve()
    workspace = Workspace(root, root / "configs", root / "configs" / "data" / "sample.yaml")
    logging.disable(logging.CRITICAL)
    app = create_app(ApiSettings(workspace, device="cpu"))
    app.state.service.runner.maker.make = never_made
    asked = {"prompt": "a stall", "scenario": options.scenario}
    with TestClient(app, base_url="http://127.0.0.1") as client:
        print("| request | median | processor |", "| --- | --- | --- |", sep="\n")
        for name, call in {
            "GET /scenarios": lambda: client.get("/scenarios"),
            "POST /v1/videos": lambda: client.post("/v1/videos", json=asked),
        }.items():
            took, worked = medians_ms(call, options.times)
            print(f"| {name} | {took:.1f} ms | {worked:.1f} ms |", flush=True)


def never_made(_job: Job, _step: Step) -> tuple[str, Mapping[str, object]]:
    raise RuntimeError("nothing is drawn here")


def medians_ms(call: Callable[[], object], times: int) -> tuple[float, float]:
    """Of the time that a call takes, and of the processor's, which a busy machine changes less."""
    taken = []
    for _ in range(3 + times):
        began, worked = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - began, time.process_time() - worked))
        time.sleep(0.05)  # so that no job waits
    took, worked = (1000 * statistics.median(one) for one in zip(*taken[3:], strict=True))
    return took, worked


if __name__ == "__main__":
    main()
