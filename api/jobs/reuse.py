"""A request that was answered before: the same order gives the same clip, so it need not be made
twice."""

from __future__ import annotations

from collections.abc import Callable

from api.jobs.store import JobStore

Made = tuple[str, dict[str, object]]


def made_before(jobs: JobStore, order: str, whole: Callable[[str], bool]) -> Made | None:
    """Name and result of the clip that the last job of this `order` made, if that is still
    `whole`."""
    job = jobs.last_of(order)
    if job is None or job.artifact is None or job.result is None or not whole(job.artifact):
        return None
    return job.artifact, {**job.result, "reused": True}
