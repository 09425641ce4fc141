"""Takes jobs and has other processes make them. What becomes of each is read in the database, which
all of them share, whoever was asked for it and whoever died meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from api.errors import JobNotFound, NotReady
from api.jobs.accepting import FIRST_GUESS_S, LOOK_EVERY_S, JobTaker, seconds_until_free
from api.jobs.job import Job
from api.jobs.maker import Ended
from api.jobs.orphans import Published
from api.jobs.store import JobStore
from api.service_log import service_log

_LOG = service_log()
_TELL_EVERY_S: Final = 0.2
_AGAIN_S: Final = 1.0
"""After what nobody took, so long."""

Send = Callable[[Job, str], int]
"""Has another process make a job of the service with that name; returns when it has ended, with how
many adapters were loaded for it. Raises Lost, or anything else where nobody took it."""


class Lost(Exception):
    """The process that was to make a job is gone."""


class Dispatcher(JobTaker):
    """Hands each job to `send` in a thread of its own. A job whose maker is gone is handed over
    once more. `makers` says how many processes there are that make jobs."""

    def __init__(
        self,
        store: JobStore,
        send: Send,
        makers: Callable[[], int],
        published: Published,
        ended: Ended,
    ) -> None:
        super().__init__(store, ended)
        self._send, self._makers, self._published = send, makers, published
        self._known_makers, self._last_s = 1, FIRST_GUESS_S
        self._sent: set[str] = set()
        self._begin()

    @property
    def busy(self) -> bool:
        """The memory that a clip takes isn't this process's: whoever makes it looks."""
        return True

    def makes(self, job: Job) -> bool:
        """None is made here."""
        return False

    def progress(self, job: Job) -> tuple[int, int]:
        """As its maker wrote it down last."""
        return job.steps_done or 0, job.steps or 0

    def said(self) -> str:
        """Raises NotReady where nobody is there who makes jobs."""
        super().said()
        makers = self._makers()
        if makers == 0:
            raise NotReady("No generator runs. Remedy: see `serve status`, and the cluster's GPUs.")
        return f"takes jobs for {makers} generators"

    def _give_up(self, job_id: str) -> None:
        """Its maker reads that in the database."""

    def _leave(self) -> None:
        """Nothing is made here."""

    def _wait_s(self, before: int) -> int:
        return seconds_until_free(self._last_s, before, places=self._places())

    def _places(self) -> int:
        return self._known_makers

    def _run(self) -> None:
        looked = -LOOK_EVERY_S
        while not self._stopping.is_set():
            try:
                look = time.monotonic() - looked >= LOOK_EVERY_S
                if look:
                    looked = time.monotonic()
                    self._store.take_over(self._published)
                for job in self._store.waiting():
                    self._hand_over(job)
                self._look_up()
                if look:  # last: jobs go on where nobody can say this
                    self._known_makers = max(1, self._makers())
            except Exception:
                _LOG.exception("the jobs can't be seen to")
                self._stopping.wait(_AGAIN_S)
            self._wake.wait(_TELL_EVERY_S if self._waiting else _AGAIN_S)
            self._wake.clear()

    def _hand_over(self, job: Job) -> None:
        if job.id not in self._sent:
            self._sent.add(job.id)
            threading.Thread(
                target=self._see_to, args=(job,), name=f"slora-{job.id}", daemon=True
            ).start()

    def _see_to(self, job: Job) -> None:
        """One job, until its maker has ended with it."""
        try:
            self.switches += self._send(job, self._store.owner)
            self._count(job)
        except Lost:
            _LOG.warning("who made job %s is gone; others make it", job.id)
            with suppress(Exception):  # else it is found as all others are
                self._store.take_over(self._published, job)
        except Exception:
            if self.running:
                _LOG.exception("job %s is not made yet", job.id)
                self._stopping.wait(_AGAIN_S)
        finally:
            self._sent.discard(job.id)
            self._wake.set()

    def _count(self, job: Job) -> None:
        with suppress(JobNotFound):
            now = self._store.get(job.id)
            if now.state in ("completed", "failed"):
                self._ended(now.state, now.result or {})
            if now.state == "completed" and now.started_at and now.finished_at:
                self._last_s = max(1.0, now.finished_at - now.started_at)
