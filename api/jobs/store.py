"""The jobs in their database: each change is one transaction, so that whatever is killed, every job
stands in a state that is true.

A job belongs to the service that accepted it, which alone runs it. When that is gone, whoever comes
next takes its unfinished jobs over.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa

from api.errors import IdempotencyConflict, JobNotFound, QueueFull
from api.jobs.job import UNFINISHED, Job, JobError, JobRequest, Plan, State
from api.jobs.owners import is_there, new_owner
from api.jobs.table import JOBS, SERVICES, alone, opened

MOST_ATTEMPTS: Final = 2
"""A job that was being made when its service died twice is taken for the cause."""
INTERRUPTED: Final = JobError(
    code="interrupted",
    message="The service ended twice while it made this clip. Remedy: send it again; if the service"
    " ends again, its log says why.",
)
_NOW: Final = sa.cast(sa.extract("epoch", sa.func.now()), sa.Integer)
"""By the database's clock, because those of several machines differ."""


class TooManyOfKey(Exception):
    """A key has as many unfinished jobs as it may."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before
        """How many jobs are made before the first of them."""


class JobStore:
    """The database as one service uses it."""

    def __init__(self, url: str) -> None:
        self._engine = opened(url)
        self.owner = new_owner()
        self.seen()

    def add(
        self,
        request: JobRequest,
        plan: Plan,
        key: str | None,
        most_waiting: int,
        retry_s: int,
        *,
        most_of_key: int | None = None,
        order: str | None = None,
        made: tuple[str, Mapping[str, object]] | None = None,
    ) -> Job:
        """The job that `request` became; a repeated `key` is answered with what it asked for first.

        `order` is the hash of all that decides its clip. With a clip that was `made` before and its
        result the job is completed as it comes.

        Raises QueueFull when `most_waiting` of this service's jobs wait behind the running one,
        TooManyOfKey when `most_of_key` of them are of the API key that asks, IdempotencyConflict
        for a key that came with another request.
        """
        body = request.model_dump(mode="json")
        with alone(self._engine) as connection:
            if key is not None:
                known = connection.execute(sa.select(JOBS).where(JOBS.c.idempotency_key == key))
                if (before := known.mappings().one_or_none()) is not None:
                    return _same(_job(before), request)
            mine = sa.and_(JOBS.c.owner == self.owner, JOBS.c.state.in_(UNFINISHED))
            if made is None and _count(connection, mine) > most_waiting:
                raise QueueFull(retry_s)
            if made is None and plan.asked_by is not None and most_of_key is not None:
                _refuse_too_many(connection, mine & _asked_by(plan.asked_by), most_of_key)
            row = {
                "id": f"video_{secrets.token_hex(16)}",
                "owner": self.owner,
                "state": "queued",
                "attempts": 0,
                "request": body,
                "plan": plan.model_dump(mode="json"),
                "idempotency_key": key,
                "order_hash": order,
                "created_at": (now := int(time.time())),
            }
            if made is not None:
                row |= {"state": "completed", "artifact": made[0], "result": dict(made[1])}
                row |= {"started_at": now, "finished_at": now}
            added = connection.execute(sa.insert(JOBS).values(row).returning(*JOBS.c))
            return _job(added.mappings().one())

    def get(self, job_id: str) -> Job:
        """One job. Raises JobNotFound."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(JOBS).where(JOBS.c.id == job_id))
            row = found.mappings().one_or_none()
        if row is None:
            raise JobNotFound("No job has this id.")
        return _job(row)

    def position(self, job: Job) -> int:
        """How many jobs are made before this one, by the service that it belongs to."""
        with self._engine.connect() as connection:
            itself = sa.alias(JOBS)
            before = sa.and_(
                itself.c.id == job.id,
                JOBS.c.owner == itself.c.owner,
                JOBS.c.number < itself.c.number,
                JOBS.c.state.in_(UNFINISHED),
            )
            return _count(connection, before)

    def page(
        self, after: str | None, limit: int, newest_first: bool, asked_by: str | None = None
    ) -> tuple[list[Job], bool]:
        """Up to `limit` jobs after the job `after`, of one API key or of all, and whether there are
        more. Raises JobNotFound for one that isn't there."""
        wanted = sa.select(JOBS)
        if asked_by is not None:
            wanted = wanted.where(_asked_by(asked_by))
        if after is not None:
            self.get(after)
            number = sa.select(JOBS.c.number).where(JOBS.c.id == after).scalar_subquery()
            wanted = wanted.where(
                JOBS.c.number < number if newest_first else JOBS.c.number > number
            )
        order = JOBS.c.number.desc() if newest_first else JOBS.c.number.asc()
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(order).limit(limit + 1)).mappings().all()
        return [_job(row) for row in rows[:limit]], len(rows) > limit

    def last_of(self, order: str) -> Job | None:
        """The last job that made a clip of this order."""
        done = sa.and_(JOBS.c.order_hash == order, JOBS.c.state == "completed")
        wanted = sa.select(JOBS).where(done).order_by(JOBS.c.number.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        return None if row is None else _job(row)

    def is_shared(self, artifact: str) -> bool:
        """Whether several jobs have this clip."""
        with self._engine.connect() as connection:
            return _count(connection, JOBS.c.artifact == artifact) > 1

    def unfinished(self) -> set[str]:
        """All jobs that wait or are being made, by any service."""
        wanted = sa.select(JOBS.c.id).where(JOBS.c.state.in_(UNFINISHED))
        with self._engine.connect() as connection:
            return set(connection.execute(wanted).scalars())

    def claim(self) -> Job | None:
        """This service's oldest waiting job, which is in progress from now on; None: nothing
        waits."""
        waiting = sa.and_(JOBS.c.owner == self.owner, JOBS.c.state == "queued")
        first = sa.select(JOBS.c.id).where(waiting).order_by(JOBS.c.number).limit(1)
        begun = {"state": "in_progress", "started_at": int(time.time())}
        # One statement, and whom another one holds is passed by: nobody claims what is claimed.
        claimed = (
            sa.update(JOBS)
            .where(JOBS.c.id == first.with_for_update(skip_locked=True).scalar_subquery(), waiting)
            .values(begun | {"attempts": JOBS.c.attempts + 1})
            .returning(*JOBS.c)
        )
        with self._engine.begin() as connection:
            row = connection.execute(claimed).mappings().one_or_none()
        return _job(row) if row is not None else None

    def complete(self, job_id: str, artifact: str, result: Mapping[str, object]) -> None:
        """The job's clip is published."""
        self._end(job_id, "completed", artifact=artifact, result=dict(result))

    def fail(self, job_id: str, error: JobError) -> None:
        """The job can't be made."""
        self._end(job_id, "failed", error=error.model_dump(mode="json"))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that isn't finished; whether there was anything to cancel."""
        return self._end(job_id, "cancelled")

    def put_back(self, job_id: str) -> None:
        """The job waits again, as if it had not been begun: its service stops."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(JOBS)
                .where(JOBS.c.id == job_id, JOBS.c.state == "in_progress")
                .values(state="queued", started_at=None, attempts=JOBS.c.attempts - 1)
            )

    def forget(self, job_id: str) -> None:
        """Drop a finished job."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(JOBS).where(JOBS.c.id == job_id, JOBS.c.state.not_in(UNFINISHED))
            )

    def seen(self) -> None:
        """This service is there."""
        now = {"seen_at": _NOW}
        with self._engine.begin() as connection:
            known = sa.update(SERVICES).where(SERVICES.c.owner == self.owner).values(now)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(SERVICES).values(now | {"owner": self.owner}))

    def take_over(self, published: Callable[[Job], tuple[str, dict[str, object]] | None]) -> int:
        """Make unfinished jobs of services that are gone this one's; returns how many.

        One that was being made is completed if `published` finds its clip, and made once more else.
        """
        taken = 0
        with alone(self._engine) as connection:
            # Jobs first: a service is there before its jobs are.
            held = sa.select(JOBS).where(JOBS.c.state.in_(UNFINISHED), JOBS.c.owner != self.owner)
            rows = connection.execute(held.order_by(JOBS.c.number)).mappings().all()
            silent = sa.select(SERVICES.c.owner, _NOW - SERVICES.c.seen_at)
            known = dict[str, int](connection.execute(silent).tuples().all())
            gone = {
                owner
                for owner in {*known, *(row["owner"] for row in rows)} - {self.owner}
                if owner not in known or not is_there(owner, known[owner])
            }
            for row in rows:
                if row["owner"] in gone:
                    taken += connection.execute(
                        sa.update(JOBS)
                        .where(JOBS.c.id == row["id"], JOBS.c.state == row["state"])
                        .values(self._taken(row, published))
                    ).rowcount
            connection.execute(sa.delete(SERVICES).where(SERVICES.c.owner.in_(gone)))
        return taken

    def close(self) -> None:
        """Whoever comes next takes over what waits."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SERVICES).where(SERVICES.c.owner == self.owner))
        self._engine.dispose()

    def _taken(
        self,
        row: sa.RowMapping,
        published: Callable[[Job], tuple[str, dict[str, object]] | None],
    ) -> dict[str, object]:
        mine: dict[str, object] = {"owner": self.owner}
        if row["state"] == "queued":
            return mine
        now = int(time.time())
        found = published(_job(row))
        if found is not None:
            artifact, result = found
            done = {"state": "completed", "artifact": artifact, "result": result}
            return mine | done | {"finished_at": now}
        if row["attempts"] >= MOST_ATTEMPTS:
            error = INTERRUPTED.model_dump(mode="json")
            return mine | {"state": "failed", "error": error, "finished_at": now}
        return mine | {"state": "queued", "started_at": None}

    def _end(self, job_id: str, state: State, **values: object) -> bool:
        """Finish a job that isn't finished yet; what is stays as it is."""
        ended = {"state": state, "finished_at": int(time.time()), **values}
        with self._engine.begin() as connection:
            done = connection.execute(
                sa.update(JOBS)
                .where(JOBS.c.id == job_id, JOBS.c.state.in_(UNFINISHED))
                .values(ended)
            )
        return done.rowcount == 1


def _same(job: Job, request: JobRequest) -> Job:
    if job.request != request:
        raise IdempotencyConflict(
            "The Idempotency-Key was sent before, with another request. Remedy: send a new key."
        )
    return job


def _job(row: sa.RowMapping) -> Job:
    return Job.model_validate({name: row[name] for name in Job.model_fields})


def _count(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).where(which)).scalar_one()


def _asked_by(key: str) -> sa.ColumnElement[bool]:
    same: sa.ColumnElement[bool] = JOBS.c.plan["asked_by"].as_string() == key
    return same


def _refuse_too_many(connection: sa.Connection, which: sa.ColumnElement[bool], most: int) -> None:
    if _count(connection, which) < most:
        return
    first = sa.select(sa.func.min(JOBS.c.number)).where(which).scalar_subquery()
    before = sa.and_(JOBS.c.number < first, JOBS.c.state.in_(UNFINISHED))
    raise TooManyOfKey(_count(connection, before))
