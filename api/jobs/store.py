"""The jobs in their database: each change is one transaction, so that whatever is killed, every job
stands in a state that is true.

A job belongs to the service that accepted it, which alone runs it, or to the one that it was handed
to. When its owner is gone, whoever comes next takes its unfinished jobs over, and what the old one
still says of them is not heard.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import sqlalchemy as sa

from api.errors import IdempotencyConflict, JobNotFound, QueueFull
from api.jobs.job import UNFINISHED, Job, JobError, JobRequest, Plan, State
from api.jobs.orphans import WAITS_AGAIN, Published, adopt
from api.jobs.owners import new_owner
from api.jobs.table import JOBS, NOW, SERVICES, alone, job_of, opened


class TooManyOfKey(Exception):
    """A key has as many unfinished jobs as it may."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before
        """How many jobs are made before the first of them."""


class JobStore:
    """The database as one service uses it."""

    def __init__(self, url: str, together: bool = False) -> None:
        """`together`: all services on this database have one queue."""
        self._engine, self._together = opened(url), together
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
                    return _same(job_of(before), request)
            counted = self._counted()
            if made is None and _count(connection, counted) > most_waiting:
                raise QueueFull(retry_s)
            if made is None and plan.asked_by is not None and most_of_key is not None:
                _refuse_too_many(connection, counted & _asked_by(plan.asked_by), most_of_key)
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
            return job_of(added.mappings().one())

    def refuse_full(self, most_waiting: int, retry_s: int) -> None:
        """Raise QueueFull as `add` would by now, without waiting for who writes."""
        with self._engine.connect() as connection:
            if _count(connection, self._counted()) > most_waiting:
                raise QueueFull(retry_s)

    def get(self, job_id: str) -> Job:
        """One job. Raises JobNotFound."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(JOBS).where(JOBS.c.id == job_id))
            row = found.mappings().one_or_none()
        if row is None:
            raise JobNotFound("No job has this id.")
        return job_of(row)

    def position(self, job: Job) -> int:
        """How many jobs are made before this one, by the service that it belongs to, or by all that
        work together."""
        with self._engine.connect() as connection:
            itself = sa.alias(JOBS)
            before = sa.and_(
                itself.c.id == job.id,
                sa.true() if self._together else JOBS.c.owner == itself.c.owner,
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
        return [job_of(row) for row in rows[:limit]], len(rows) > limit

    def last_of(self, order: str) -> Job | None:
        """The last job that made a clip of this order."""
        done = sa.and_(JOBS.c.order_hash == order, JOBS.c.state == "completed")
        wanted = sa.select(JOBS).where(done).order_by(JOBS.c.number.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        return None if row is None else job_of(row)

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
        return job_of(row) if row is not None else None

    def waiting(self) -> list[Job]:
        """This service's jobs that nobody has begun, the oldest first."""
        mine = sa.and_(JOBS.c.owner == self.owner, JOBS.c.state == "queued")
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(JOBS).where(mine).order_by(JOBS.c.number))
            return [job_of(row) for row in rows.mappings()]

    def take(self, job_id: str, owner: str) -> Job | None:
        """A job that the service `owner` hands over: in progress, and this one's from now on. None
        where it doesn't wait there any more."""
        taken: dict[str, object] = {"owner": self.owner, "attempts": JOBS.c.attempts + 1}
        waiting = (JOBS.c.id == job_id, JOBS.c.owner == owner, JOBS.c.state == "queued")
        begun = {"state": "in_progress", "started_at": int(time.time())} | taken
        with self._engine.begin() as connection:
            done = connection.execute(
                sa.update(JOBS).where(*waiting).values(begun).returning(*JOBS.c)
            )
            row = done.mappings().one_or_none()
        return None if row is None else job_of(row)

    def note(self, job_id: str, done: int, steps: int) -> bool:
        """Write down how far this service is with a job; whether it is still its own to make."""
        with self._engine.begin() as connection:
            far = {"steps_done": done, "steps": steps}
            noted = sa.update(JOBS).where(self._made_here(job_id)).values(far)
            return connection.execute(noted).rowcount == 1

    def complete(self, job_id: str, artifact: str, result: Mapping[str, object]) -> bool:
        """The job's clip is published; False where the job is over, or another's by now."""
        told = {"artifact": artifact, "result": dict(result)}
        return self._end(self._made_here(job_id), "completed", **told)

    def fail(self, job_id: str, error: JobError) -> bool:
        """The job can't be made; False as of `complete`."""
        return self._end(self._made_here(job_id), "failed", error=error.model_dump(mode="json"))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that isn't finished, whoever makes it; whether there was anything to
        cancel."""
        return self._end(JOBS.c.id == job_id, "cancelled")

    def put_back(self, job_id: str, owner: str | None = None) -> None:
        """The job waits again, as if it had not been begun, at this service or at `owner`."""
        back: dict[str, object] = {
            "attempts": JOBS.c.attempts - 1,
            "owner": owner or self.owner,
        }
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(JOBS).where(self._made_here(job_id)).values({**WAITS_AGAIN, **back})
            )

    def forget(self, job_id: str) -> None:
        """Drop a finished job."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(JOBS).where(JOBS.c.id == job_id, JOBS.c.state.not_in(UNFINISHED))
            )

    def seen(self) -> None:
        """This service is there."""
        now = {"seen_at": NOW}
        with self._engine.begin() as connection:
            known = sa.update(SERVICES).where(SERVICES.c.owner == self.owner).values(now)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(SERVICES).values(now | {"owner": self.owner}))

    def take_over(self, published: Published, lost: Job | None = None) -> int:
        """Make unfinished jobs of services that are gone this one's; returns how many. Whoever took
        `lost`, a job as it was handed over, is known to be gone.

        One that was being made is completed if `published` finds its clip, and made once more else.
        """
        with alone(self._engine) as connection:
            return adopt(connection, self.owner, published, lost)

    def close(self) -> None:
        """Whoever comes next takes over what waits."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SERVICES).where(SERVICES.c.owner == self.owner))
        self._engine.dispose()

    def _made_here(self, job_id: str) -> sa.ColumnElement[bool]:
        """Who was taken for gone and isn't has nothing more to say of a job."""
        mine = JOBS.c.owner == self.owner
        return sa.and_(JOBS.c.id == job_id, mine, JOBS.c.state == "in_progress")

    def _counted(self) -> sa.ColumnElement[bool]:
        """The unfinished jobs that stand in one queue with this service's."""
        unfinished: sa.ColumnElement[bool] = JOBS.c.state.in_(UNFINISHED)
        return unfinished if self._together else sa.and_(JOBS.c.owner == self.owner, unfinished)

    def _end(self, which: sa.ColumnElement[bool], state: State, **values: object) -> bool:
        """Finish a job that isn't finished yet; what is stays as it is."""
        ended = {"state": state, "finished_at": int(time.time()), **values}
        with self._engine.begin() as connection:
            done = connection.execute(
                sa.update(JOBS).where(which, JOBS.c.state.in_(UNFINISHED)).values(ended)
            )
        return done.rowcount == 1


def _same(job: Job, request: JobRequest) -> Job:
    if job.request != request:
        raise IdempotencyConflict(
            "The Idempotency-Key was sent before, with another request. Remedy: send a new key."
        )
    return job


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
