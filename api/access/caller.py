"""Who sent a request, and what they may see of others' jobs."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from api.errors import JobNotFound
from api.jobs.job import Job
from slora_assets.documents.api_keys import ApiKey, Scope


@dataclass(frozen=True)
class Caller:
    """A key's holder, or somebody without one."""

    key: ApiKey | None = None
    local: bool = False
    """Whoever sits at this machine, where no key is asked for: may do everything."""

    @property
    def id(self) -> str | None:
        """What is kept with the jobs of a key."""
        return None if self.key is None else self.key.id

    def may(self, scope: Scope) -> bool:
        """Whether what asks for `scope` is allowed."""
        return self.local if self.key is None else self.key.allows(scope)

    @property
    def only(self) -> str | None:
        """Whose jobs are shown; None: everybody's."""
        return None if self.may(Scope.ADMIN) else self.id or ""

    def own(self, job: Job) -> Job:
        """The job, where it may be seen. Raises JobNotFound, as for one that isn't there."""
        if self.only is not None and job.plan.asked_by != self.only:
            raise JobNotFound("No job has this id.")
        return job


def caller_of(request: Request) -> Caller:
    """Who sent it."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller
