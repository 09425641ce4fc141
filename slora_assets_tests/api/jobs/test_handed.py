"""Jobs that one service accepts and others make: once each, whoever is gone or late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import pytest

from api.errors import ApiError, Cancelled, NotServable
from api.jobs.dispatcher import Dispatcher, Lost
from api.jobs.handed import HandedJobs
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.maker import Made, Step
from api.jobs.store import JobStore
from slora_assets_tests.waiting import PATIENCE_S, wait_for

REQUEST = JobRequest(prompt="a red cart", scenario="market_floor")
PLAN = Plan(adapter_sha256="a" * 64, lora_scale=0.85, seed=0)


@dataclass
class Maker:
    """Makes jobs when it is let, and may be gone for those that hand them over."""

    store: JobStore
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    made: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)

    def make(self, job: Job, on_step: Step) -> Made:
        self.begun.set()
        while not self.go.wait(0.01):
            try:
                on_step(1, 2)
            except Cancelled:
                self.given_up.set()
                raise
        if job.request.prompt == "forbidden":
            raise NotServable("No adapter.")
        self.made.append(job.id)
        return f"{len(self.made):032x}.mp4", {"by": self.store.owner}


@pytest.fixture
def makers(begin: Callable[[], JobStore]) -> Iterator[list[Maker]]:
    found = [Maker(begin()), Maker(begin())]
    yield found
    for one in found:
        one.go.set()


@pytest.fixture
def taker(begin: Callable[[], JobStore], makers: list[Maker]) -> Iterator[Dispatcher]:
    """Hands jobs to the first maker that isn't gone."""
    with ExitStack() as stack:
        hands = [
            stack.enter_context(
                closing(
                    HandedJobs(
                        one.store, one.make, lambda: None, lambda *_: None, one.erased.append
                    )
                )
            )
            for one in makers
        ]

        def send(job: Job, owner: str) -> int:
            maker, hand = next(
                (m, h) for m, h in zip(makers, hands, strict=True) if not m.gone.is_set()
            )
            done = threading.Thread(target=hand.make, args=(job.id, owner), daemon=True)
            done.start()
            while done.is_alive():
                if maker.gone.is_set():
                    raise Lost("gone")
                done.join(0.01)
            return 1

        made = Dispatcher(begin(), send, lambda: 2, lambda _: None, lambda *_: None)
        stack.callback(lambda: [one.go.set() for one in makers])
        stack.enter_context(closing(made))
        yield made


def asked(taker: Dispatcher, prompt: str = "a red cart") -> tuple[Job, Callable[[], object]]:
    request = REQUEST.model_copy(update={"prompt": prompt})
    job, future = taker.submit(request, PLAN, None, most_waiting=4)
    return job, lambda: future.result(PATIENCE_S)


def test_who_waits_gets_what_another_service_made(taker: Dispatcher, makers: list[Maker]) -> None:
    makers[0].go.set()
    told = [asked(taker) for _ in range(3)]
    assert [result() for _, result in told] == [{"by": makers[0].store.owner}] * 3
    # Two are made at a time, so any of them may be first; each is made, and once.
    assert sorted(makers[0].made) == sorted(job.id for job, _ in told)


def test_what_it_fails_with_is_told_as_that(taker: Dispatcher, makers: list[Maker]) -> None:
    makers[0].go.set()
    _, result = asked(taker, "forbidden")
    with pytest.raises(ApiError, match=r"No adapter\.") as told:
        result()
    assert (told.value.status, told.value.slug) == (NotServable.status, NotServable.slug)


def test_a_maker_that_is_taken_for_gone_and_is_not_changes_nothing_any_more(
    taker: Dispatcher, makers: list[Maker], begin: Callable[[], JobStore]
) -> None:
    job, result = asked(taker)
    assert makers[0].begun.wait(PATIENCE_S)
    makers[0].gone.set()
    assert makers[1].begun.wait(PATIENCE_S)
    makers[1].go.set()
    assert result() == {"by": makers[1].store.owner}
    assert makers[0].given_up.wait(PATIENCE_S), "it goes on with what is another's"
    now = begin().get(job.id)
    assert (now.result, now.attempts) == ({"by": makers[1].store.owner}, 2)
    assert makers[0].made == makers[1].erased == []


def test_a_clip_that_is_late_is_erased(store: JobStore, begin: Callable[[], JobStore]) -> None:
    """The one who made it slept through its last step."""
    late, other = Maker(begin()), begin()
    late.go.set()
    job = store.add(REQUEST, PLAN, None, most_waiting=4, retry_s=1)

    def overtaken(job: Job, _on_step: Step) -> Made:
        assert other.take_over(lambda _: None, store.get(job.id).model_copy(update={"attempts": 0}))
        return late.make(job, lambda *_: None)

    hands = HandedJobs(late.store, overtaken, lambda: None, lambda *_: None, late.erased.append)
    assert hands.make(job.id, store.owner)
    assert late.erased == [f"{1:032x}.mp4"]
    again = other.claim()
    assert again is not None and again.id == job.id, "it is still to be made"
    hands.close()


def test_a_job_is_taken_once(store: JobStore, begin: Callable[[], JobStore]) -> None:
    one, other = begin(), begin()
    job = store.add(REQUEST, PLAN, None, most_waiting=4, retry_s=1)
    assert one.take(job.id, store.owner) is not None
    assert other.take(job.id, store.owner) is None
    assert store.waiting() == []
    assert one.note(job.id, 1, 2) and not other.note(job.id, 2, 2)
    assert not other.complete(job.id, "0" * 32 + ".mp4", {})
    assert (store.get(job.id).steps_done, store.get(job.id).state) == (1, "in_progress")


def test_whoever_cancels_ends_what_another_makes(
    taker: Dispatcher, makers: list[Maker], begin: Callable[[], JobStore]
) -> None:
    job, result = asked(taker)
    assert makers[0].begun.wait(PATIENCE_S)
    assert begin().cancel(job.id)
    with pytest.raises(Cancelled):
        result()
    makers[0].begun.clear()
    asked(taker)
    assert makers[0].begun.wait(PATIENCE_S), "it still makes what was cancelled"
    assert makers[0].made == []


def test_services_that_work_together_have_one_queue(database: str) -> None:
    both = [JobStore(database, together=True) for _ in range(2)]
    made = [both[number % 2].add(REQUEST, PLAN, None, 100, 1) for number in range(4)]
    assert [both[0].position(job) for job in made] == [0, 1, 2, 3]
    with pytest.raises(ApiError, match="queue is full"):
        both[0].add(REQUEST, PLAN, None, 3, 1)
    for one in both:
        one.close()


def test_a_taking_whose_answer_is_lost_is_undone(
    store: JobStore, begin: Callable[[], JobStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(begin())
    maker.go.set()
    job, take = store.add(REQUEST, PLAN, None, most_waiting=4, retry_s=1), maker.store.take

    def unanswered(job_id: str, owner: str) -> Job | None:
        take(job_id, owner)
        monkeypatch.undo()
        raise ConnectionError("the server closed the connection")

    monkeypatch.setattr(maker.store, "take", unanswered)
    hands = HandedJobs(maker.store, maker.make, lambda: None, lambda *_: None, maker.erased.append)
    with pytest.raises(ConnectionError):
        hands.make(job.id, store.owner)
    wait_for(store.waiting, "the job to wait again")
    assert hands.make(job.id, store.owner)
    assert (store.get(job.id).state, store.get(job.id).attempts) == ("completed", 1)
    hands.close()
