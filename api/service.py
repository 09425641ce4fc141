"""What the handlers share: settings, presets read anew, the engine, its worker, the artifacts."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from api.errors import InvalidForm
from api.form import GenerateForm
from api.generator.choice import Choice, choose, refuse_taken_down
from api.generator.engine import Engine, Recipe
from api.generator.queue import GeneratorQueue
from api.settings import ApiSettings
from api.store.artifact_store import ArtifactStore
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import DEFAULT_SPEED, BaseIdentity, Presets
from slora_assets.marking.marked import LAYERS
from slora_assets.provenance import Json
from slora_assets.validation.metrics.temporal_consistency import TemporalScore, measure_temporal

RANDOM_BASE = (
    "The base is not fully trained: the clip and its scores show that the path works, and say "
    "nothing of quality."
)


class Generated(BaseModel):
    """The answer to POST /generate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """What its marks call it."""
    marks: tuple[str, ...]
    """What in the clip and about it says that it was generated; `slora detect` looks for them."""
    url: str
    """Where the clip is, at this service."""
    sha256: str
    """Of the MP4."""
    bytes: int
    frames: int
    fps: float
    seconds: float
    """From the start of the generation to the published clip."""
    status: Literal["promoted", "preview"]
    """preview: nobody promoted this adapter."""
    scenario: str
    adapter_sha256: str
    lora_path: str
    verdict: str
    lora_scale: float
    prompt: str
    seed: int
    steps: int
    guidance_scale: float
    base: BaseIdentity
    temporal_score: TemporalScore
    """Its headline `temporal_consistency` is null for a frozen clip; `reason` says why."""
    scores_note: str | None
    """Why scores mean nothing here, where base or scorer are untrained."""


class Service:
    """One running service. Handlers stay thin: read, refuse, call this."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.engine = Engine(settings.workspace.models, settings.device)
        self.worker = GeneratorQueue()
        self.store = ArtifactStore(settings.workspace)

    def presets(self) -> Presets:
        """The presets as they stand on disk now."""
        return read_presets(self.settings.workspace.presets)

    def submit(self, form: GenerateForm, presets: Presets) -> Future[Generated]:
        """Queue a generation. Raises NotServable, QueueFull, InvalidForm for another's path."""
        choice = choose(self.settings, presets, form.scenario)
        if form.lora_path is not None and not choice.named_by(form.lora_path):
            raise InvalidForm(
                {
                    "lora_path": f"not the adapter of {form.scenario}, which is "
                    f"{choice.lora_path}; leave the field out for it"
                }
            )
        default = presets.presets[form.scenario].scale
        scale = default if form.lora_scale is None else form.lora_scale
        return self.worker.submit(
            lambda: self._generate(choice, form.prompt, scale, presets), presets.limits.max_queue
        )

    def _generate(self, choice: Choice, prompt: str, scale: float, presets: Presets) -> Generated:
        start = time.monotonic()
        refuse_taken_down(self.settings, choice)
        recipe = Recipe(
            folder=choice.folder,
            record=choice.record,
            scale=scale,
            prompt=prompt,
            seed=presets.seed,
            speed=presets.speed[DEFAULT_SPEED],
            max_steps=presets.limits.max_steps,
        )
        clip = self.engine.generate(presets.base_model, recipe, self.worker.on_step)
        refuse_taken_down(self.settings, choice)
        temporal = measure_temporal(clip.frames, clip.fps)
        base = self.engine.base(presets.base_model).identity()
        facts: dict[str, Json] = {
            "status": choice.status,
            "scenario": choice.scenario,
            "adapter_sha256": choice.record.sha256,
            "lora_path": choice.lora_path,
            "verdict": choice.verdict,
            "lora_scale": scale,
            "prompt": prompt,
            "seed": recipe.seed,
            "steps": clip.steps,
            "guidance_scale": clip.guidance_scale,
            "base": base.model_dump(mode="json"),
            "temporal_score": temporal.model_dump(mode="json"),
            "scores_note": _note(choice, base),
            "frames": len(clip.frames),
            "fps": clip.fps,
        }
        # With these the sidecar leads from the clip back to the footage.
        origin = choice.record.model_dump(
            mode="json", include={"run_hash", "config_hash", "dataset_hash"}
        )
        told = {**facts, **origin}
        artifact = self.store.publish(clip.frames, clip.fps, told, choice.records)
        return Generated.model_validate(
            {
                **facts,
                "id": artifact.id,
                "marks": LAYERS,
                "url": artifact.url,
                "sha256": artifact.sha256,
                "bytes": artifact.bytes_,
                "seconds": round(time.monotonic() - start, 3),
            }
        )


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def _note(choice: Choice, base: BaseIdentity) -> str | None:
    notes = ([] if base.trained else [RANDOM_BASE]) + (
        [choice.scores_note] if choice.scores_note else []
    )
    return " ".join(notes) or None
