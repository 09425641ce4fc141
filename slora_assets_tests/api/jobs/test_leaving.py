"""A service that stops while something takes longer than anybody waits, as the loading of a large
base does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from api.jobs import accepting
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.maker import Made, Step
from api.jobs.runner import JobRunner
from api.jobs.store import JobStore
from slora_assets_tests.waiting import PATIENCE_S


def test_its_job_waits_for_the_next_service_and_what_comes_late_is_erased(
    begin: Callable[[], JobStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PATIENCE_S", 0.1)
    begun, loaded, erased = threading.Event(), threading.Event(), threading.Event()

    def load(_job: Job, _on_step: Step) -> Made:
        begun.set()
        assert loaded.wait(PATIENCE_S)
        return "late.mp4", {}

    first = JobRunner(begin(), load, lambda _: None, unwanted=lambda _clip: erased.set())
    plan = Plan(adapter_sha256="0" * 64, lora_scale=1.0, seed=0)
    request = JobRequest(prompt="a red cart", scenario="market_floor")
    job, _ = first.submit(request, plan, None, most_waiting=1)
    assert begun.wait(PATIENCE_S)
    first.close()
    left = begin().get(job.id)
    assert (left.state, left.attempts) == ("queued", 0)
    loaded.set()
    assert erased.wait(PATIENCE_S), "a clip stays that belongs to no job"

    next_one = JobRunner(begin(), lambda *_: ("made.mp4", {}), lambda _: None)
    _, future = next_one.submit(request, plan, None, most_waiting=2)
    future.result(PATIENCE_S)
    next_one.close()
    made = begin().get(job.id)
    assert (made.state, made.artifact, made.attempts) == ("completed", "made.mp4", 1)
