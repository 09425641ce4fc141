"""What the handlers share: settings, presets read anew, the engine, its jobs, the artifacts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial

from fastapi import Request

from api.affordable import refuse_unaffordable
from api.errors import InvalidForm
from api.generated import Generated as Generated
from api.generated import answer_of as answer_of
from api.generator.choice import choose
from api.generator.engine import Engine
from api.generator.idleness import Idleness
from api.generator.warmth import Warmth, load_first
from api.jobs.job import Job, JobRequest
from api.jobs.reuse import made_before
from api.jobs.runner import JobRunner, Made, Step
from api.jobs.store import JobStore
from api.jobs.table import LONGEST_KEY
from api.kept_presets import KeptPresets, ServedPresets
from api.making import Making
from api.metrics import Looked, Metrics
from api.settings import ApiSettings
from api.store.artifact_store import ArtifactStore
from api.store.retention import keeps_all, outdated, published
from api.tracing import Span, no_span
from slora_assets.base_models.seam import VideoBase
from slora_assets.provenance import sha256_bytes

_LOG = logging.getLogger("slora.api")


class Service:
    """One running service. Handlers stay thin: read, refuse, call this."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._presets = KeptPresets(settings.workspace.presets)
        self.engine = Engine(settings.workspace.models, settings.device)
        self.store = ArtifactStore(settings.workspace)
        self.jobs = JobStore(settings.jobs_url)
        self.making = Making(settings, self.engine, self.store)
        load = partial(load_first, settings, self.presets, self.engine)
        self.warmth = Warmth(load) if settings.warm else None
        self._idleness = Idleness(self.engine, settings.idle_s)
        self.metrics = Metrics()
        unfinished, switches = lambda: len(self.jobs.unfinished()), lambda: self.engine.switches
        self.metrics.registry.register(Looked(unfinished, switches))
        self.span: Span = no_span
        self.runner = JobRunner(
            self.jobs, self._make, self._published, self._idle, self.metrics.ended
        )
        threading.Thread(target=self._begin, name="slora-sweep", daemon=True).start()

    def presets(self) -> ServedPresets:
        """The presets as they stand on disk now, or the last that could be read."""
        return self._presets.now()

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
        self._refuse_other_path(request, presets)
        order = self.making.order(request, presets)
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

    def _make(self, job: Job, on_step: Step) -> Made:
        facts = {"slora.job": job.id, "slora.scenario": job.request.scenario}
        with self.span("slora.generation", facts):
            made = self.making.make(job, self.presets(), on_step)
        self.metrics.made(made[1])
        self._sweep()
        if self.store.has_a_store:
            threading.Thread(target=self.store.send_all, name="slora-store", daemon=True).start()
        return made

    def _begin(self) -> None:
        self._sweep()
        self.store.send_all()

    def _idle(self) -> None:
        """Called while nobody wants a clip."""
        if self.warmth is not None:
            self.warmth()
        self._idleness()

    def _sweep(self) -> None:
        """Erase the clips that the presets' limits keep no longer, but for those of jobs whose end
        isn't written down yet."""
        try:
            limits = self.presets().limits
            if keeps_all(limits):
                return
            unfinished = self.jobs.unfinished()
            for clip in outdated(published(self.settings.workspace.artifacts), limits):
                if self.store.job_of(clip.name) not in unfinished:
                    self.store.erase(clip.name)
                    _LOG.info("artifact %s is erased, as the limits say", clip.name)
        except Exception:  # what can't be erased now can be so later, and hinders nobody
            _LOG.exception("the artifacts can't be swept")

    def _published(self, job: Job) -> tuple[str, dict[str, object]] | None:
        """The clip of a job whose service died between the clip and the word of it."""
        name = self.store.made_for(job.id)
        return None if name is None else (name, answer_of(self.store.sidecar(name)))


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service
