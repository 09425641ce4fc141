"""Takes jobs, and tells who waits for them; whoever makes them."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Final

from api.errors import Cancelled, JobNotFound, NotReady, TooManyRequests
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.maker import Ended, Made
from api.jobs.store import JobStore, TooManyOfKey
from api.problems import problem_of_job
from api.service_log import service_log

_LOG = service_log()
FIRST_GUESS_S: Final = 5.0
"""How long a clip takes, before one was made."""
LOOK_EVERY_S: Final = 5.0
"""How often a service says that it is there, and looks for orphaned jobs when it has none."""
PATIENCE_S: Final = 10.0
"""How long a service that stops waits for a step to end. Loading a large base takes longer, and
whoever runs the service kills it after half a minute or so."""

Result = Future[Mapping[str, object]]


class JobTaker(ABC):
    """What the handlers know of a service's jobs."""

    switches = 0
    """How often other processes loaded an adapter for these jobs."""

    def __init__(self, store: JobStore, ended: Ended) -> None:
        """`ended` is told how each job has ended."""
        self._store, self._ended = store, ended
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Result]] = {}
        self._threads: list[threading.Thread] = []

    def _begin(self) -> None:
        """Start the threads, once everything that they use is there."""
        self._threads = started(("slora-jobs", self._run), ("slora-jobs-alive", self._say_alive))

    @property
    def running(self) -> bool:
        """Does it take jobs?"""
        return not self._stopping.is_set()

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Is a job being made, so that what memory is free now says nothing?"""

    @abstractmethod
    def makes(self, job: Job) -> bool:
        """Is this the job that is being made in this process?"""

    @abstractmethod
    def progress(self, job: Job) -> tuple[int, int]:
        """Denoising steps done, and all; 0 and 0 where nobody knows."""

    def said(self) -> str:
        """What it says of itself. Raises NotReady where it can't have a job made now."""
        if not self.running:
            raise NotReady("The service is stopping.")
        if not all(thread.is_alive() for thread in self._threads):
            raise NotReady("The thread that makes clips has ended. Remedy: restart the service.")
        return "takes jobs"

    def submit(
        self,
        request: JobRequest,
        plan: Plan,
        key: str | None,
        most_waiting: int,
        most_of_key: int | None = None,
        order: str | None = None,
        made: Made | None = None,
    ) -> tuple[Job, Result]:
        """Queue a job; the future has its result, or what it failed with. With what was `made` of
        the same `order` before, it is completed already. Raises QueueFull, TooManyRequests,
        IdempotencyConflict, NotReady."""
        if not self.running:
            raise NotReady("The service is stopping.")
        with self._lock:
            retry = self._wait_s(0)
            try:
                job = self._store.add(
                    request,
                    plan,
                    key,
                    most_waiting + self._places() - 1,
                    retry,
                    most_of_key=most_of_key,
                    order=order,
                    made=made,
                )
            except TooManyOfKey as many:
                why = f"A key may have {most_of_key} unfinished jobs."
                raise TooManyRequests(why, self._wait_s(many.before)) from many
            future: Result = Future()
            if job.unfinished:
                self._waiting.setdefault(job.id, []).append(future)
            else:
                _tell(future, *_outcome(job))
        self._wake.set()
        return job, future

    def refuse_full(self, most_waiting: int) -> None:
        """Raise QueueFull where `submit` would for a job that is made anew: before anything else
        is looked up for it."""
        self._store.refuse_full(most_waiting + self._places() - 1, self._wait_s(0))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; one that is being made ends after its step. Whether there was anything to
        cancel. Raises JobNotFound."""
        self._store.get(job_id)
        cancelled = self._store.cancel(job_id)
        if cancelled:
            self._give_up(job_id)
            self._ended("cancelled", {})
            self._finished(job_id, Cancelled("Somebody cancelled the job."))
        return cancelled

    def abandon(self, job_id: str, future: Result) -> None:
        """Whoever waited is gone: without anybody else the job is cancelled."""
        with self._lock:
            waiting = self._waiting.get(job_id, [])
            if future in waiting:
                waiting.remove(future)
            if waiting:
                return
        self.cancel(job_id)

    def stop(self) -> None:
        """Take no more jobs, and stop what runs at its next step. Waits for nothing: a signal's
        handler may call it."""
        self._stopping.set()
        self._wake.set()

    def close(self) -> None:
        """Stop; what isn't finished stays queued for the next service, and who waits is told."""
        self.stop()
        if not ended_in_time(self._threads):
            self._leave()
        for job_id in list(self._waiting):
            self._finished(job_id, NotReady("The service is stopping; the job stays queued."))
        self._store.close()

    @abstractmethod
    def _leave(self) -> None:
        """What is still being made is for others: nobody waits for its step to end any more."""

    @abstractmethod
    def _run(self) -> None:
        """See to the jobs until the service stops."""

    @abstractmethod
    def _give_up(self, job_id: str) -> None:
        """A job was cancelled."""

    @abstractmethod
    def _wait_s(self, before: int) -> int:
        """In how many seconds the job behind `before` others is likely to be over: a place is free
        as soon as the first is."""

    def _places(self) -> int:
        """How many jobs are made at once."""
        return 1

    def _say_alive(self) -> None:
        say_alive(self._store, self._stopping, self._look_up)

    def _look_up(self) -> None:
        """Tell who waits here for what has ended, wherever that was: a repeated key's job may be
        another service's."""
        for job_id in list(self._waiting):
            try:
                job = self._store.get(job_id)
            except JobNotFound as error:
                self._finished(job_id, error)
                continue
            if not job.unfinished:
                self._finished(job.id, *_outcome(job))

    def _finished(
        self,
        job_id: str,
        error: BaseException | None,
        result: Mapping[str, object] | None = None,
    ) -> None:
        with self._lock:
            waiting = self._waiting.pop(job_id, [])
        for future in waiting:
            if future.set_running_or_notify_cancel():
                _tell(future, error, result)


def started(*works: tuple[str, Callable[[], None]]) -> list[threading.Thread]:
    """A running thread for each named work."""
    threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works]
    for thread in threads:
        thread.start()
    return threads


def ended_in_time(threads: Sequence[threading.Thread]) -> bool:
    """Whether all of them end within a stopping service's patience. They are daemons: one that
    doesn't ends with the process."""
    end = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def say_alive(
    store: JobStore, stopping: threading.Event, and_then: Callable[[], None] = lambda: None
) -> None:
    """However long a clip takes, no other service takes this one for gone."""
    while not stopping.wait(LOOK_EVERY_S):
        try:
            store.seen()
            and_then()
        except Exception:
            _LOG.exception("the jobs can't be read and written")


def seconds_until_free(last_s: float, before: int, spent_s: float = 0.0, places: int = 1) -> int:
    """How long the job behind `before` others has to wait where one takes `last_s`."""
    return max(1, math.ceil(last_s * (before + 1) / places - spent_s))


def _outcome(job: Job) -> tuple[BaseException | None, Mapping[str, object] | None]:
    """What a finished job says to who asks for it again."""
    if job.result is not None:
        return None, job.result
    if job.error is not None:
        return problem_of_job(job.error.code, job.error.message), None
    return Cancelled("Somebody cancelled the job."), None


def _tell(
    future: Result, error: BaseException | None, result: Mapping[str, object] | None = None
) -> None:
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result or {})
