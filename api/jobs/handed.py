"""Makes jobs that another process hands over, which says to clients what becomes of them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import Final

from api.errors import NotReady
from api.jobs.accepting import LOOK_EVERY_S, ended_in_time, say_alive, started
from api.jobs.maker import Ended, JobMaker, Make
from api.jobs.store import JobStore
from api.logs import known_of_job
from api.service_log import service_log

_LOG = service_log()
_NOTE_EVERY_S: Final = 0.2
"""Steps may be shorter, and each note is a transaction."""
_Handed = tuple[str, str, Future[bool]]
"""A job's id, the service where it waits, and what is told to who handed it over."""


class HandedJobs:
    """One thread that makes them; all that is told of one is written into the database, and there
    it is read when somebody cancels it."""

    def __init__(
        self,
        store: JobStore,
        make: Make,
        when_idle: Callable[[], None],
        ended: Ended,
        unwanted: Callable[[str], None],
    ) -> None:
        """As of `JobRunner`."""
        self._store, self._when_idle = store, when_idle
        self._stopping, self._closed = threading.Event(), False
        self._maker = JobMaker(store, make, unwanted, ended, self._stopping, self._note)
        self._noted = 0.0
        # None wakes the thread, to see that this is closed.
        self._handed: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()
        self._threads = started(("slora-jobs", self._run), ("slora-jobs-alive", self._say_alive))

    @property
    def alive(self) -> bool:
        """Are its threads there?"""
        return all(thread.is_alive() for thread in self._threads)

    def make(self, job_id: str, owner: str) -> bool:
        """Make the job that waits at the service `owner`; returns when it has ended, however, and
        whether it was still there to be made. Raises NotReady once this is closed."""
        if self._stopping.is_set():
            raise NotReady("The service is stopping.")
        ended: Future[bool] = Future()
        self._handed.put((job_id, owner, ended))
        while not wait([ended], LOOK_EVERY_S).done:
            if self._closed or not self.alive:
                raise NotReady("The service is stopping.")
        return ended.result()

    def close(self) -> None:
        """Stop at the next step; what isn't finished is for others to make."""
        self._stopping.set()
        self._handed.put(None)
        if not ended_in_time(self._threads):
            self._maker.leave()
        self._store.close()
        self._closed = True
        while not self._handed.empty():
            if (left := self._handed.get()) is not None:
                left[-1].set_exception(NotReady("The service is stopping."))

    def _run(self) -> None:
        idle = False
        while not self._stopping.is_set():
            try:
                self._maker.settle()
            except Exception:
                _LOG.exception("a job's end still can't be written down")
            try:
                handed = self._handed.get(timeout=LOOK_EVERY_S if idle else 0.001)
            except queue.Empty:
                self._when_idle()
                idle = True
                continue
            if handed is None:
                continue
            idle = False
            job_id, owner, ended = handed
            try:
                ended.set_result(self._one(job_id, owner))
            except Exception as error:
                _LOG.exception("job %s can't be taken", job_id)
                # Or was, and the database's word of it didn't come through.
                self._maker.owe(partial(self._store.put_back, job_id, owner))
                ended.set_exception(error)

    def _one(self, job_id: str, owner: str) -> bool:
        job = self._store.take(job_id, owner)
        if job is None:
            return False
        with known_of_job(job_id):
            self._maker.one(job)
        return True

    def _note(self, job_id: str, done: int, steps: int) -> bool:
        now = time.monotonic()
        if now - self._noted < _NOTE_EVERY_S and done < steps:
            return True
        self._noted = now
        return self._store.note(job_id, done, steps)

    def _say_alive(self) -> None:
        say_alive(self._store, self._stopping)
