"""A run's adapter beside its base, sampled, scored and judged at any strength: what is the same for
all strengths is loaded and drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.embeddings import cache_text
from slora_assets.caches.reading import CacheReader
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.validation_prompts import missing_prompts
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_CONFIG,
    RUN_RECORD,
    AsServed,
    FootageClip,
    GateDecision,
    HeldOut,
    PromptPair,
)
from slora_assets.processes.device import chosen_device, compute_repeatably
from slora_assets.provenance.records import read_adapter_record, software_versions
from slora_assets.validation.clip_cache import ClipCache, Key, MeasuredClip, measured
from slora_assets.validation.footage import DrawnFootage, draw_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.gate.futility import hopeless
from slora_assets.validation.metrics.held_out_loss import HeldOutClip, held_out_loss
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.pairs import paired
from slora_assets.validation.question import Question
from slora_assets.validation.sampling import (
    Asked,
    Drawing,
    Sample,
    Scoring,
    asked_with,
    new_scoring,
)

_NAME = "validated"


@dataclass(frozen=True)
class Judged:
    """One strength of an adapter: what was sampled, and what the gate says."""

    base: list[Sample]
    adapter: list[Sample]
    """As many as the base's, unless a clearly worse adapter was given up."""
    pairs: list[PromptPair]
    gate: GateDecision


class Judging:
    """A run's best adapter on its base. Everything that takes time asks whether to stop, and raises
    InterruptedRunError then. Made and used in one process."""

    def __init__(
        self,
        workspace: Workspace,
        run_folder: Path,
        question: Question,
        report: Callable[[str], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Raises IntegrityError when the adapter isn't the recorded one, MissingInputError."""
        self.question, self._report, self._should_stop = question, report, should_stop
        self._workspace = workspace
        self._run = question.record.run
        self.run_record = run_folder / RUN_RECORD
        self._file = run_folder / question.record.best.path / ADAPTER_FILE
        self.adapter = read_adapter_record(self._file.parent)
        self._settings = read_settings(run_folder / RUN_CONFIG, TrainingSettings)
        self._device = chosen_device()
        compute_repeatably()
        self.base: VideoBase = open_base(self._settings.base_model, workspace.models)
        self._reader = CacheReader(workspace, self.base.identity(), self.base.geometry)
        self._cache = ClipCache(workspace.measured_clips, self.base.geometry.fps)
        self._scorer = open_scorer(self._settings.scorer, workspace.models, self._device)
        self._loaded = False

    @cached_property
    def footage(self) -> dict[str, list[DrawnFootage]]:
        """Scenario to its footage through the base's VAE."""
        self._say("measuring footage")
        clips = self.question.clips
        return draw_footage(self._workspace, self.base, clips, self._device, self.check)

    @cached_property
    def scoring(self) -> Scoring:
        """The scorer, with all that clips are held against."""
        return new_scoring(self.base, self._scorer, self.footage, self.question.contrasts)

    @cached_property
    def footage_clips(self) -> list[FootageClip]:
        """The footage, scored."""
        shown = [clip for mine in self.footage.values() for clip in mine]
        return self.scoring.footage(shown)

    def at(self, serving: AsServed, design: bool = False) -> Judged:
        """Sample and judge at a strength. The base's clips come from the cache where they stand;
        the adapter's are drawn seed by seed, and no longer than it may still pass. `design` adds
        what this set of prompts can tell."""
        question, gate = self.question, self.question.gate
        rounds = [asked_with(question.prompts, [seed]) for seed in question.settings.seeds]
        self._say(f"sampling {len(question.prompts)} prompts with the base")
        base = [self._scored(one, self.base_clips(one, serving)) for one in rounds]
        self._say(f"sampling {len(question.prompts)} prompts with the adapter at {serving.scale:g}")
        trusted, _ = self.trusted()
        adapter: list[Sample] = []
        shown: list[Sample] = []
        reasons: list[str] = []
        for asked, mine in zip(rounds, base, strict=True):
            fps = self.base.geometry.fps
            adapter += self._scored(asked, measured(self.adapter_clips(asked, serving), fps))
            shown += mine
            if trusted and len(adapter) < sum(map(len, base)):
                reasons = hopeless(paired(shown, adapter, None), self.footage_clips, gate)
                if reasons:
                    self._say(f"given up after {len(adapter)} clips: {reasons[0]}")
                    break
        pairs = paired(shown, adapter, gate.same_clip)
        decision = self.decide(pairs, self.held_out(serving.scale), reasons, design)
        return Judged(shown, adapter, pairs, decision)

    def decide(
        self,
        pairs: Sequence[PromptPair],
        held_out: HeldOut | None,
        given_up: Sequence[str] = (),
        design: bool = False,
    ) -> GateDecision:
        """What the gate says of pairs that were measured, held against the footage."""
        question = self.question
        trusted, note = self.trusted()
        return judge(
            pairs,
            self.footage_clips,
            question.gate,
            trusted=trusted,
            untrusted_reason=note,
            advice=missing_prompts(question.settings, question.record.scenarios, question.clips),
            held_out=held_out,
            given_up=given_up,
            design=design,
        )

    def embed(self, prompts: Sequence[str]) -> None:
        """Make sure that prompts which no stage before this one reads have embeddings."""
        cache_text(prompts, self.base, self._workspace.text_embeddings, self._device)

    def trusted(self) -> tuple[bool, str | None]:
        """May a verdict rest on the scores, and why not."""
        return self.scoring.trusted()

    def base_clips(self, asked: Sequence[Asked], serving: AsServed) -> list[MeasuredClip]:
        """The base's clips, measured; drawn in one call where they aren't cached."""

        def draw() -> list[NDArray[np.uint8]]:
            transformer = self._pipeline.transformer
            if not self._loaded:
                return self._drawn(asked, serving)
            transformer.disable_adapters()
            try:
                return self._drawn(asked, serving)
            finally:
                transformer.enable_adapters()

        return self._cache.together(self._keys(asked, serving), draw)

    def adapter_clips(self, asked: Sequence[Asked], serving: AsServed) -> list[NDArray[np.uint8]]:
        """The adapter's clips, [T, H, W, 3] each, drawn in one call."""
        self._load_adapter(serving.scale)
        return self._drawn(asked, serving)

    def held_out(self, scale: float) -> HeldOut | None:
        """Loss of the held-out clips without the adapter and with it; null without such clips."""
        validation = self._settings.validation
        known = {clip.id for clip in self.question.record.clips if clip.split == "validation"}
        clips = [
            HeldOutClip(clip.id, self._reader.moments(clip), self._embedding(clip.prompts[0]))
            for clip in sorted(self.question.clips, key=lambda clip: clip.id)
            if clip.split == "validation" and clip.id in known
        ][: validation.max_clips]
        if not clips:
            return None
        self._load_adapter(scale)
        transformer = self._pipeline.transformer
        adapter = held_out_loss(self.base, transformer, clips, validation.quantiles).mean
        transformer.disable_adapters()
        try:
            base = held_out_loss(self.base, transformer, clips, validation.quantiles).mean
        finally:
            transformer.enable_adapters()
        share = self.question.gate.held_out_loss_share
        return HeldOut(base=base, adapter=adapter, limit=share * base, clips=len(clips))

    @cached_property
    def _pipeline(self) -> Pipeline:
        dtype = self._settings.sampling_dtype(self._device)
        return self.base.pipeline(self._device, dtype, text=False)

    def _load_adapter(self, scale: float) -> None:
        if not self._loaded:
            self.base.load_adapter(self._pipeline, self._file, _NAME, scale)
            self._loaded = True
        self._pipeline.set_adapters([_NAME], [scale])

    def _drawn(self, asked: Sequence[Asked], serving: AsServed) -> list[NDArray[np.uint8]]:
        drawing = Drawing(self.base, self._embedding, serving.steps, serving.guidance_scale)
        return drawing.clips(self._pipeline, asked, lambda _done, _total: self.check())

    def _scored(self, asked: Sequence[Asked], clips: Sequence[MeasuredClip]) -> list[Sample]:
        self.check()
        return self.scoring.samples(asked, clips)

    def _embedding(self, prompt: str) -> NDArray[np.float16]:
        return self._reader.embedding(prompt)

    def _keys(self, asked: Sequence[Asked], serving: AsServed) -> list[Key]:
        """What each of the base's clips depends on, which the others of its call are part of."""
        together: Key = {
            "base": self.base.identity().model_dump(mode="json"),
            "geometry": self.base.geometry.model_dump(mode="json"),
            "sampling": serving.model_dump(mode="json", exclude={"scale"}),
            "device": self._device,
            "dtype": self._settings.sampling_dtype(self._device),
            "software": software_versions(),
            "asked": [[one.prompt.text, one.seed] for one in asked],
        }
        return [together | {"drawn": number} for number in range(len(asked))]

    def check(self) -> None:
        """Raise InterruptedRunError when asked to stop."""
        if self._should_stop():
            raise InterruptedRunError(
                f"{self._run}: validation stopped as asked", remedy="run it again"
            )

    def _say(self, text: str) -> None:
        self._report(f"{self._run}: {text}")
