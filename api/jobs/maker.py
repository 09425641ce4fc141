"""Makes one job after the other, and writes down how each has ended: what all kinds of service do
alike in the thread that has the pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from api.errors import ApiError, Cancelled, JobNotFound, NotReady
from api.jobs.job import Job, JobError, State
from api.jobs.store import JobStore
from api.problems import problem_of
from api.service_log import service_log

_LOG = service_log()

Step = Callable[[int, int], None]
"""Told after each denoising step: done and all; raises to give up."""
Made = tuple[str, Mapping[str, object]]
"""Name of the published clip, and what there is to say of it."""
Make = Callable[[Job, Step], Made]
Ended = Callable[[State, Mapping[str, object]], None]
"""Told how a job has ended, and the result of a completed one."""
Note = Callable[[str, int, int], bool]
"""Told a job's id and how far it is; whether it is still to be made here."""


@dataclass(frozen=True)
class End:
    """How a job has ended."""

    error: Exception | None
    result: Mapping[str, object]


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


class JobMaker:
    """Used from one thread, but for what it says of the job that is being made."""

    def __init__(
        self,
        store: JobStore,
        make: Make,
        unwanted: Callable[[str], None],
        ended: Ended,
        stopping: threading.Event,
        note: Note = lambda *_: True,
    ) -> None:
        """`unwanted` is told the name of a clip that was published for a job which had been
        cancelled meanwhile, or taken away. Once `stopping` is set, a job ends at its next step and
        waits again."""
        self.make = make
        self._store, self._unwanted, self._ended, self._note = store, unwanted, ended, note
        self._stopping = stopping
        self._running: _Running | None = None
        self._owed: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        """Is a job being made?"""
        return self._running is not None

    @property
    def spent_s(self) -> float:
        """How long the job that is being made has taken so far."""
        running = self._running
        return 0.0 if running is None else time.monotonic() - running.begun

    def makes(self, job_id: str) -> bool:
        """Is this the job that is being made?"""
        running = self._running
        return running is not None and running.id == job_id

    def progress(self, job: Job) -> tuple[int, int]:
        """Denoising steps done, and all; 0 and 0 where nobody knows."""
        running = self._running
        if running is not None and running.id == job.id:
            return running.done, running.steps
        return job.steps_done or 0, job.steps or 0

    def give_up(self, job_id: str) -> None:
        """End the job after its step, if it is the one that is being made."""
        running = self._running
        if running is not None and running.id == job_id:
            running.cancelled = True

    def leave(self) -> None:
        """The job that is being made waits again, for others: its step takes too long to be waited
        for. What this thread still makes of it counts for nothing."""
        running = self._running
        if running is not None:
            _LOG.warning("job %s waits again: its step doesn't end, or its base loads", running.id)
            try:
                self._store.put_back(running.id)
            except Exception:
                _LOG.exception("that can't be written down; a service takes the job over later")

    def owe(self, write: Callable[[], None]) -> None:
        """Have something written down as soon as the database takes it."""
        self._owed.append(write)

    def settle(self) -> None:
        """Write down what the database didn't take before. Raises what it raises now."""
        while self._owed:
            self._owed[0]()
            self._owed.pop(0)

    def one(self, job: Job) -> End | None:
        """Make a job; None where it waits again, as its service stops."""
        self._running = _Running(job.id)
        try:
            artifact, made = self.make(job, self._on_step)
            self._write(lambda: self._complete(job, artifact, made))
            return End(None, dict(made))
        except _Unwritten:
            return End(NotReady("The service can't write down what it made."), {})
        except Exception as raised:
            if self._stopping.is_set() and isinstance(raised, NotReady):
                self._store.put_back(job.id)
                return None
            return End(self._failed(job, raised), {})
        finally:
            self._running = None

    def _complete(self, job: Job, artifact: str, result: Mapping[str, object]) -> None:
        if self._store.complete(job.id, artifact, result):
            self._ended("completed", result)
            return
        with suppress(JobNotFound):
            if self._store.get(job.id).artifact == artifact:  # whoever took the job over found it
                return
        _LOG.info("the clip of job %s is erased: nobody waits for it any more", job.id)
        self._unwanted(artifact)

    def _failed(self, job: Job, error: Exception) -> Exception:
        if not isinstance(error, ApiError):
            _LOG.error("job %s failed", job.id, exc_info=error)
        problem = problem_of(error)
        why = JobError(code=problem.slug, message=problem.detail)
        with suppress(_Unwritten):
            self._write(lambda: self._fail(job, why))
        return error

    def _fail(self, job: Job, why: JobError) -> None:
        if self._store.fail(job.id, why):
            self._ended("failed", {})

    def _write(self, end: Callable[[], None]) -> None:
        """Write a job's end down, now or as soon as the database takes it. Raises _Unwritten."""
        try:
            end()
        except Exception as error:
            _LOG.exception("a job's end can't be written down")
            self.owe(end)
            raise _Unwritten from error

    def _on_step(self, done: int, steps: int) -> None:
        running = self._running
        assert running is not None
        running.done, running.steps = done, steps
        if running.cancelled or not self._note(running.id, done, steps):
            raise Cancelled("Somebody cancelled the job.")
        if self._stopping.is_set():
            raise NotReady("The service is stopping.")
