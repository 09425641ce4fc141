"""A request that was answered before: the same order gives the same clip, so it need not be made
twice."""

from __future__ import annotations

from collections.abc import Callable

from api.jobs.store import JobStore

Made = tuple[str, dict[str, object]]


def made_before(jobs: JobStore, order: str, hash_of: Callable[[str], str | None]) -> Made | None:
    """Name and result of the clip that the last job of this `order` made, if its hash is still the
    one that was told."""
    job = jobs.last_of(order)
    if job is None or job.artifact is None or job.result is None:
        return None
    if hash_of(job.artifact) != job.result.get("sha256"):
        return None
    return job.artifact, {**job.result, "reused": True}
