"""Jobs survive what ends services: each stands in a state that is true, and none is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from api.errors import IdempotencyConflict, JobNotFound, QueueFull
from api.jobs.job import Job, JobError, JobRequest, Plan
from api.jobs.store import JobStore, TooManyOfKey
from slora_assets_tests.waiting import wait_for

REQUEST = JobRequest(prompt="a red cart", scenario="market_floor")
PLAN = Plan(adapter_sha256="a" * 64, lora_scale=0.85, seed=0)


def added(store: JobStore, prompt: str = "a red cart", key: str | None = None) -> Job:
    request = REQUEST.model_copy(update={"prompt": prompt})
    return store.add(request, PLAN, key, most_waiting=100, retry_s=1)


def nothing_published(_job: Job) -> None:
    return None


def test_jobs_are_made_in_the_order_they_came_in(store: JobStore) -> None:
    first, second = added(store, "first"), added(store, "second")
    assert (store.position(first), store.position(second)) == (0, 1)
    assert [store.claim(), store.claim(), store.claim()] == [
        store.get(first.id),
        store.get(second.id),
        None,
    ]
    assert store.get(first.id).state == "in_progress"


def test_a_finished_job_is_not_cancelled_and_a_cancelled_one_is_not_finished(
    store: JobStore,
) -> None:
    done, given_up = added(store), added(store)
    store.claim()
    store.complete(done.id, f"{'0' * 32}.mp4", {"seed": 0})
    assert not store.cancel(done.id)
    assert store.cancel(given_up.id)
    store.complete(given_up.id, f"{'1' * 32}.mp4", {})
    assert [store.get(one.id).state for one in (done, given_up)] == ["completed", "cancelled"]
    assert store.claim() is None


def test_a_key_gives_the_same_job_and_is_refused_for_another_request(store: JobStore) -> None:
    first = added(store, key="k")
    assert added(store, key="k").id == first.id
    with pytest.raises(IdempotencyConflict):
        added(store, "another", key="k")
    assert len(store.page(None, 10, newest_first=False)[0]) == 1


def test_who_comes_when_all_places_are_taken_is_told_when_to_come_back(store: JobStore) -> None:
    for _ in range(3):
        store.add(REQUEST, PLAN, None, most_waiting=2, retry_s=7)
    with pytest.raises(QueueFull) as refused:
        store.add(REQUEST, PLAN, None, most_waiting=2, retry_s=7)
    assert refused.value.headers == {"Retry-After": "7"}


def test_pages_show_every_job_once(store: JobStore) -> None:
    made = [added(store, str(number)).id for number in range(7)]
    for newest_first in (False, True):
        seen: list[str] = []
        more = True
        while more:
            jobs, more = store.page(seen[-1] if seen else None, 3, newest_first)
            seen += [job.id for job in jobs]
        assert seen == (made[::-1] if newest_first else made)
    with pytest.raises(JobNotFound):
        store.page("video_" + "0" * 32, 3, newest_first=True)


def test_an_api_key_has_its_own_jobs_and_so_many_of_them(store: JobStore) -> None:
    hers, his = (PLAN.model_copy(update={"asked_by": who}) for who in ("ada", "bob"))
    first = store.add(REQUEST, hers, None, 100, 1, most_of_key=1)
    with pytest.raises(TooManyOfKey):
        store.add(REQUEST, hers, None, 100, 1, most_of_key=1)
    second = store.add(REQUEST, his, None, 100, 1, most_of_key=1, order="o")
    added(store)
    for who, job in (("ada", first), ("bob", second)):
        jobs, more = store.page(None, 10, newest_first=True, asked_by=who)
        assert ([one.id for one in jobs], more) == ([job.id], False)
    assert len(store.unfinished()) == 3
    assert store.last_of("o") is None, "it isn't made yet"


def test_what_a_service_left_goes_on_in_the_next(
    store: JobStore, begin: Callable[[], JobStore]
) -> None:
    running, waiting = added(store), added(store)
    store.claim()
    store.close()
    after = begin()
    assert after.take_over(nothing_published) == 2
    assert [after.get(one.id).state for one in (running, waiting)] == ["queued", "queued"]
    assert after.get(running.id).attempts == 1


def test_a_clip_that_was_published_before_the_end_completes_its_job(
    store: JobStore, begin: Callable[[], JobStore]
) -> None:
    job = added(store)
    store.claim()
    store.close()
    after = begin()
    name = f"{'2' * 32}.mp4"
    after.take_over(lambda one: (name, {"seed": 3}) if one.id == job.id else None)
    found = after.get(job.id)
    assert (found.state, found.artifact, found.result) == ("completed", name, {"seed": 3})


def test_a_job_during_which_the_service_ends_again_and_again_fails(
    store: JobStore, begin: Callable[[], JobStore]
) -> None:
    job = added(store)
    for _ in range(2):
        assert store.claim() is not None
        store.close()
        store = begin()
        store.take_over(nothing_published)
    found = store.get(job.id)
    assert found.state == "failed"
    assert found.error is not None and found.error.code == "interrupted"


def test_a_stopped_service_s_job_was_not_begun(store: JobStore) -> None:
    job = added(store)
    store.claim()
    store.put_back(job.id)
    assert (store.get(job.id).state, store.get(job.id).attempts) == ("queued", 0)


def test_a_living_service_s_jobs_are_its_own(begin: Callable[[], JobStore]) -> None:
    one, other = begin(), begin()
    job = added(one)
    assert other.take_over(nothing_published) == 0
    assert other.claim() is None
    claimed = one.claim()
    assert claimed is not None and claimed.id == job.id


def test_a_failure_says_why(store: JobStore) -> None:
    job = added(store)
    store.claim()
    store.fail(job.id, JobError(code="refused", message="The gate refuses it."))
    assert store.get(job.id).error == JobError(code="refused", message="The gate refuses it.")
    store.forget(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)


CHILD = """\
import sys, time
from pathlib import Path
from api.jobs.job import JobRequest, Plan
from api.jobs.runner import JobRunner
from api.jobs.store import JobStore

folder = Path(sys.argv[1])

def make(job, on_step):
    for done in range(4):
        on_step(done + 1, 4)
        time.sleep(0.003)
    (folder / f"{job.id}.partial").write_text(job.request.prompt)
    (folder / f"{job.id}.partial").rename(folder / f"{job.id}.done")
    return f"{job.id[6:]}.mp4", {"prompt": job.request.prompt}

def published(job):
    there = (folder / f"{job.id}.done").exists()
    return (f"{job.id[6:]}.mp4", {"prompt": job.request.prompt}) if there else None

sys.stdin.readline()  # all that a process imports is there before the first begins
runner = JobRunner(JobStore(sys.argv[3]), make, published)
print("ready", flush=True)
plan = Plan(adapter_sha256="a" * 64, lora_scale=1.0, seed=0)
for number in range(int(sys.argv[2])):
    request = JobRequest(prompt=str(number), scenario="market_floor")
    job, _ = runner.submit(request, plan, None, 10_000)
    print(job.id, flush=True)
while True:
    time.sleep(1)
"""


def _begun(child: subprocess.Popen[str]) -> IO[str]:
    """What it says after that it is ready."""
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "ready\n"
    return child.stdout


def test_kill_9_loses_no_job_and_no_job_stands_in_a_false_state(
    tmp_path: Path, database: str, begin: Callable[[], JobStore]
) -> None:
    chance, accepted = random.Random(0), list[str]()
    *children, last = (
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), number, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in ("6", "6", "0")
    )
    for child in children:
        said = _begun(child)
        time.sleep(chance.uniform(0, 0.15))
        child.kill()
        accepted += said.read().split()
        child.wait()
    _begun(last)
    store = begin()
    try:
        wait_for(lambda: not any(store.get(one).unfinished for one in accepted), "all jobs' end")
    finally:
        last.kill()
        last.wait()
    for job in map(store.get, accepted):
        clip = tmp_path / f"{job.id}.done"
        if job.state == "completed":
            assert job.result == {"prompt": clip.read_text()} == {"prompt": job.request.prompt}
        else:
            assert (job.state, job.attempts, clip.exists()) == ("failed", 2, False)
    assert len(set(accepted)) == len(accepted)
