"""One thread that makes the jobs, oldest first: a pipeline is not thread-safe."""

from __future__ import annotations

import time
from collections.abc import Callable

from api.jobs.accepting import FIRST_GUESS_S, LOOK_EVERY_S, JobTaker, seconds_until_free
from api.jobs.job import Job
from api.jobs.maker import Ended, JobMaker, Make
from api.jobs.orphans import Published
from api.jobs.store import JobStore
from api.logs import known_of_job
from api.service_log import service_log

_LOG = service_log()


class JobRunner(JobTaker):
    """Takes jobs, makes them with `make`, and tells who waits. `published` finds the clip of a job
    whose service died before it could say so; `unwanted` is told of a clip that was published for a
    job which had been cancelled meanwhile."""

    def __init__(
        self,
        store: JobStore,
        make: Make,
        published: Published,
        when_idle: Callable[[], None] = lambda: None,
        ended: Ended = lambda *_: None,
        unwanted: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`when_idle` is called by the thread that makes the jobs, before it waits for one."""
        super().__init__(store, ended)
        self._published, self._when_idle = published, when_idle
        self.maker = JobMaker(store, make, unwanted, ended, self._stopping)
        self._last_s = FIRST_GUESS_S
        self._begin()

    @property
    def busy(self) -> bool:
        """Is a job being made?"""
        return self.maker.busy

    def makes(self, job: Job) -> bool:
        """Is this the job that is being made?"""
        return self.maker.makes(job.id)

    def progress(self, job: Job) -> tuple[int, int]:
        """As the thread says that makes it."""
        return self.maker.progress(job)

    def _give_up(self, job_id: str) -> None:
        self.maker.give_up(job_id)

    def _leave(self) -> None:
        self.maker.leave()

    def _wait_s(self, before: int) -> int:
        return seconds_until_free(self._last_s, before, self.maker.spent_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.maker.settle()
                job = self._store.claim()
                if job is None:
                    self._store.take_over(self._published)
                    job = self._store.claim()
            except Exception:
                _LOG.exception("the jobs can't be read")
                job = None
            if job is None:
                self._when_idle()
                self._wake.wait(LOOK_EVERY_S)
                self._wake.clear()
                continue
            with known_of_job(job.id):
                self._one(job)

    def _one(self, job: Job) -> None:
        start = time.monotonic()
        end = self.maker.one(job)
        if end is None:
            return
        if end.error is None:
            self._last_s = time.monotonic() - start
        self._finished(job.id, end.error, end.result)
