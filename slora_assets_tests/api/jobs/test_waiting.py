"""When to come back: as soon as a place is likely to be free."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from api.errors import QueueFull, TooManyRequests
from api.jobs.job import Job, JobRequest, Plan, State
from api.jobs.maker import Made, Step
from api.jobs.runner import JobRunner
from api.jobs.store import JobStore
from slora_assets_tests.waiting import PATIENCE_S

REQUEST = JobRequest(prompt="a red cart", scenario="market_floor")


def plan(key: str | None) -> Plan:
    return Plan(adapter_sha256="0" * 64, lora_scale=1.0, seed=0, asked_by=key)


def test_a_full_queue_has_a_place_when_the_job_that_is_made_is_over(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make(_job: Job, _on_step: Step) -> Made:
        begun.set()
        go_on.wait(PATIENCE_S)
        return "none.mp4", {}

    ended: list[str] = []

    def count(state: State, _result: object) -> None:
        ended.append(state)

    runner = JobRunner(
        JobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}"), make, lambda _: None, ended=count
    )
    try:
        for key in (None, "ada", "ada"):
            runner.submit(REQUEST, plan(key), None, most_waiting=2, most_of_key=2)
        assert begun.wait(PATIENCE_S)
        with pytest.raises(QueueFull) as full:
            runner.submit(REQUEST, plan("bob"), None, most_waiting=2, most_of_key=2)
        with pytest.raises(TooManyRequests, match="2 unfinished") as many:
            runner.submit(REQUEST, plan("ada"), None, most_waiting=9, most_of_key=2)
        # Of the first clip nobody knows more than that one takes about 5 s.
        assert 1 <= int(full.value.headers["Retry-After"]) <= 5
        assert 5 < int(many.value.headers["Retry-After"]) <= 10, "ada's first is behind another"
    finally:
        go_on.set()
        runner.close()
    assert ended == ["completed"] * len(ended) != []


def test_who_repeats_a_key_at_another_service_is_told_what_the_first_one_made(
    tmp_path: Path,
) -> None:
    go_on = threading.Event()

    def make(_job: Job, _on_step: Step) -> Made:
        go_on.wait(PATIENCE_S)
        return "cart.mp4", {"artifact": "cart.mp4"}

    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    first, second = (JobRunner(JobStore(database), make, lambda _: None) for _ in range(2))
    try:
        job, _ = first.submit(REQUEST, plan(None), "once", most_waiting=2)
        again, told = second.submit(REQUEST, plan(None), "once", most_waiting=2)
        go_on.set()
        assert again.id == job.id
        assert told.result(PATIENCE_S) == {"artifact": "cart.mp4"}
    finally:
        go_on.set()
        first.close()
        second.close()
