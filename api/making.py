"""From an accepted job to a published clip: which adapter, drawn how, within which limits, with
which scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from api.errors import GenerationTimeout, NotServable, OutOfMemory
from api.generated import answer_of
from api.generator.accelerator import Accelerator
from api.generator.alignment import Alignment
from api.generator.choice import Choice, choose, refuse_taken_down
from api.generator.engine import Engine, GeneratedClip, Recipe, drawn_with
from api.generator.memory import is_out_of_memory, needed_bytes, release
from api.generator.slots import Adapter
from api.jobs.job import Job, JobRequest, Plan
from api.jobs.maker import Made, Step
from api.kept_presets import ServedPresets
from api.service_log import service_log
from api.settings import ApiSettings
from api.store.artifact_store import ArtifactStore
from slora_assets import __version__
from slora_assets.base_models.seam import VideoBase
from slora_assets.documents import DEFAULT_SPEED, BaseIdentity, SpeedPreset
from slora_assets.provenance import Json, object_hash
from slora_assets.validation.metrics.temporal_consistency import measure_temporal
from slora_assets.validation.yardstick import motion_reference_of

_LOG = service_log()

RANDOM_BASE: Final = (
    "The base is not fully trained: the clip and its scores show that the path works, and say "
    "nothing of quality."
)


@dataclass(frozen=True)
class Order:
    """A request with all that decides its clip."""

    request: JobRequest
    plan: Plan
    choice: Choice | None
    """None: the base alone."""
    base: VideoBase
    motion_reference: float | None
    """What the temporal score is held against."""

    @property
    def adapter_sha256(self) -> str | None:
        """Of the adapter that draws it."""
        return self.choice.record.sha256 if self.choice else None

    @property
    def facts(self) -> dict[str, Json]:
        """What there is to say of the clip before it is made."""
        request, plan, choice = self.request, self.plan, self.choice
        unjudged = _unjudged(request, plan, choice)
        identity = self.base.identity()
        return {
            "status": choice.status if choice else "base",
            "scenario": request.scenario,
            "adapter_sha256": self.adapter_sha256,
            "lora_path": choice.lora_path if choice else None,
            "verdict": choice.verdict if choice and unjudged is None else None,
            "verdict_note": unjudged,
            "lora_scale": plan.lora_scale,
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "seed": plan.seed,
            "steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "base": identity.model_dump(mode="json"),
            "scores_note": _note(choice, identity),
        }

    @property
    def key(self) -> str:
        """Orders of one key give the same clip with the same scores."""
        held = {"motion_reference": self.motion_reference, "version": __version__}
        return object_hash(self.facts | held)


class Making:
    """Makes jobs with one engine; used from one thread, but for `order`."""

    def __init__(self, settings: ApiSettings, engine: Engine, store: ArtifactStore) -> None:
        self._settings, self._engine, self._store = settings, engine, store
        self._alignment = Alignment(settings.workspace)
        lock = None if settings.on_cluster else settings.workspace.gpu_lock
        self.accelerator = Accelerator(lock, engine, settings.accelerator_wait_s)

    def order(self, request: JobRequest, presets: ServedPresets, plan: Plan | None = None) -> Order:
        """What a request means now, or as it was planned. Raises NotServable."""
        base = self._engine.base(presets.base_model)
        plan = _filled(plan or _planned(request, presets), request, presets, base)
        choice = None
        if plan.lora_scale != 0:
            choice = choose(self._settings, presets, request.scenario)
        held = motion_reference_of(self._settings.workspace, request.scenario, base.identity())
        return Order(request, plan, choice, base, held)

    def make(self, job: Job, presets: ServedPresets, on_step: Step) -> Made:
        """Make the clip and publish it. Raises NotServable when another adapter serves by now,
        GenerationTimeout, OutOfMemory, AcceleratorBusy."""
        try:
            return self._made(job, presets, on_step)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            _LOG.exception("there was not enough memory for a clip")
        # Out here nothing holds the frames of the failed calls any more, nor what was in them.
        self._engine.drop()
        release()
        base = self._engine.base(presets.base_model)
        raise OutOfMemory(needed_bytes(base, self._engine.device(), loaded=False))

    def _made(self, job: Job, presets: ServedPresets, on_step: Step) -> Made:
        began = time.monotonic()
        order = self.order(job.request, presets, job.plan)
        choice = order.choice
        if order.adapter_sha256 != job.plan.adapter_sha256:
            raise NotServable(
                f"Another adapter serves {job.request.scenario} since the job was accepted. Remedy:"
                " send it again."
            )
        with self.accelerator.held(lambda: on_step(0, 0)):
            waited = time.monotonic() - began
            step = within(on_step, presets.limits.max_seconds)
            clip = self._engine.generate(presets.base_model, _recipe(order, presets), step)
        if choice is not None:
            refuse_taken_down(self._settings, choice)
        drawn = time.monotonic()
        temporal = measure_temporal(clip.frames, clip.fps, order.motion_reference)
        prompt, adapter = job.request.prompt, choice.folder if choice else None
        alignment = self._alignment.of(clip.frames, prompt, job.request.scenario, adapter)
        stages = {"wait": waited, **clip.durations_s, "score": time.monotonic() - drawn}
        told = {
            **order.facts,
            **_shape(clip),
            "job": job.id,
            "temporal_score": temporal.model_dump(mode="json"),
            "clip_similarity": alignment,
            "stage_durations": {name: round(s, 3) for name, s in stages.items()},
            "peak_memory_mb": clip.peak_mib,
            "warnings": list(clip.warnings),
            "seconds": round(time.monotonic() - began, 3),
            **_origin(choice),
        }
        records = choice.records if choice else ()
        artifact = self._store.publish(clip.frames, clip.fps, told, records)
        return artifact.name, answer_of(self._store.sidecar(artifact.name))


def _planned(request: JobRequest, presets: ServedPresets) -> Plan:
    """Strength and seed, the presets' where a request names none."""
    preset = presets.presets.get(request.scenario)
    scale = request.lora_scale
    if scale is None:
        scale = preset.scale if preset else 1.0
    return Plan(
        adapter_sha256=None,
        lora_scale=scale,
        seed=presets.seed if request.seed is None else request.seed,
    )


def within(on_step: Callable[[int, int], None], limit_s: float) -> Callable[[int, int], None]:
    """`on_step`, raising GenerationTimeout after the step at which the time is over."""
    end = time.monotonic() + limit_s

    def step(done: int, steps: int) -> None:
        on_step(done, steps)
        if time.monotonic() > end:
            raise GenerationTimeout(
                f"After {done} of {steps} steps the clip had taken more than {limit_s:g} s. Remedy:"
                " ask for fewer steps, or raise limits.max_seconds in optimized_inference.yaml."
            )

    return step


def _filled(plan: Plan, request: JobRequest, presets: ServedPresets, base: VideoBase) -> Plan:
    """A plan with steps and guidance; those of an older version have none."""
    if plan.steps is not None and plan.guidance_scale is not None:
        return plan
    named = presets.speed.get(request.preset or DEFAULT_SPEED, presets.speed[DEFAULT_SPEED])
    asked_steps, asked_guidance = request.num_inference_steps, request.guidance_scale
    speed = SpeedPreset(
        steps=named.steps if asked_steps is None else asked_steps,
        guidance_scale=named.guidance_scale if asked_guidance is None else asked_guidance,
    )
    steps, guidance = drawn_with(base, speed, presets.limits.max_steps)
    return plan.model_copy(update={"steps": steps, "guidance_scale": guidance})


def _recipe(order: Order, presets: ServedPresets) -> Recipe:
    choice, plan = order.choice, order.plan
    return Recipe(
        adapter=Adapter(choice.folder, choice.record, plan.lora_scale) if choice else None,
        prompt=order.request.prompt,
        seed=plan.seed,
        speed=SpeedPreset(steps=plan.steps, guidance_scale=plan.guidance_scale),
        max_steps=presets.limits.max_steps,
        negative_prompt=order.request.negative_prompt,
        kept_adapters=presets.limits.kept_adapters,
    )


def _shape(clip: GeneratedClip) -> dict[str, Json]:
    return {
        "steps": clip.steps,
        "guidance_scale": clip.guidance_scale,
        "frames": len(clip.frames),
        "width": int(clip.frames.shape[2]),
        "height": int(clip.frames.shape[1]),
        "fps": clip.fps,
    }


def _origin(choice: Choice | None) -> dict[str, Json]:
    """With these the sidecar leads from the clip back to the footage."""
    if choice is None:
        return {}
    names = {"run_hash", "config_hash", "dataset_hash"}
    return choice.record.model_dump(mode="json", include=names)


def _unjudged(request: JobRequest, plan: Plan, choice: Choice | None) -> str | None:
    """Why the adapter's verdict is about other clips than this one."""
    if choice is None:
        return "At strength 0 the clip is the base's, without an adapter."
    speed = request.preset or DEFAULT_SPEED
    if not (request.by_preset_alone and choice.passed_at(speed, plan.lora_scale)):
        also = ""
        others = [name for name in choice.speeds or () if name != DEFAULT_SPEED]
        if others and choice.scale is not None:
            also = f", at strength {choice.scale:g} also with those of {', '.join(others)}"
        return (
            "The adapter was judged with the default preset's steps and guidance and no negative"
            f" prompt{also}."
        )
    return None


def _note(choice: Choice | None, base: BaseIdentity) -> str | None:
    notes = ([] if base.trained else [RANDOM_BASE]) + (
        [choice.scores_note] if choice and choice.scores_note else []
    )
    return " ".join(notes) or None
