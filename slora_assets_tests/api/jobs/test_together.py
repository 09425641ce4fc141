"""Several services on one database at the same moment: no job is made twice, none is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.errors import IdempotencyConflict
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.store import JobStore
from slora_assets_tests.waiting import PATIENCE_S

PLAN = Plan(adapter_sha256="a" * 64, lora_scale=0.85, seed=0)

Given = TypeVar("Given")


def added(store: JobStore, prompt: str, key: str | None = None) -> Job:
    request = JobRequest(prompt=prompt, scenario="market_floor")
    return store.add(request, PLAN, key, most_waiting=100, retry_s=1)


def at_once(*deeds: Callable[[], Given]) -> list[Given]:
    """What each gives, all begun in the same moment."""
    barrier = threading.Barrier(len(deeds))

    def done(deed: Callable[[], Given]) -> Given:
        barrier.wait()
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(done, deeds))


def claimed(store: JobStore) -> list[str]:
    """The jobs that it gets, until there are none."""
    found = []
    while (job := store.claim()) is not None:
        found.append(job.id)
    return found


def test_of_several_that_claim_each_gets_other_jobs(store: JobStore) -> None:
    made = [added(store, str(number)).id for number in range(20)]
    found = at_once(*[lambda: claimed(store)] * 4)
    assert Counter(one for those in found for one in those) == Counter(made)


def test_what_a_dead_service_left_is_taken_over_once(begin: Callable[[], JobStore]) -> None:
    gone = begin()
    made = [added(gone, str(number)).id for number in range(20)]
    gone.claim()
    gone.close()
    services = [begin(), begin(), begin()]

    def taken(service: JobStore) -> tuple[int, list[str]]:
        return service.take_over(lambda _job: None), claimed(service)

    found = at_once(*(lambda service=one: taken(service) for one in services))
    assert sum(number for number, _ in found) == len(made)
    assert Counter(one for _, those in found for one in those) == Counter(made)
    assert Counter(services[0].get(one).attempts for one in made) == {1: 19, 2: 1}


def test_a_service_that_has_just_begun_is_not_taken_for_a_dead_one(
    begin: Callable[[], JobStore],
) -> None:
    looking = begin()
    stop = threading.Event()

    def look() -> int:
        taken = 0
        while not stop.wait(0.001):
            taken += looking.take_over(lambda _job: None)
        return taken

    def work() -> int:
        try:
            for number in range(5):
                added(begin(), str(number))
        finally:
            stop.set()
        return 0

    assert at_once(look, work) == [0, 0]


def test_one_key_that_comes_to_two_services_is_one_job(begin: Callable[[], JobStore]) -> None:
    one, other = begin(), begin()
    for key in "abcde":
        first, second = at_once(
            *(lambda s=service, k=key: added(s, "a red cart", k) for service in (one, other))
        )
        assert first.id == second.id
    assert len(one.page(None, 100, newest_first=False)[0]) == 5


def test_one_key_with_two_requests_is_refused_to_one_of_them(
    begin: Callable[[], JobStore],
) -> None:
    services = {"a red cart": begin(), "a blue cart": begin()}

    def refused(prompt: str) -> bool:
        try:
            added(services[prompt], prompt, "key")
        except IdempotencyConflict:
            return True
        return False

    assert sorted(at_once(*(lambda text=one: refused(text) for one in services))) == [False, True]


def test_who_reads_on_while_jobs_come_in_sees_each_once(begin: Callable[[], JobStore]) -> None:
    services = [begin(), begin(), begin()]
    stop = threading.Event()

    def add(service: JobStore) -> list[str]:
        return [added(service, str(number)).id for number in range(15)]

    def read() -> list[str]:
        seen: list[str] = []
        while True:
            last = stop.is_set()
            page, _ = services[0].page(seen[-1] if seen else None, 4, newest_first=False)
            seen += [job.id for job in page]
            if last and not page:
                return seen

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        made = at_once(*(lambda service=one: add(service) for one in services))
        stop.set()
        assert Counter(reading.result()) == Counter(one for those in made for one in those)


def test_a_job_waits_for_those_of_its_own_service(begin: Callable[[], JobStore]) -> None:
    one, other = begin(), begin()
    added(other, "elsewhere")
    first, second = added(one, "first"), added(one, "second")
    assert [other.position(job) for job in (first, second)] == [0, 1]


OPEN = """\
import sys
from api.jobs.store import JobStore

print("ready", flush=True)
sys.stdin.readline()
JobStore(sys.argv[1]).close()
"""


def test_several_may_begin_on_an_empty_database_at_once(database: str) -> None:
    services = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for service in services:
        assert service.stdout is not None and service.stdout.readline() == "ready\n"
    for service in services:
        assert service.stdin is not None
        service.stdin.write("go\n")
        service.stdin.flush()
    for service in services:
        _, said = service.communicate(timeout=PATIENCE_S)
        assert service.returncode == 0, said
    assert JobStore(database).claim() is None
