"""A clip beside its pipeline alone, and memory over jobs: `python benchmarks/service_overhead.py`.

The same request to the pipeline alone and to the service in this process, in turns; scoring apart.
Then jobs that make no clip, and the process's memory. Target: at most 3 % or 100 ms; at most 1 MB
per 1,000 jobs.
"""

from __future__ import annotations

import argparse
import gc
import logging
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import with_tests  # noqa: F401
from starlette.testclient import TestClient
from started_service import workspace

from api.app import create_app
from api.jobs.job import Job
from api.jobs.maker import Step
from api.service import Service
from api.settings import ApiSettings
from slora_assets_tests.workspaces import below

FORM = {"prompt": "a stall", "scenario": "market_floor", "lora_scale": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--workspace", type=Path, help="default: the small one of the tests")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as temporary:
        served = below(workspace(Path(temporary), options.workspace, max_queue=1000))
        app = create_app(ApiSettings(served, device="cpu"))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            overhead(client, app.state.service, options.clips, options.steps)
            memory(client, app.state.service, options.jobs)


def overhead(client: TestClient, service: Service, clips: int, steps: int) -> None:
    """Medians, by the clock and by the process's time."""
    base = service.engine.base(service.presets().base_model)
    pipeline, bare, whole, scored = base.pipeline("cpu", "float32"), [], [], []
    for number in range(clips + 1):
        began = time.perf_counter(), time.process_time()
        base.generate(pipeline, prompt="a stall", seed=0, steps=steps, guidance_scale=4.0)
        between = time.perf_counter(), time.process_time()
        form = {**FORM, "num_inference_steps": str(steps), "guidance_scale": "4"}
        answer = client.post("/generate", data=form, headers={"Cache-Control": "no-cache"}).json()
        ended = time.perf_counter(), time.process_time()
        if number:  # the first loads
            bare.append([b - a for a, b in zip(began, between, strict=True)])
            whole.append([b - a for a, b in zip(between, ended, strict=True)])
            scored.append(answer["stage_durations"]["score"])
    print("| a clip | clock | processor |", "| --- | --- | --- |", sep="\n")
    for name, rows in (("the pipeline alone", bare), ("POST /generate", whole)):
        clock, processor = (statistics.median(one) for one in zip(*rows, strict=True))
        print(f"| {name} | {1000 * clock:.0f} ms | {1000 * processor:.0f} ms |")
    print(f"| of that scoring | {1000 * statistics.median(scored):.0f} ms | |", flush=True)


def memory(client: TestClient, service: Service, jobs: int) -> None:
    """After a beginning of a tenth as many jobs."""
    service.runner.maker.make = never_made
    process, before = psutil.Process(), 0
    for number in range(jobs // 10 + jobs):
        if number == jobs // 10:
            gc.collect()
            before = process.memory_info().rss
        client.post("/v1/videos", data={**FORM, "prompt": f"a stall {number}"}).raise_for_status()
    gc.collect()
    grown = (process.memory_info().rss - before) / 2**20
    print(f"\nMemory over {jobs} jobs: {grown:+.2f} MiB, {grown * 1000 / jobs:+.2f} per 1,000.")


def never_made(_job: Job, _step: Step) -> tuple[str, Mapping[str, object]]:
    """Fails, as jobs do that can't be made."""
    raise RuntimeError("nothing is drawn here")


if __name__ == "__main__":
    main()
