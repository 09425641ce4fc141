"""One thread that makes the jobs, oldest first: a pipeline is not thread-safe."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from api.errors import ApiError, Cancelled, NotReady, TooManyRequests
from api.jobs.job import Job, JobError, JobRequest, Plan, State
from api.jobs.store import JobStore, TooManyOfKey
from api.logs import known_of_job
from api.problems import problem_of

_LOG = logging.getLogger("slora.api")
_FIRST_GUESS_S: Final = 5.0
"""How long a clip takes, before one was made."""
_LOOK_EVERY_S: Final = 5.0
"""How often a service says that it is there, and looks for orphaned jobs when it has none."""

Step = Callable[[int, int], None]
"""Told after each denoising step: done and all; raises to give up."""
Made = tuple[str, Mapping[str, object]]
"""Name of the published clip, and what there is to say of it."""
Make = Callable[[Job, Step], Made]
Published = Callable[[Job], tuple[str, dict[str, object]] | None]


@dataclass
class _Running:
    """The job that is being made."""

    id: str
    done: int = 0
    steps: int = 0
    cancelled: bool = False
    begun: float = field(default_factory=time.monotonic)


class _Unwritten(Exception):
    """The database didn't take a job's end."""


class JobRunner:
    """Takes jobs, makes them with `make`, and tells who waits. `published` finds the clip of a job
    whose service died before it could say so."""

    def __init__(
        self,
        store: JobStore,
        make: Make,
        published: Published,
        when_idle: Callable[[], None] = lambda: None,
        ended: Callable[[State], None] | None = None,
    ) -> None:
        """`when_idle` is called by the thread that makes the jobs, before it waits for one; `ended`
        is told how each job has ended."""
        self._store, self._make, self._published = store, make, published
        self._when_idle, self._ended = when_idle, ended or (lambda _: None)
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Future[Mapping[str, object]]]] = {}
        self._running: _Running | None = None
        self._last_s = _FIRST_GUESS_S
        self._owed: list[Callable[[], None]] = []
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("slora-jobs", self._run), ("slora-jobs-alive", self._say_alive))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Does it take jobs?"""
        return not self._stopping.is_set()

    @property
    def alive(self) -> bool:
        """Are its threads there?"""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def busy(self) -> bool:
        """Is a job being made?"""
        return self._running is not None

    def submit(
        self,
        request: JobRequest,
        plan: Plan,
        key: str | None,
        most_waiting: int,
        most_of_key: int | None = None,
        order: str | None = None,
        made: Made | None = None,
    ) -> tuple[Job, Future[Mapping[str, object]]]:
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
                    most_waiting,
                    retry,
                    most_of_key=most_of_key,
                    order=order,
                    made=made,
                )
            except TooManyOfKey as many:
                why = f"A key may have {most_of_key} unfinished jobs."
                raise TooManyRequests(why, self._wait_s(many.before)) from many
            future: Future[Mapping[str, object]] = Future()
            if job.unfinished:
                self._waiting.setdefault(job.id, []).append(future)
            else:
                _tell(future, job)
        self._wake.set()
        return job, future

    def _wait_s(self, before: int) -> int:
        """In how many seconds the job behind `before` others is likely to be over: a place is free
        as soon as the first is."""
        running = self._running
        spent = 0.0 if running is None else time.monotonic() - running.begun
        return max(1, math.ceil(self._last_s * (before + 1) - spent))

    def makes(self, job: Job) -> bool:
        """Is this the job that is being made here?"""
        running = self._running
        return running is not None and running.id == job.id

    def progress(self, job: Job) -> tuple[int, int]:
        """Denoising steps done, and all; 0 and 0 where nobody knows."""
        running = self._running
        return (running.done, running.steps) if running and running.id == job.id else (0, 0)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; one that is being made ends after its step. Whether there was anything to
        cancel. Raises JobNotFound."""
        self._store.get(job_id)
        cancelled = self._store.cancel(job_id)
        if cancelled:
            running = self._running
            if running is not None and running.id == job_id:
                running.cancelled = True
            self._ended("cancelled")
            self._finished(job_id, Cancelled("Somebody cancelled the job."))
        return cancelled

    def abandon(self, job_id: str, future: Future[Mapping[str, object]]) -> None:
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
        for thread in self._threads:
            thread.join()
        for job_id in list(self._waiting):
            self._finished(job_id, NotReady("The service is stopping; the job stays queued."))
        self._store.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                while self._owed:
                    self._owed[0]()
                    self._owed.pop(0)
                job = self._store.claim()
                if job is None:
                    self._store.take_over(self._published)
                    job = self._store.claim()
            except Exception:
                _LOG.exception("the jobs can't be read")
                job = None
            if job is None:
                self._when_idle()
                self._wake.wait(_LOOK_EVERY_S)
                continue
            with known_of_job(job.id):
                self._one(job)

    def _say_alive(self) -> None:
        """However long a clip takes, no other service takes this one for gone."""
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self._store.seen()
            except Exception:
                _LOG.exception("the jobs can't be written")

    def _one(self, job: Job) -> None:
        start = time.monotonic()
        self._running = _Running(job.id)
        error: Exception | None = None
        result: dict[str, object] = {}
        try:
            artifact, made = self._make(job, self._on_step)
            result = dict(made)
            self._write(lambda: self._store.complete(job.id, artifact, result))
            self._last_s = time.monotonic() - start
            self._ended("completed")
        except _Unwritten:
            error = NotReady("The service can't write down what it made.")
        except Exception as raised:
            if self._stopping.is_set() and isinstance(raised, NotReady):
                self._store.put_back(job.id)
                return
            error = self._failed(job, raised)
        finally:
            self._running = None
        self._finished(job.id, error, result)

    def _failed(self, job: Job, error: Exception) -> Exception:
        if not isinstance(error, ApiError):
            _LOG.error("job %s failed", job.id, exc_info=error)
        problem = problem_of(error)
        why = JobError(code=problem.slug, message=problem.detail)
        with suppress(_Unwritten):
            self._write(lambda: self._store.fail(job.id, why))
        if not isinstance(error, Cancelled):
            self._ended("failed")
        return error

    def _write(self, end: Callable[[], None]) -> None:
        """Write a job's end down, now or as soon as the database takes it. Raises _Unwritten."""
        try:
            end()
        except Exception as error:
            _LOG.exception("a job's end can't be written down")
            self._owed.append(end)
            raise _Unwritten from error

    def _on_step(self, done: int, steps: int) -> None:
        running = self._running
        assert running is not None
        running.done, running.steps = done, steps
        if running.cancelled:
            raise Cancelled("Somebody cancelled the job.")
        if self._stopping.is_set():
            raise NotReady("The service is stopping.")

    def _finished(
        self,
        job_id: str,
        error: BaseException | None,
        result: Mapping[str, object] | None = None,
    ) -> None:
        with self._lock:
            waiting = self._waiting.pop(job_id, [])
        for future in waiting:
            if not future.set_running_or_notify_cancel():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result or {})


def _tell(future: Future[Mapping[str, object]], job: Job) -> None:
    """What a finished job says to who asks for it again."""
    if job.result is not None:
        future.set_result(job.result)
    elif job.error is not None:
        future.set_exception(NotReady(job.error.message))
    else:
        future.set_exception(Cancelled("Somebody cancelled the job."))
