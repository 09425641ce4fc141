"""Jobs whose service is gone, and whose they are then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa

from api.jobs.job import UNFINISHED, Job, JobError
from api.jobs.owners import is_there
from api.jobs.table import JOBS, NOW, SERVICES, job_of

MOST_ATTEMPTS: Final = 2
"""A job that was being made when its service died twice is taken for the cause."""
INTERRUPTED: Final = JobError(
    code="interrupted",
    message="The service ended twice while it made this clip. Remedy: send it again; if the service"
    " ends again, its log says why.",
)
WAITS_AGAIN: Final[Mapping[str, object]] = {
    "state": "queued",
    "started_at": None,
    "steps_done": None,
    "steps": None,
}
Published = Callable[[Job], tuple[str, dict[str, object]] | None]
"""Name and result of the clip of a job whose service died before it could say so."""


def adopt(
    connection: sa.Connection, owner: str, published: Published, lost: Job | None = None
) -> int:
    """Make what services that are gone have left `owner`'s, in a transaction beside which no other
    does this; returns how many jobs. Whoever took `lost` after that is gone as well."""
    # Jobs first: a service is there before its jobs are.
    held = sa.select(JOBS).where(JOBS.c.state.in_(UNFINISHED), JOBS.c.owner != owner)
    rows = connection.execute(held.order_by(JOBS.c.number)).mappings().all()
    silent = sa.select(SERVICES.c.owner, NOW - SERVICES.c.seen_at)
    known = dict[str, int](connection.execute(silent).tuples().all())
    gone = {
        other
        for other in {*known, *(row["owner"] for row in rows)} - {owner}
        if other not in known or not is_there(other, known[other])
    }
    gone |= {row["owner"] for row in rows if lost is not None and _was_taken(lost, row)}
    taken = 0
    for row in rows:
        if row["owner"] in gone:
            its = sa.and_(*(JOBS.c[name] == row[name] for name in ("id", "owner", "state")))
            values = {"owner": owner, **_what_becomes_of(row, published)}
            taken += connection.execute(sa.update(JOBS).where(its).values(values)).rowcount
    connection.execute(sa.delete(SERVICES).where(SERVICES.c.owner.in_(gone)))
    return taken


def _was_taken(job: Job, row: sa.RowMapping) -> bool:
    """Whether this is what became of a job when it was taken, and no later taking."""
    begun: bool = row["id"] == job.id and row["state"] == "in_progress"
    return begun and row["attempts"] == job.attempts + 1


def _what_becomes_of(row: sa.RowMapping, published: Published) -> Mapping[str, object]:
    if row["state"] == "queued":
        return {}
    now = int(time.time())
    found = published(job_of(row))
    if found is not None:
        artifact, result = found
        done = {"state": "completed", "artifact": artifact, "result": result}
        return done | {"finished_at": now}
    if row["attempts"] >= MOST_ATTEMPTS:
        error = INTERRUPTED.model_dump(mode="json")
        return {"state": "failed", "error": error, "finished_at": now}
    return WAITS_AGAIN
