"""What the handlers share: the workshop, and who takes jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future

from fastapi import Request

from api.affordable import refuse_unaffordable
from api.errors import InvalidForm
from api.generated import Generated as Generated
from api.generated import answer_of as answer_of
from api.generator.choice import Choice, choose
from api.jobs.accepting import JobTaker
from api.jobs.job import Job, JobRequest
from api.jobs.reuse import made_before
from api.jobs.runner import JobRunner
from api.jobs.table import LONGEST_KEY
from api.kept_presets import ServedPresets
from api.metrics import Looked
from api.settings import ApiSettings
from api.workshop import Workshop
from slora_assets.base_models.seam import VideoBase
from slora_assets.provenance import sha256_bytes

Begin = Callable[[Workshop], JobTaker]
"""Takes jobs, and makes them with what a workshop is, or has them made."""


def in_this_process(workshop: Workshop) -> JobRunner:
    """Makes the jobs that it takes."""
    return JobRunner(
        workshop.jobs,
        workshop.make,
        workshop.published,
        workshop.idle,
        workshop.ended,
        workshop.store.erase,
    )


class Service(Workshop):
    """One running service. Handlers stay thin: read, refuse, call this."""

    def __init__(self, settings: ApiSettings, begin: Begin = in_this_process) -> None:
        super().__init__(settings)
        self.runner = begin(self)
        self.metrics.registry.register(
            Looked(
                lambda: len(self.jobs.unfinished()),
                lambda: self.engine.switches + self.runner.switches,
            )
        )

    def submit(
        self,
        request: JobRequest,
        presets: ServedPresets,
        key: str | None = None,
        asked_by: str | None = None,
        anew: bool = False,
    ) -> tuple[Job, Future[Mapping[str, object]]]:
        """Queue a generation for the API key `asked_by`, or answer it with the clip that the same
        request of the same API key gave before, unless it is to be made `anew`. Raises NotServable,
        QueueFull, TooManyRequests, IdempotencyConflict, TooCostly, OutOfMemory, InvalidForm for
        another's path and for a key that is too long."""
        if key is not None and len(key) > LONGEST_KEY:
            raise InvalidForm({"Idempotency-Key": f"longer than {LONGEST_KEY} characters"})
        if anew and key is None:  # else it may be answered with what there is already
            self.runner.refuse_full(presets.limits.max_queue)
        self._refuse_other_path(request, presets)
        order = self.making.order(request, presets)
        _refuse_other_speed(request, order.choice)
        self._refuse_other_frames(request, order.base)
        order_hash = order.key
        if asked_by is not None:  # no key of one client's is another's, and no clip is told of
            key = None if key is None else sha256_bytes(f"{asked_by} {key}".encode())
            order_hash = sha256_bytes(f"{asked_by} {order_hash}".encode())
        made = None if anew else made_before(self.jobs, order_hash, self.store.hash_of)
        if made is None:
            steps = order.plan.steps or 0
            refuse_unaffordable(self.engine, order.base, steps, presets.limits, self.runner.busy)
        decided = {"adapter_sha256": order.adapter_sha256, "asked_by": asked_by}
        plan = order.plan.model_copy(update=decided)
        limit, most_of_key = presets.limits.max_queue, self.settings.exposure.jobs_per_key
        return self.runner.submit(request, plan, key, limit, most_of_key, order_hash, made)

    def _refuse_other_path(self, request: JobRequest, presets: ServedPresets) -> None:
        """Raise InvalidForm for another adapter than the scenario's."""
        if request.lora_path is None:
            return
        choice = choose(self.settings, presets, request.scenario)
        if not choice.named_by(request.lora_path):
            raise InvalidForm(
                {
                    "lora_path": f"not the adapter of {request.scenario}, which is "
                    f"{choice.lora_path}; leave the field out for it"
                }
            )

    def _refuse_other_frames(self, request: JobRequest, base: VideoBase) -> None:
        """Raise InvalidForm for a number of frames that the base doesn't make."""
        frames = base.geometry.frames
        if request.num_frames not in (None, frames):
            raise InvalidForm({"num_frames": f"the base makes clips of {frames} frames"})

    def delete(self, job: Job) -> None:
        """Cancel the job, or, where it is finished, forget it with its clip. Its entry in the
        register of published clips stays: whoever has the file can still be told what it is."""
        if job.unfinished and self.runner.cancel(job.id):
            return
        job = self.jobs.get(job.id)
        if job.artifact is not None and not self.jobs.is_shared(job.artifact):
            self.store.erase(job.artifact)
        self.jobs.forget(job.id)


def _refuse_other_speed(request: JobRequest, choice: Choice | None) -> None:
    """Raise InvalidForm for a speed preset that the gate did not let the adapter through at."""
    known, named = choice.speeds if choice else None, request.preset
    if known is None or named in (None, *known):
        return
    raise InvalidForm(
        {
            "preset": f"the adapter of {request.scenario} was not let through at {named}, but at"
            f" {', '.join(known)}; where `make sweep` finds that it passes, promoting again lets"
            " it through"
        }
    )


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service
