"""What makes clips, and all it needs for that: settings, presets read anew, the engine, the
artifacts, the jobs' database."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial

from api.affordable import refuse_unaffordable
from api.generated import answer_of
from api.generator.engine import Engine
from api.generator.idleness import Idleness
from api.generator.warmth import Warmth, load_first
from api.jobs.job import Job, State
from api.jobs.maker import Made, Step
from api.jobs.store import JobStore
from api.kept_presets import KeptPresets, ServedPresets
from api.making import Making
from api.metrics import Metrics
from api.service_log import service_log
from api.settings import ApiSettings
from api.store.artifact_store import ArtifactStore
from api.store.retention import keeps_all, outdated, published
from api.tracing import Span, no_span

_LOG = service_log()


class Workshop:
    """One process's. Whoever makes jobs with it calls `make` and `idle` from one thread."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._presets = KeptPresets(settings.workspace.presets)
        self.engine = Engine(settings.workspace.models, settings.device)
        self.store = ArtifactStore(settings.workspace)
        self.jobs = JobStore(settings.jobs_url, together=settings.on_cluster)
        self.making = Making(settings, self.engine, self.store)
        load = partial(load_first, settings, self.presets, self.engine)
        self.warmth = Warmth(load) if settings.warm else None
        self._idleness = Idleness(self.engine, settings.idle_s)
        self.metrics = Metrics()
        self.span: Span = no_span
        threading.Thread(target=self._begin, name="slora-sweep", daemon=True).start()

    def presets(self) -> ServedPresets:
        """The presets as they stand on disk now, or the last that could be read."""
        return self._presets.now()

    def make(self, job: Job, on_step: Step) -> Made:
        """Make a job's clip and publish it. Raises what `Making.make` does."""
        facts = {"slora.job": job.id, "slora.scenario": job.request.scenario}
        presets = self.presets()
        if self.settings.on_cluster:  # who took the job doesn't know this process's memory
            base = self.engine.base(presets.base_model)
            steps = job.plan.steps or 0
            refuse_unaffordable(self.engine, base, steps, presets.limits, busy=False)
        with self.span("slora.generation", facts):
            made = self.making.make(job, presets, on_step)
        self._sweep()
        if self.store.has_a_store:
            threading.Thread(target=self.store.send_all, name="slora-store", daemon=True).start()
        return made

    def idle(self) -> None:
        """To be called while nobody wants a clip."""
        if self.warmth is not None:
            self.warmth()
        self._idleness()

    def ended(self, state: State, result: Mapping[str, object]) -> None:
        """Count how a job has ended."""
        self.metrics.ended(state)
        self.metrics.made(result)

    def published(self, job: Job) -> tuple[str, dict[str, object]] | None:
        """The clip of a job whose service died between the clip and the word of it."""
        name = self.store.made_for(job.id)
        return None if name is None else (name, answer_of(self.store.sidecar(name)))

    def _begin(self) -> None:
        self._sweep()
        self.store.send_all()

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
